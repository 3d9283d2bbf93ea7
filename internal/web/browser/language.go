package browser

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Language is the language of a page: what the application of the request that waits asked for, else the person's setting, else what the
// browser asks for, else the server's.
func (p *Pages) Language(r *http.Request) *words.Catalogue {
	t := route.TraceOf(r.Context())
	return words.Choose(words.Wishes{Locales: t.Locales, Setting: t.Language, Accept: r.Header.Get("Accept-Language")}, p.Options.Language)
}

// Profile is how a person wants pages. From then on, pages that answer the request are in their language. It is read for pages only: an answer
// to an application needs none.
func (p *Pages) Profile(r *http.Request, session *authn.Session) (team.Profile, error) {
	if session == nil || session.User.ID == "" {
		return team.Profile{}, nil
	}
	profile, err := p.Directory.People.Profile(r.Context(), session.User.ID)
	if errors.Is(err, team.ErrNoUser) {
		return team.Profile{}, nil
	}
	if err != nil {
		return team.Profile{}, err
	}
	t := route.TraceOf(r.Context())
	t.Language, t.Profiled = profile.Language, true
	return profile, nil
}

// Speak makes the pages that answer a request speak the person's language, where a failure to find it out must not keep the page back.
func (p *Pages) Speak(r *http.Request, session *authn.Session) {
	if route.TraceOf(r.Context()).Profiled {
		return
	}
	if _, err := p.Profile(r, session); err != nil {
		p.Errors.Report(r, err)
	}
}
