package browser

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// Session is the session of the browser, nil when nobody is signed in.
func (p *Pages) Session(r *http.Request) (*authn.Session, error) {
	cookie := p.Cookie(r, SessionCookie)
	if cookie == "" {
		return nil, nil
	}
	session, err := p.Authn.Session(r.Context(), cookie)
	if errors.Is(err, authn.ErrNoSession) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t := route.TraceOf(r.Context())
	t.Account = session.User.Email
	p.Authn.Seen(session.ID, t.Address)
	return &session, nil
}

// As is the context of what the signed-in person does, for the audit trail.
func As(r *http.Request, session *authn.Session) context.Context {
	if session == nil {
		return r.Context()
	}
	return audit.By(r.Context(), string(session.User.ID))
}

// SignInRequest is an attempt to sign in at this browser.
func (p *Pages) SignInRequest(r *http.Request, email, password string) authn.SignInRequest {
	return authn.SignInRequest{
		Email: email, Password: password, Address: route.TraceOf(r.Context()).Address, Device: DeviceOf(r),
		Browser: p.Cookie(r, DeviceCookie), Replaces: p.Cookie(r, SessionCookie),
	}
}

// SignedIn gives the browser the cookies of a sign-in.
func (p *Pages) SignedIn(w http.ResponseWriter, r *http.Request, signedIn authn.SignedIn) {
	p.setCookie(w, SessionCookie, signedIn.Cookie.Reveal(), signedIn.Session.ExpiresAt.Sub(signedIn.Session.AuthTime))
	p.setCookie(w, DeviceCookie, signedIn.Browser, deviceCookieLifetime)
	if p.Cookie(r, AttemptCookie) != "" {
		p.setCookie(w, AttemptCookie, "", 0)
	}
}

// AskFactor keeps a sign-in that has begun in the browser, and goes on to the page that asks for what is missing. query says what the sign-in is for.
func (p *Pages) AskFactor(w http.ResponseWriter, pending *authn.PendingError, query url.Values) {
	p.setCookie(w, AttemptCookie, pending.Attempt, authn.AttemptLifetime)
	query.Set("begun", "1") // which finds out whether the browser keeps cookies
	route.SeeOther(w, PathFactor+"?"+query.Encode())
}

// PathFactor is the page that asks for what is missing of a sign-in.
const PathFactor = "/login/factor/"

// FactorRequest is one more factor for the sign-in that has begun in this browser. id is of the attempt that the page was about.
func (p *Pages) FactorRequest(r *http.Request, id string) authn.FactorRequest {
	return authn.FactorRequest{SignInRequest: p.SignInRequest(r, "", ""), Attempt: p.Cookie(r, AttemptCookie), ID: id}
}

// PasskeyRequest is what this browser says about a passkey. id is of the attempt that the page was about, or "".
func (p *Pages) PasskeyRequest(r *http.Request, id, challenge, answer string) authn.PasskeyRequest {
	return authn.PasskeyRequest{FactorRequest: p.FactorRequest(r, id), Challenge: challenge, Answer: answer, Bound: p.Cookie(r, BoundCookie)}
}

// Bind is the secret that binds challenges to this browser. A browser that has none gets one.
func (p *Pages) Bind(w http.ResponseWriter, r *http.Request) string {
	bound := p.Cookie(r, BoundCookie)
	if bound == "" {
		bound = token.NewSecret(token.PrefixBound).Reveal()
		p.setCookie(w, BoundCookie, bound, boundCookieLifetime)
	}
	return bound
}

// SignOut ends the browser's session. The device cookie stays, so that signing in again is not throttled with strangers.
func (p *Pages) SignOut(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
	if err := p.Authn.SignOut(As(r, session), p.Cookie(r, SessionCookie)); err != nil {
		return err
	}
	p.setCookie(w, SessionCookie, "", 0)
	return nil
}

// Forget removes the cookie of a session that has ended.
func (p *Pages) Forget(w http.ResponseWriter) { p.setCookie(w, SessionCookie, "", 0) }

// RecordFailure records that somebody failed to sign in. What was typed is not kept: it may be a password in the wrong field. An unknown
// e-mail leaves a row too, which the limits bound: without it, the time that writing takes would tell which e-mails are known.
func (p *Pages) RecordFailure(r *http.Request, email string) error {
	return p.recordAttempt(r, email, func(e audit.Event) audit.Event { return e })
}

// RecordThrottled records that attempts to sign in are refused now, which are not recorded: one event for each window of a limit.
func (p *Pages) RecordThrottled(r *http.Request, email string, throttled *limit.ThrottledError) error {
	if !throttled.First {
		return nil
	}
	return p.recordAttempt(r, email, func(e audit.Event) audit.Event { return audit.Unrecorded(e, e.At.Add(throttled.Wait)) })
}

// recordAttempt records a failed attempt, as what a function makes of it.
func (p *Pages) recordAttempt(r *http.Request, email string, as func(audit.Event) audit.Event) error {
	if p.Audit == nil {
		return nil
	}
	user, err := p.Directory.People.UserByEmail(r.Context(), team.NormalizeEmail(email)) // its error does not quote the e-mail
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return err
	}
	t := route.TraceOf(r.Context())
	return p.Audit.Record(r.Context(), as(audit.Event{
		At: p.Now(), Kind: audit.SignInFailed, User: string(user.ID), Address: t.From, RequestID: t.ID,
	}))
}

// askToSignIn sends the browser to the sign-in page, which leads back here.
func askToSignIn(w http.ResponseWriter, r *http.Request) {
	target := r.URL.EscapedPath()
	if r.Method != http.MethodPost && r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	route.SeeOther(w, "/login/?next="+url.QueryEscape(target))
}
