package account

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

const day = 24 * time.Hour

var (
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock = ui.ClockAt(noon, nil)
	ada   = ui.Person{Name: "Ada Obi", Email: "ada@example.com"}

	readScopes = []ui.Permission{
		{Name: "chatbot:read", Description: "See the team’s chatbots"},
		{Name: "session:read", Description: "See the team’s sessions and their messages"},
	}
	writeScopes = []ui.Permission{
		{Name: "chatbot:interact", Description: "Send messages to the team’s chatbots"},
		{Name: "session:write", Description: "Start sessions"},
	}
	identityScopes = []ui.Permission{
		{Name: "openid", Description: "Sign you in and recognise you by an identifier"},
		{Name: "email", Description: "See your e-mail address"},
	}
	everything = ui.Permissions{You: identityScopes, Read: readScopes, Write: writeScopes}
	readOnly   = ui.Permissions{Read: readScopes[:1]}

	teams = ui.OwnTeams{Account: ada.Email, All: 2, Action: "/", Teams: []ui.OwnTeam{
		{Name: "Clinic North", Slug: "clinic-north", Role: ui.Text("role.admin"), Admin: true}, {Name: "Field trial", Slug: "field-trial", Role: ui.Text("role.member")},
	}}
	noTeams = ui.OwnTeams{Account: ada.Email}

	replays = []ui.Alert{
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-50 * time.Hour), Kind: audit.RefreshReplayed}, ClientName: "Weekly Report"}, clock.OnDate(noon.Add(-50*time.Hour)), "Clinic North"),
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-20 * day), Kind: audit.CodeReplayed}}, clock.OnDate(noon.Add(-20*day)), ""),
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-21 * day), Kind: audit.CodeReplayed}, ClientName: "Weekly Report"}, clock.OnDate(noon.Add(-21*day)), "Clinic North"),
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-22 * day), Kind: audit.RefreshReplayed}}, clock.OnDate(noon.Add(-22*day)), ""),
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-23 * day), Kind: audit.RefreshRetried}, ClientName: "Weekly Report"}, clock.OnDate(noon.Add(-23*day)), "Clinic North"),
		replayAlert(audit.Entry{Event: audit.Event{At: noon.Add(-24 * day), Kind: audit.RefreshRetried}}, clock.OnDate(noon.Add(-24*day)), ""),
	}
	connected = []connectedApplication{
		{Application: ui.Application{HeadingID: "application-0", Name: "Shift Planner"}, Connections: []connection{
			{Grant: "g3", Team: "Field trial", Slug: "field-trial", Use: used(200*day, -1), Permissions: readOnly},
		}},
		{Application: ui.Application{HeadingID: "application-1", Name: "Weekly Report", Owner: "Ferris Analytics", Open: "https://ferris.example/start?iss=https%3A%2F%2Fauth.example"}, Connections: []connection{
			{Grant: "g1", Team: "Clinic North", Slug: "clinic-north", Use: used(40*day, 3*time.Minute), Permissions: everything},
			{Grant: "g2", Team: "Field trial", Slug: "field-trial", Use: used(day, 0)},
		}},
	}
)

func before(d time.Duration) ui.Moment { return clock.Ago(noon.Add(-d)) }

// used is a connection that was made and last used so long ago; never when last is negative.
func used(since, last time.Duration) ui.Use {
	u := ui.Use{Since: before(since)}
	if last >= 0 {
		u.Used = before(last)
	}
	return u
}

func frame(account, title, current string) ui.Frame {
	f := ui.Frame{Title: ui.Text(title), ServerName: "Gatehouse", Account: account, RequestID: "7RNQ4M2XW5KZ3B6A"}
	if current != "" {
		f.Tabs = ui.Tabs{Label: ui.Text("account.label"), Items: []ui.Tab{
			{Href: "/account/", Text: ui.Text("account.tab"), Current: current == "account"},
			{Href: "/account/applications/", Text: ui.Text("account_applications.tab"), Current: current == "applications"},
			{Href: "/account/security/", Text: ui.Text("factors.tab"), Current: current == "security"},
			{Href: "/account/password/", Text: ui.Text("password.tab"), Current: current == "password"},
			{Href: "/account/sessions/", Text: ui.Text("sessions.tab"), Current: current == "sessions"},
			{Href: "/account/profile/", Text: ui.Text("profile.tab"), Current: current == "profile"},
		}}
	}
	return f
}

func home(v homeView) ui.Content {
	account := ""
	if v.Teams.Account != "" {
		account = ada.Email
	}
	v.Frame = frame(account, "home.title", "")
	return homePage.With(v)
}

func account(v accountView) ui.Content {
	v.Frame = frame(ada.Email, "account.title", "account")
	return accountPage.With(v)
}

func applications(v applicationsView) ui.Content {
	v.Frame = frame(ada.Email, "account_applications.title", "applications")
	return applicationsPage.With(v)
}

func password(v passwordView) ui.Content {
	v.Least = 15
	v.Frame, v.Person = frame(ada.Email, "password.title", "password"), ui.Person{Email: ada.Email}
	v.Failed = len(v.Failures) > 0
	return passwordPage.With(v)
}

func profile(v profileView) ui.Content {
	v.Frame = frame(ada.Email, "profile.title", "profile")
	v.Failed = len(v.Failures) > 0
	v.Choices = []languageChoice{{"en", "English", false}, {"de", "Deutsch", true}}
	return profilePage.With(v)
}

func sessions(lines ...sessionLine) ui.Content {
	return sessionsPage.With(sessionsView{Frame: frame(ada.Email, "sessions.title", "sessions"), Sessions: lines})
}

// onDevice is a session that began and was last seen so long ago.
func onDevice(sid, name, system string, begun, seen time.Duration) authn.Session {
	return authn.Session{
		ID: sid, Public: sid, AuthTime: noon.Add(-begun), Methods: []string{"pwd"},
		Device: authn.Device{Browser: name, System: system, Network: "203.0.113.0/24", SeenAt: noon.Add(-seen)},
	}
}

var samples = uitest.Samples{
	"close": closePage.With(closeView{Frame: frame(ada.Email, "close.title", "account"), Ends: []ui.Words{
		ui.Text("close.account"), ui.Text("close.memberships", "count", 3), ui.Text("close.connections", "count", 2, "applications", ui.Name("Shift Planner, "+uitest.Markup)),
		ui.Text("close.team", "team", ui.Strong(uitest.Backwards)),
	}}),
	"close_wrong": closePage.With(closeView{
		Frame: frame(ada.Email, "close.title", "account"), Ends: []ui.Words{ui.Text("close.account")}, Typed: uitest.Markup,
		Failures: ui.Failures{{Field: "email", Text: ui.Text("close.not_typed", "email", ui.Strong(ada.Email))}},
	}),
	"close_cannot": closePage.With(closeView{Frame: frame(ada.Email, "close.title", "account"), LastOperator: true, HandOver: []ui.OwnTeam{{Name: "Clinic North", Slug: "clinic-north"}, {Name: uitest.Markup, Slug: "x"}}}),
	"closed":       closedPage.With(closedView{ui.Frame{Title: ui.Text("close.done_title"), ServerName: "Gatehouse"}}),
	"data":         dataPage.With(dataView{frame(ada.Email, "data.title", "account")}),
	"email":        emailPage.With(emailView{Frame: frame(ada.Email, "email.title", "/account/email/"), Mails: true}),
	"email_error": emailPage.With(emailView{
		Frame: frame(ada.Email, "email.title", "/account/email/"), Mails: true, Proven: true, New: uitest.Markup, Failures: ui.Failures{{Field: "new", Text: ui.Text("email.no_address")}},
	}),
	"email_no_mail":  emailPage.With(emailView{Frame: frame(ada.Email, "email.title", "/account/email/"), Proven: true}),
	"home":           home(homeView{Name: "Ada Obi", Teams: teams}),
	"home_forty":     home(homeView{Name: "Ada Obi", Teams: ui.OwnTeams{Account: ada.Email, All: 40, Action: "/", Teams: teams.Teams}, Grants: 3}),
	"home_found":     home(homeView{Name: "Ada Obi", Teams: ui.OwnTeams{Account: ada.Email, All: 40, Action: "/", Query: "north", Teams: teams.Teams[:1]}, Grants: 1}),
	"home_not_found": home(homeView{Name: "Ada Obi", Teams: ui.OwnTeams{Account: ada.Email, All: 40, Action: "/", Query: uitest.Markup}}),
	"home_replay":    home(homeView{Name: "Ada Obi", Teams: teams, Replays: 1}),
	"home_signedout": home(homeView{}),
	"home_noteam":    home(homeView{Name: "Ada Obi", Teams: noTeams}),

	"account": account(accountView{
		Person: ada, Since: before(3 * time.Hour), Grants: 3, Teams: teams, Replays: replays[:1],
		Attempts: []signInAttempt{
			{At: clock.OnDate(noon.Add(-3 * time.Hour)), Address: "203.0.113.7"},
			{At: clock.OnDate(noon.Add(-30 * time.Hour)), Address: "2001:db8:85a3::8a2e:370:7334", Failed: true},
		},
	}),
	"account_one": account(accountView{Person: ada, Since: before(3 * time.Hour), Grants: 1, Teams: teams}),
	"account_new": account(accountView{
		Person: ui.Person{Email: ada.Email}, Since: before(0), Teams: noTeams, Notice: &ui.Notice{Text: ui.Text("password.changed")},
	}),

	"applications":       applications(applicationsView{Applications: connected, Replays: replays}),
	"applications_empty": applications(applicationsView{}),
	"applications_ended": applications(applicationsView{
		Applications: connected[:1],
		Notice: &ui.Notice{
			Text: ui.Text("account_applications.ended", "application", ui.Strong("Weekly Report"), "team", ui.Strong("Clinic North")),
			Lost: []string{"See your name", "See the team’s chatbots", "Start sessions"},
		},
	}),
	"applications_hostile": applications(applicationsView{
		Notice: &ui.Notice{
			Text: ui.Text("account_applications.ended", "application", ui.Strong(uitest.Backwards), "team", ui.Strong(uitest.Markup)),
			Lost: []string{uitest.Markup},
		},
		Replays: []ui.Alert{replayAlert(audit.Entry{Event: audit.Event{At: noon, Kind: audit.RefreshReplayed}, ClientName: uitest.Backwards}, clock.OnDate(noon), uitest.Markup)},
		Applications: []connectedApplication{{
			Application: ui.Application{HeadingID: "application-0", Name: uitest.Markup, Owner: uitest.Backwards, Open: "https://x.example/?" + uitest.Markup},
			Connections: []connection{{
				Grant: uitest.Markup, Team: uitest.Endless, Slug: strings.Repeat("long-", 12), Use: used(day, -1),
				Permissions: ui.Permissions{
					Write: []ui.Permission{{Name: strings.Repeat("no-longer-here:", 6)}},
					Read:  []ui.Permission{{Name: "read", Description: uitest.Markup}},
				},
			}},
		}},
	}),

	"sessions": sessions(
		lineOf(onDevice("a", "firefox", "linux", 3*time.Hour, 0), clock, true),
		lineOf(onDevice("b", "safari", "ios", 50*time.Hour, 5*time.Hour), clock, false),
		lineOf(onDevice("c", "brandnew", "", 9*day, day), clock, false),
		lineOf(authn.Session{ID: "d", AuthTime: noon.Add(-10 * day)}, clock, false),
	),
	"sessions_one":    sessions(lineOf(onDevice("a", "firefox", "linux", 0, 0), clock, true)),
	"sessions_others": otherSessionsPage.With(otherSessionsView{frame(ada.Email, "sessions.others_title", "")}),

	"profile": profile(profileView{Name: "Ada Obi", Zone: "Europe/Vienna", Avatar: ui.Avatar{Name: "Ada Obi", Picture: "7RNQ4M2XW5KZ3B6A7RNQ4M2XW5"}}),
	"profile_wrong": profile(profileView{
		Name: uitest.Endless, Zone: uitest.Markup, Avatar: ui.Avatar{Name: "Ada Obi"},
		Failures: ui.Failures{{Field: "zone", Text: ui.Text("profile.wrong.zone")}},
	}),

	"password":       password(passwordView{}),
	"password_wrong": password(passwordView{Wrong: currentPassword, Failures: ui.Failures{{Field: "current", Text: ui.Text("password.wrong")}}}),
	"password_weak": password(passwordView{Wrong: newPassword, Failures: ui.Failures{
		{Field: "new", Text: ui.Text("password.weak.short", "count", 8)},
	}}),
}

func security(v securityView) ui.Content {
	v.Frame = frame(ada.Email, "factors.title", "security")
	return securityPage.With(v)
}

var (
	groups  = []string{"ABCD-EFGH-IJKL-MNOP", "QRST-UVWX-YZ23-4567"}
	newFrom = ui.Passkey{Action: "/account/security/passkeys/", Options: `{"challenge":"x"}`, Challenge: "gh_sealed", Create: true}
	ask     = ui.Confirmation{
		Action: "/account/security/app/", Hidden: []ui.Hidden{{Name: "do", Value: "remove"}}, Text: ui.Text("factors.app_remove_ask"),
		Button: ui.Button{Text: ui.Text("factors.app_remove")}, Stay: ui.Text("factors.keep"), Back: "/account/security/",
	}
)

var securitySamples = uitest.Samples{
	"security": security(securityView{
		CanPasskey: true, Strong: true, Left: 7, CodesMade: before(200 * day), App: true, AppSince: before(100 * day), AppUsed: before(day),
		Passkeys: []passkeyRow{
			{Name: "MacBook of Ada", Synced: true, Added: before(200 * day), Used: before(0), Href: "/account/security/passkeys/1/"},
			{Name: "YubiKey 5", Added: before(200 * day), Href: "/account/security/passkeys/2/"},
		},
	}),
	"security_none":    security(securityView{Missing: true, Request: "gh_sealed"}),
	"security_few":     security(securityView{CanPasskey: true, Strong: true, Left: 2, Few: true, CodesMade: before(200 * day), App: true, AppSince: before(day)}),
	"security_removed": security(securityView{CanPasskey: true, Notice: &ui.Notice{Text: ui.Text("factors.passkey_removed", "passkey", ui.Strong("YubiKey 5"))}, Unknown: unknownPasskey{"auth.example", "abc"}}),
	"security_hostile": security(securityView{CanPasskey: true, Strong: true, Passkeys: []passkeyRow{{Name: uitest.Markup + uitest.Backwards, Added: before(day), Href: "/x/"}}}),
	"security_identities": security(securityView{
		CanPasskey: true, Notice: &ui.Notice{Text: ui.Text("identities.linked_now", "provider", ui.Strong("Acme SSO"))},
		Identities: []identityRow{{ID: "i1", Provider: "Acme SSO", Email: "ada@acme.example", Linked: before(day), Used: before(time.Hour)}, {ID: "i2", Provider: "old", Linked: before(day), Off: true}},
		Others:     []otherProvider{{"other", "Other"}},
	}),
	"security_identities_hostile": security(securityView{
		Failures:   ui.Failures{{Text: ui.Text("with.taken", "provider", ui.Name(uitest.Markup))}},
		Identities: []identityRow{{ID: "i1", Provider: uitest.Markup, Email: uitest.Markup + uitest.Backwards, Linked: before(day)}}, Others: []otherProvider{{"other", uitest.Markup}},
	}),
	"security_unlink": confirmPage.With(confirmView{Frame: failing(frame(ada.Email, "identities.unlink_title", "security")), Confirmation: ask, Failures: ui.Failures{{Text: ui.Text("identities.last_way")}}}),
	"security_app":    appPage.With(appView{Frame: frame(ada.Email, "factors.app_add", "security"), QR: ui.NewQR("otpauth://totp/x"), Secret: "ABCD EFGH", Sealed: "gh_sealed", Request: "gh_request"}),
	"security_app_wrong": appPage.With(appView{
		Frame: failing(frame(ada.Email, "factors.app_add", "security")), Secret: "ABCD EFGH", Sealed: "gh_sealed", Failures: ui.Failures{{Field: "code", Text: ui.Text("factor.wrong")}},
	}),
	"security_codes":    codesPage.With(codesView{Frame: frame(ada.Email, "factors.codes_title", "security"), Lead: ui.Text("factors.codes_made"), Codes: groups}),
	"security_remove":   removeAppPage.With(confirmView{Frame: failing(frame(ada.Email, "factors.app_remove", "security")), Confirmation: ask, Failures: ui.Failures{{Text: ui.Text("factors.last")}}}),
	"security_passkeys": addPasskeyPage.With(addPasskeyView{Frame: frame(ada.Email, "factors.passkey_add", "security"), Passkey: newFrom, Request: "gh_request"}),
	"security_passkeys_refused": addPasskeyPage.With(addPasskeyView{
		Frame: failing(frame(ada.Email, "factors.passkey_add", "security")), Passkey: newFrom, Typed: uitest.Markup, Failures: ui.Failures{{Text: ui.Text("factors.passkey_refused")}},
	}),
	"security_passkey": passkeyPage.With(passkeyView{Frame: frame(ada.Email, "factors.passkey_add", "security"), Action: "/account/security/passkeys/1/", Name: "YubiKey 5", Typed: "YubiKey 5", Remove: ask}),
}

func failing(f ui.Frame) ui.Frame {
	f.Failed = true
	return f
}

func init() { maps.Copy(samples, securitySamples) }

func TestPages(t *testing.T) { uitest.Check(t, samples) }

func TestTitlesSayErrorFirst(t *testing.T) {
	uitest.Titles(t, samples, map[string]string{"password": "Change your password · Gatehouse", "password_weak": "Error: Change your password · Gatehouse"})
}
