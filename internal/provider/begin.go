package provider

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/oauth2"
)

// Ask is a sign-in that a person begins.
type Ask struct {
	Fresh   bool           // the person has to sign in there now (prompt=login)
	MaxAge  *time.Duration // the person has to have signed in there no longer ago than this
	Locales string         // ui_locales
	Hint    string         // login_hint: the address that was typed
	Way     Way
}

// Way is how to go on afterwards. It travels sealed, and is opaque here.
type Way struct {
	Request string `json:"request,omitempty"` // the sealed authorization request that waits
	Next    string `json:"next,omitempty"`    // a page of ours
	Link    string `json:"link,omitempty"`    // the user whose account the identity is to be linked to
	Session string `json:"session,omitempty"` // the session in which the user asked for that
}

// request is a sign-in that has begun. It travels sealed in a cookie, which binds it to the browser, and is not stored.
type request struct {
	ID       string         `json:"id"`
	Provider string         `json:"provider"`
	State    string         `json:"state"`
	Nonce    string         `json:"nonce"`
	Verifier string         `json:"verifier"`
	Begun    time.Time      `json:"begun"`
	Fresh    bool           `json:"fresh,omitempty"`
	MaxAge   *time.Duration `json:"max_age,omitempty"`
	Way      Way            `json:"way"`
}

// Begin is where the browser has to go, and the value for its cookie. ErrUnavailable.
func (ps *Providers) Begin(ctx context.Context, p *Provider, ask Ask) (location, sealed string, err error) {
	m, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	r := request{
		ID: token.NewID(), Provider: p.ID, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Begun: ps.now().UTC(), Fresh: ask.Fresh, MaxAge: ask.MaxAge, Way: ask.Way,
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(r.Nonce), oauth2.S256ChallengeOption(r.Verifier)}
	for name, value := range map[string]string{"ui_locales": ask.Locales, "login_hint": ask.Hint} {
		if value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	if ask.Fresh {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	switch { // max_age also asks for auth_time, which says whether it was heeded (OpenID Connect Core §2)
	case ask.MaxAge != nil:
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(ask.MaxAge.Seconds()))))
	case ask.Fresh:
		options = append(options, oauth2.SetAuthURLParam("max_age", "0"))
	}
	if sealed, err = ps.keys.Seal(token.PurposeProvider, r, requestLifetime); err != nil {
		return "", "", fmt.Errorf("seal a sign-in at a provider: %w", err)
	}
	return m.config.AuthCodeURL(r.State, options...), sealed, nil
}

// CookieLifetime is how long the sealed value is of use.
const CookieLifetime = requestLifetime

// open opens the value of a browser's cookie for an answer. ErrOver, token.ErrWrongClock.
func (ps *Providers) open(sealed string) (r request, err error) {
	if sealed == "" || !strings.Contains(sealed, ".") {
		return request{}, ErrOver
	}
	err = ps.keys.Open(token.PurposeProvider, sealed, &r)
	return r, err
}
