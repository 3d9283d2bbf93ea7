package browser

import (
	"context"
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// Leave sends the browser to a provider. When that does not answer, it is down's turn.
func (p *Pages) Leave(w http.ResponseWriter, r *http.Request, at *provider.Provider, ask provider.Ask, down func() error) error {
	location, sealed, err := p.Providers.Begin(r.Context(), at, ask)
	if err == nil {
		err = p.KeepProviderSignIn(w, r, sealed)
	}
	if errors.Is(err, provider.ErrUnavailable) {
		p.Errors.Report(r, &route.Problem{Status: http.StatusBadGateway, Description: err.Error()})
		return down()
	}
	if errors.Is(err, errTooLong) {
		return &route.Problem{Status: http.StatusRequestURITooLong, Description: err.Error(), Words: "with.too_long"}
	}
	if err != nil {
		return err
	}
	route.SeeOther(w, location)
	return nil
}

// Claims is what a provider says in its answer to a browser.
func (p *Pages) Claims(at *provider.Provider, sealed string, answer provider.Answer) func(context.Context) (authn.Claims, error) {
	return func(ctx context.Context) (authn.Claims, error) { return p.Providers.Finish(ctx, at, sealed, answer) }
}

// ProviderProblem is what went wrong at a provider, in words; nothing for a problem that is none.
func ProviderProblem(problem, name string) ui.Words {
	switch problem {
	case "denied":
		return ui.Text("with.denied", "provider", ui.Name(name))
	case "unavailable":
		return ui.Text("with.unavailable", "provider", ui.Name(name))
	case "invalid":
		return ui.Text("with.invalid", "provider", ui.Name(name))
	case "over":
		return ui.Text("with.over", "provider", ui.Name(name))
	case "disabled":
		return ui.Text("with.disabled")
	case "throttled":
		return ui.Text("with.throttled")
	case "taken":
		return ui.Text("with.taken", "provider", ui.Name(name))
	}
	return nil
}
