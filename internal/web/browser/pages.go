// Package browser is what every page for people needs, whatever it is about: cookies, the session, protection from forms of other
// sites, notices that are shown once, and writing the page.
//
// It decides nothing about what a person may do, and knows nothing of the protocol.
package browser

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Options is what Pages is made of.
type Options struct {
	Issuer     string           // the public URL, without a trailing slash
	ServerName string           // on pages
	Language   *words.Catalogue // of people who ask for none that there is; nil is English
	Authn      *authn.Authenticator
	Directory  *team.Service
	Keys       *token.Keyring
	Providers  *provider.Providers // at which people can sign in; nil for none
	Audit      audit.Store         // may be nil: then nothing is recorded or shown
	Errors     route.ErrorLog
	Now        func() time.Time
	SendsMail  bool // mails reach people, so they can be sent links
}

// Pages is shared by all pages of a server.
type Pages struct {
	Options
	https       bool // the public URL is https, whatever this process listens on
	crossOrigin *http.CrossOriginProtection
}

// New makes the Pages of a server.
func New(o Options) *Pages {
	p := &Pages{Options: o, crossOrigin: http.NewCrossOriginProtection()}
	if issuer, err := url.Parse(o.Issuer); err == nil && issuer.Host != "" {
		p.https = issuer.Scheme == "https"
		// A proxy may change the Host header; browsers see the origin of the public URL.
		if err := p.crossOrigin.AddTrustedOrigin(issuer.Scheme + "://" + issuer.Host); err != nil {
			o.Errors.Error("the public URL cannot be an origin of forms", slog.String("error", err.Error()))
		}
	}
	return p
}

// FromLink is SameOrigin for a form that ShowOfLink has shown. Under no-referrer a browser sends it with the origin null, and over plain http it says
// nothing else; another site that could send such a form would have to know the link.
func (p *Pages) FromLink(h route.Handler) route.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.Header.Get("Origin") == "null" && r.Header.Get("Sec-Fetch-Site") == "" {
			return h(w, r)
		}
		return p.SameOrigin(h)(w, r)
	}
}

// SameOrigin refuses a form that another site made the browser send (CSRF). SameSite cookies are the second defence.
func (p *Pages) SameOrigin(h route.Handler) route.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := p.crossOrigin.Check(r); err != nil && r.Header.Get("Origin") == "null" {
			// A sandboxed frame, or something between the browser and us: the same form would fail again.
			return &route.Problem{Status: http.StatusForbidden, Description: "the form came with the origin null", Words: "problem.no_origin"}
		} else if err != nil {
			return &route.Problem{Status: http.StatusForbidden, Description: "the form was sent from another site", Words: "problem.other_site"}
		}
		return h(w, r)
	}
}
