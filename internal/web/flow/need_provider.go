package flow

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var needProviderPage = ui.NewPage[needProviderView](files, "need_provider.html")

// needProviderView is for a person who signed in otherwise than the team of the request requires. They sign in at the provider, or cancel.
type needProviderView struct {
	ui.Frame
	Sealed      string
	Application string
	Person      ui.Person
	Team        string // the one that requires it; "" when several do
	Gone        bool   // the provider is not configured any more
	Providers   ui.Providers
	Stronger    string // where a second factor is used, when that is enough for another team; or ""
}

// withURL is the page with a provider's button, for a request.
func withURL(id, sealed string) string {
	return provider.Path(id) + "?" + url.Values{"request": {sealed}}.Encode()
}

func (f *Flow) needProviderPage(r *http.Request, next authz.Next) ui.Content {
	view := needProviderView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("need_provider.title")), Sealed: next.Sealed, Application: next.Client.Name,
		Person: ui.Person{Email: next.Session.User.Email},
	}
	if len(next.Teams) == 1 {
		view.Team = next.Teams[0].Team.Name
	}
	var providers []*provider.Provider
	for _, choice := range next.Teams {
		p, err := f.Providers.ByID(choice.Provider)
		switch {
		case choice.Provider == "":
			view.Stronger = strongerURL(next.Sealed)
		case err == nil && !slices.Contains(providers, p):
			providers = append(providers, p)
		}
	}
	view.Providers, view.Gone = providerButtons(next.Sealed, "", false, providers...), len(providers) == 0
	return needProviderPage.With(view)
}
