package account

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var (
	securityPage = ui.NewPage[securityView](files, "security.html")
	codesPage    = ui.NewPage[codesView](files, "security_codes.html")
	confirmPage  = ui.NewPage[confirmView](files, "security_confirm.html")
)

// The pages about how a person signs in.
const (
	pathSecurity = "/account/security/"
	pathApp      = "/account/security/app/"
	pathCodes    = "/account/security/codes/"
	pathPasskeys = "/account/security/passkeys/"
)

// securityView is how the person signs in.
type securityView struct {
	ui.Frame
	Notice     *ui.Notice
	Unknown    unknownPasskey // the passkey that was removed, for the browser
	Request    string         // the application's request that the person came from, or ""
	Missing    bool           // a second factor is required, and there is none
	NoPasskey  bool           // the application's request needs a passkey, and there is none
	CanPasskey bool           // passkeys can be used at this server
	Passkeys   []passkeyRow
	App        bool
	AppSince   ui.Moment
	AppUsed    ui.Moment
	Strong     bool
	Left       int // recovery codes
	Few        bool
	CodesMade  ui.Moment
	Failures   ui.Failures
	Identities []identityRow
	Others     []otherProvider // that can be linked
}

// passkeyRow is a passkey in the list.
type passkeyRow struct {
	Name         string
	Synced       bool
	Added, Used  ui.Moment
	Href         string
	Confirmation ui.Words
}

// unknownPasskey tells the browser which passkey it need not offer any more (WebAuthn §5.1.10.1).
type unknownPasskey struct{ RPID, Credential string }

// within is a page of ours that remembers the application's request that the person came from.
func within(path, request string) string {
	if request == "" {
		return path
	}
	return path + "?" + url.Values{"request": {request}}.Encode()
}

// Back is where the person goes on with the application's request.
func (v securityView) Back() string { return within("/o/consent/", v.Request) }

// Scripted reports that a script tells the browser which passkey was removed.
func (v securityView) Scripted() bool { return v.Unknown.Credential != "" }

// AddPasskey and SetUpApp lead to the pages that add a factor.
func (v securityView) AddPasskey() string { return within(pathPasskeys, v.Request) }

// SetUpApp leads to the page for an authenticator app.
func (v securityView) SetUpApp() string { return within(pathApp, v.Request) }

// request is the application's request that the person came from, as the page's address says.
func request(r *browser.Request) (string, error) {
	values, err := route.Query(r.Request)
	if err != nil {
		return "", err
	}
	return route.Field(values, "request")
}

// acting is the person as an actor, with how and when they signed in.
func (room *Room) acting(r *browser.Request) (team.Actor, error) {
	actor, _, err := room.Directory.Acting(r.Context(), r.Session.User)
	actor.AuthTime, actor.Factors = r.Session.AuthTime, r.Session.Methods
	return actor, err
}

// security is the page about how the person signs in.
func (room *Room) security(w http.ResponseWriter, r *browser.Request) error {
	actor, err := room.acting(r)
	if err != nil {
		return err
	}
	have, err := room.Factors.Factors(r.Context(), actor, r.Session.User)
	if err != nil {
		return err
	}
	view := securityView{
		Frame: r.Frame(), Notice: room.notice(r), CanPasskey: room.Authn.HasPasskeys(), Missing: have.Required && !have.Strong(), App: have.HasApp(), Strong: have.Strong(),
		Left: len(have.Recovery.Hashes), Few: have.Strong() && len(have.Recovery.Hashes) < authn.FewRecoveryCodes,
	}
	if view.Request, err = request(r); err != nil {
		return err
	}
	view.NoPasskey = view.Request != "" && r.URL.Query().Get("need") == "passkey" && len(have.Passkeys) == 0
	view.Missing = !view.NoPasskey && (view.Missing || view.Request != "" && !have.Strong())
	if view.Identities, view.Others, err = room.identities(r, actor); err != nil {
		return err
	}
	if view.Failures = room.providerProblem(r); view.Failures != nil {
		view.Failed = true
	}
	if n := r.Notice(""); n != nil && n.Credential != "" {
		view.Unknown = unknownPasskey{room.Authn.PasskeyHost(), n.Credential}
	}
	clock := r.Clock()
	for _, p := range have.Passkeys {
		row := passkeyRow{Name: p.Name, Synced: p.Synced, Added: clock.Ago(p.CreatedAt), Href: pathPasskeys + p.ID + "/"}
		if !p.UsedAt.IsZero() {
			row.Used = clock.Ago(p.UsedAt)
		}
		view.Passkeys = append(view.Passkeys, row)
	}
	if view.App {
		view.AppSince = clock.Ago(have.App.CreatedAt)
		if !have.App.UsedAt.IsZero() {
			view.AppUsed = clock.Ago(have.App.UsedAt)
		}
	}
	if view.Left > 0 {
		view.CodesMade = clock.Ago(have.Recovery.MadeAt)
	}
	return room.Show(w, r.Request, http.StatusOK, securityPage.With(view))
}

// changing runs a change of the person's factors. Somebody whose sign-in is not fresh signs in first, and comes back to the page.
func (room *Room) changing(w http.ResponseWriter, r *browser.Request, change func(ctx context.Context, actor team.Actor, user team.User) error) error {
	actor, err := room.acting(r)
	if err != nil {
		return err
	}
	err = change(r.Context(), actor, r.Session.User)
	if errors.Is(err, authn.ErrNotFresh) {
		browser.AskAgain(w, r.URL.RequestURI())
		return nil
	}
	if errors.Is(err, authn.ErrNoFactor) {
		return noFactor
	}
	return err
}

// noFactor is the answer for a factor that is not there, or another person's.
var noFactor = &route.Problem{Status: http.StatusNotFound, Description: "there is no such factor", Words: "problem.no_factor"}

// codesView shows new recovery codes, once.
type codesView struct {
	ui.Frame
	Lead    ui.Words // what was done
	Codes   []string
	Request string
}

// Back is where the person goes on.
func (v codesView) Back() string {
	if v.Request != "" {
		return within("/o/consent/", v.Request)
	}
	return pathSecurity
}

// showCodes shows recovery codes in the answer to the form that made them: they are nowhere else.
func (room *Room) showCodes(w http.ResponseWriter, r *browser.Request, lead ui.Words, codes []string, request string) error {
	view := codesView{Frame: r.Frame(), Lead: lead, Codes: codes, Request: request}
	view.Title = ui.Text("factors.codes_title")
	return room.Show(w, r.Request, http.StatusOK, codesPage.With(view))
}

// confirmView asks before something is replaced or ends.
type confirmView struct {
	ui.Frame
	Confirmation ui.Confirmation
	Failures     ui.Failures
}

// askCodes asks before new recovery codes replace the old ones.
func (room *Room) askCodes(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		if err := room.Factors.MayChange(ctx, actor, user); err != nil {
			return err
		}
		return room.Show(w, r.Request, http.StatusOK, confirmPage.With(confirmView{Frame: r.Frame(), Confirmation: ui.Confirmation{
			Action: pathCodes, Text: ui.Text("factors.codes_replace"), Button: ui.Button{Text: ui.Text("factors.codes_new")}, Stay: ui.Text("factors.keep"), Back: pathSecurity,
		}}))
	})
}

// newCodes makes new recovery codes.
func (room *Room) newCodes(w http.ResponseWriter, r *browser.Request) error {
	return room.changing(w, r, func(ctx context.Context, actor team.Actor, user team.User) error {
		codes, err := room.Factors.NewRecoveryCodes(ctx, actor, user)
		if err != nil {
			return err
		}
		return room.showCodes(w, r, ui.Text("factors.codes_made"), codes, "")
	})
}
