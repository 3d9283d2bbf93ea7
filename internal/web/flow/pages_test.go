package flow

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

const sealed = "gh_sealed_request-0123456789_ABCDEF"

var (
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
		{Name: "offline_access", Description: "Stay connected while you are away"},
	}
	ada = ui.Person{Name: "Ada Obi", Email: "ada@example.com"}
)

func frame(account string, title ui.Words) ui.Frame {
	return ui.Frame{Title: title, Quiet: true, ServerName: "Gatehouse", Account: account, RequestID: "7RNQ4M2XW5KZ3B6A"}
}

func manyTeams() []consentTeam {
	teams := make([]consentTeam, 60)
	for i := range teams {
		n := strconv.Itoa(i + 1)
		teams[i] = consentTeam{ID: "t" + n, Name: "Regional office " + n, Slug: "office-" + n}
	}
	return teams
}

func consent(change func(*consentView)) ui.Content {
	v := consentView{
		Sealed: sealed, Application: "Weekly Report", Owner: "Ferris Analytics", Person: ada,
		Teams:       []consentTeam{{ID: "t1", Name: "Clinic North", Slug: "clinic-north"}},
		Permissions: ui.Permissions{Read: readScopes, Write: writeScopes},
		Destination: "https://report.example",
	}
	change(&v)
	v.Frame = frame("ada@example.com", ui.Text("consent.title", "application", ui.Name(v.Application)))
	v.Failed = len(v.Failures) > 0
	return consentPage.With(v)
}

func factor(change func(*factorView)) ui.Content {
	v := factorView{Frame: frame("", ui.Text("factor.title")), Sealed: sealed, Attempt: "ATTEMPT", Email: "ada@example.com", Application: "Weekly Report"}
	change(&v)
	v.Failed = len(v.Failures) > 0
	return factorPage.With(v)
}

var samples = uitest.Samples{
	"sign_up":       signUpPage.With(signUpView{Frame: frame("", ui.Text("sign_up.title")), Mails: true, From: cameFrom{Sealed: sealed}}),
	"sign_up_asked": signUpPage.With(signUpView{Frame: frame("", ui.Text("forgot.asked_title")), Mails: true, Asked: true, From: cameFrom{Next: "/account/"}}),
	"sign_up_error": signUpPage.With(signUpView{
		Frame: failed(frame("", ui.Text("sign_up.title"))), Mails: true, Email: "ada@example.net", Name: uitest.Markup,
		Failures: ui.Failures{
			{Field: "email", Text: ui.Text("sign_up.other_domain", "server", ui.Name("Gatehouse"), "domains", ui.Code("example.com, example.org"))},
			{Field: "name", Text: ui.Text("team_new.name_wrong")},
		},
	}),
	"sign_up_no_mail":      signUpPage.With(signUpView{Frame: frame("", ui.Text("sign_up.title"))}),
	"newcomer":             newcomerPage.With(newcomerView{Least: 15, Frame: frame("", ui.Text("sign_up.finish_title")), Link: sealed, Email: "ada@example.com", Name: "Ada Obi"}),
	"newcomer_has_account": newcomerPage.With(newcomerView{Least: 15, Frame: frame("", ui.Text("sign_up.finish_title")), Email: "ada@example.com", HasAccount: true}),
	"login_sign_up":        signInPage.With(signInView{Frame: frame("", ui.Text("sign_in.title")), Next: "/", Mails: true, SignUp: "/signup/?next=%2F"}),
	"login":                signInPage.With(signInView{Frame: frame("", ui.Text("sign_in.title")), Next: "/"}),
	"login_request":        signInPage.With(signInView{Frame: frame("", ui.Text("sign_in.title")), Sealed: sealed, Application: "Weekly Report"}),
	"login_again": signInPage.With(signInView{
		Frame: frame("ada@example.com", ui.Text("sign_in.title")), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com", Again: true,
	}),
	"login_error": signInPage.With(signInView{
		Frame: failed(frame("", ui.Text("sign_in.title"))), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com",
		Failures: ui.Failures{{Field: "email", Text: ui.Text("sign_in.wrong")}},
	}),
	"login_passkey": signInPage.With(signInView{
		Frame: frame("", ui.Text("sign_in.title")), Sealed: sealed, Application: "Weekly Report", Passkey: ui.Passkey{Action: "/login/passkey/", Options: `{"challenge":"x"}`, Challenge: sealed, Conditional: true},
	}),
	"factor": factor(func(v *factorView) { v.Needs = authn.Needs{Code: true, Recovery: true} }),
	"factor_wrong": factor(func(v *factorView) {
		v.Needs, v.Failures = authn.Needs{Code: true}, ui.Failures{{Field: "code", Text: ui.Text("factor.wrong")}}
	}),
	"factor_recovery": factor(func(v *factorView) {
		v.Needs, v.Passkey = authn.Needs{Passkey: true, Recovery: true}, ui.Passkey{Action: "/login/passkey/", Options: `{"challenge":"x"}`, Challenge: sealed}
	}),
	"factor_passkey": factor(func(v *factorView) {
		v.Needs, v.Passkey = authn.Needs{Passkey: true}, ui.Passkey{Action: "/login/passkey/", Options: `{"challenge":"x"}`, Challenge: sealed}
		v.Raises = true
	}),
	"factor_password": factor(func(v *factorView) {
		v.Sealed, v.Application, v.Next, v.Needs = "", "", "/account/", authn.Needs{Password: true}
	}),
	"factor_hostile": factor(func(v *factorView) {
		v.Email, v.Application, v.Needs = uitest.Markup, uitest.Backwards, authn.Needs{Code: true}
	}),
	"login_providers": signInPage.With(signInView{Frame: frame("", ui.Text("sign_in.title")), Sealed: sealed, Application: "Weekly Report", Providers: ui.Providers{
		Hidden: []ui.Hidden{{Name: "request", Value: sealed}},
		Items: []ui.Provider{
			{Action: "/login/provider/acme/", Name: "Acme SSO", Icon: "/pictures/providers/acme?0123"},
			{Action: "/login/provider/team/", Name: "Team <b>"},
			{Action: "/login/provider/world/", Name: "World"},
			{Action: "/login/provider/plain/", Name: "Plain"},
		},
	}}),
	"with": withPage.With(withView{
		Frame:     frame("", ui.Text("with.title", "provider", ui.Name("Acme SSO"))),
		Providers: ui.Providers{Items: []ui.Provider{{Action: "/login/provider/acme/", Name: "Acme SSO", Icon: "/pictures/providers/acme?0123"}}},
	}),
	"with_link": linkPage.With(linkView{
		Frame: frame("", ui.Text("with_link.title", "provider", ui.Name("Acme SSO"))), Provider: "Acme SSO", Email: "ada@acme.example", SignIn: "/login/?again=1",
	}),
	"with_link_new": linkPage.With(linkView{
		Frame: frame("", ui.Text("with_link.title", "provider", ui.Name("Acme SSO"))), Provider: "Acme SSO", Email: "ada@acme.example", SignIn: "/login/?again=1", SignUp: "/signup/?next=x",
	}),
	"with_link_fresh": linkPage.With(linkView{
		Frame: frame("ada@example.com", ui.Text("with_link.title", "provider", ui.Name("<i>SSO"))), Provider: "<i>SSO", Email: "<b>@acme.example", Fresh: true, Person: ada,
		Action: "/login/provider/acme/link/", Hidden: []ui.Hidden{{Name: "request", Value: sealed}},
	}),
	"select_account": selectAccountPage.With(selectAccountView{
		Frame: frame("ada@example.com", ui.Text("select_account.title")), Sealed: sealed, Application: "Weekly Report", Name: "Ada Obi", Email: "ada@example.com",
	}),
	"consent_one": consent(func(*consentView) {}),
	"consent_fixed": consent(func(v *consentView) {
		v.Fixed, v.ByApplication = true, true
		v.Write = nil
		v.Teams[0].Before = true
		v.Teams[0].New = []string{"See the team’s sessions and their messages"}
		v.Destination = "http://127.0.0.1:52100"
	}),
	"consent_teams": consent(func(v *consentView) {
		v.Teams = []consentTeam{
			{ID: "t1", Name: "Clinic North", Slug: "clinic-north"},
			{ID: "t2", Name: "Field trial", Slug: "field-trial", Before: true, New: []string{"Start sessions"}},
			{ID: "t3", Name: "Headquarters", Slug: "hq", Barred: blockedBecause("Reports go through our own warehouse.")},
			{ID: "t4", Name: "Training", Slug: "training", Before: true},
		}
	}),
	"consent_differs": consent(func(v *consentView) {
		v.Teams[0].Before = true
		v.Teams[0].New = []string{"Start sessions"}
		v.Teams[0].Differs = []ui.Words{
			difference(authz.Difference{What: authz.NameDiffers, Before: uitest.Markup + uitest.Backwards}),
			difference(authz.Difference{What: authz.OwnerDiffers}),
			difference(authz.Difference{What: authz.PlaceDiffers, Before: "https://old.report.example"}),
		}
	}),
	"consent_same_permissions": consent(func(v *consentView) {
		v.Teams[0].Before = true
		v.Teams[0].Differs = []ui.Words{difference(authz.Difference{What: authz.OwnerDiffers, Before: "Report makers"})}
	}),
	"consent_error": consent(func(v *consentView) {
		v.Teams = []consentTeam{{ID: "t1", Name: "Clinic North", Slug: "clinic-north"}, {ID: "t2", Name: "Field trial", Slug: "field-trial", Checked: true}}
		v.Failures = ui.Failures{{Field: teamsField, Text: ui.Text("consent.choose_first")}}
	}),
	"consent_blocked": consent(func(v *consentView) { v.Teams[0].Barred = blockedBecause("Reports go through our own warehouse.") }),
	"consent_closed": consent(func(v *consentView) {
		v.Teams = []consentTeam{
			{ID: "t1", Name: "Clinic North", Slug: "clinic-north", Barred: blockedBecause("Reports go through our own warehouse.")},
			{ID: "t2", Name: "Field trial", Slug: "field-trial", Barred: blockedBecause("Not reviewed yet.")},
		}
	}),
	"consent_of_team": consent(func(v *consentView) { v.Fixed, v.OfApplication = true, true }),
	"consent_many":    consent(func(v *consentView) { v.Teams = manyTeams() }),
	"consent_hostile": consent(func(v *consentView) {
		v.Sealed = uitest.Markup
		v.Application, v.Owner, v.Person = uitest.Backwards, uitest.Markup, ui.Person{Name: uitest.Persian, Email: uitest.Endless + "@example.com"}
		v.Teams = []consentTeam{
			{ID: uitest.Markup, Name: uitest.Markup, Slug: uitest.Endless, Before: true, New: []string{uitest.Markup}},
			{ID: "t2", Name: uitest.Covering, Slug: "covering", Barred: blockedBecause(uitest.Markup + uitest.Backwards)},
			{ID: "t3", Name: uitest.Persian, Slug: "persian"},
			{ID: "t4", Name: " \u3164\u200D ", Slug: "nothing"},
		}
		v.Read = []ui.Permission{{Name: "read:" + strings.Repeat("very-long-", 12), Description: uitest.Endless + " " + uitest.Endless}}
		v.Write = []ui.Permission{{Name: uitest.Markup, Description: uitest.Markup}}
		v.Destination = "https://xn--pple-43d.example." + strings.Repeat("long", 15) + ".example"
	}),
	"consent_identity": consent(func(v *consentView) { v.You = identityScopes }),
	"consent_nothing":  consent(func(v *consentView) { v.Read, v.Write, v.Owner, v.Destination = nil, nil, "", "com.example.report:" }),
	"consent_factor": consent(func(v *consentView) {
		v.Teams = []consentTeam{{ID: "t1", Name: "Clinic North", Slug: "clinic-north", Factor: true}, {ID: "t2", Name: "Field trial", Slug: "field-trial"}}
		v.Stronger = strongerURL(sealed)
	}),
	"waiting_ask": waitingSample(func(v *waitingView) { v.Admins = []string{"Ana", "Ben"} }),
	"waiting": waitingSample(func(v *waitingView) {
		v.Asked, v.AskedNote, v.Refresh, v.Others = ui.ClockAt(waitingSince.Add(time.Minute), time.UTC).Ago(waitingSince), "For the report", waitingRefresh, true
	}),
	"waiting_declined": waitingSample(func(v *waitingView) { v.Declined, v.Reason = true, "Not reviewed yet" }),
	"waiting_failed": waitingSample(func(v *waitingView) {
		v.Note, v.Failures = "typed", ui.Failures{{Field: "note", Text: ui.Text("waiting.note_rejected", "count", 500)}}
	}),
	"waiting_hostile": waitingSample(func(v *waitingView) {
		v.Sealed, v.Application, v.Team, v.Admins = uitest.Markup, uitest.Backwards, uitest.Markup, []string{uitest.Markup}
		v.Asked, v.AskedNote = ui.ClockAt(waitingSince, time.UTC).Ago(waitingSince), uitest.Markup
	}),
	"consent_approval": consent(func(v *consentView) {
		v.Teams = []consentTeam{
			{ID: "t1", Name: "Clinic North", Slug: "clinic-north", Approval: ui.Text("consent.approve_first")},
			{ID: "t2", Name: "Field trial", Slug: "field-trial", Approval: ui.Text("consent.you_decide"), Decides: true, Before: true},
			{ID: "t3", Name: "Headquarters", Slug: "hq", Barred: ui.Text("consent.not_listed")},
		}
	}),
	"consent_provider": consent(func(v *consentView) {
		v.Teams = []consentTeam{
			{ID: "t1", Name: "Clinic North", Slug: "clinic-north", Provider: "Acme SSO", SignIn: withURL("acme", sealed)},
			{ID: "t2", Name: "Field trial", Slug: "field-trial"},
			{ID: "t3", Name: "Old", Slug: "old", Provider: "gone"},
		}
	}),
	"need_factor": needFactorPage.With(needFactorView{
		Frame: frame("ada@example.com", ui.Text("need_factor.title")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, Team: "Clinic North", Stronger: strongerURL(sealed),
	}),
	"need_factor_asked": needFactorPage.With(needFactorView{
		Frame: frame("ada@example.com", ui.Text("need_factor.title")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, Team: "Clinic North", Asks: true, Stronger: strongerURL(sealed),
	}),
	"need_factor_required": needFactorPage.With(needFactorView{
		Frame: frame("ada@example.com", ui.Text("need_factor.title")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, Team: "Clinic North", Required: true, Asks: true, Stronger: strongerURL(sealed),
	}),
	"need_factor_passkey": needFactorPage.With(needFactorView{
		Frame: frame("ada@example.com", ui.Text("need_factor.title_passkey")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, Team: "Clinic North", Asks: true, Passkey: true, Stronger: strongerURL(sealed),
	}),
	"need_factor_hostile": needFactorPage.With(needFactorView{
		Frame: frame("ada@example.com", ui.Text("need_factor.title")), Sealed: uitest.Markup, Application: uitest.Markup,
		Person: ui.Person{Email: uitest.Markup}, Team: uitest.Markup + uitest.Backwards, Stronger: strongerURL(uitest.Markup),
	}),
	"need_provider": needProviderPage.With(needProviderView{
		Frame: frame("ada@example.com", ui.Text("need_provider.title")), Sealed: sealed, Application: "Weekly Report", Person: ui.Person{Email: "ada@example.com"}, Team: "Clinic North",
		Providers: ui.Providers{Hidden: []ui.Hidden{{Name: "request", Value: sealed}}, Items: []ui.Provider{{Action: "/login/provider/acme/", Name: "Acme SSO", Icon: "/pictures/providers/acme?0123"}}},
	}),
	"need_provider_gone": needProviderPage.With(needProviderView{
		Frame: frame("ada@example.com", ui.Text("need_provider.title")), Sealed: sealed, Application: uitest.Markup, Person: ui.Person{Email: "ada@example.com"}, Gone: true, Stronger: strongerURL(sealed),
	}),
	"refusal_noteam": refusalPage.With(refusalView{
		Frame: frame("ada@example.com", ui.Text("refusal.no_team_title")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, NoTeam: true,
	}),
	"refusal_access": refusalPage.With(refusalView{
		Frame: frame("ada@example.com", ui.Text("refusal.no_access_title")), Sealed: sealed, Application: "Weekly Report",
		Person: ui.Person{Email: "ada@example.com"}, Team: "clinic-south",
	}),
	"refusal_hostile": refusalPage.With(refusalView{
		Frame: frame("ada@example.com", ui.Text("refusal.no_access_title")), Sealed: uitest.Markup, Application: uitest.Markup,
		Person: ui.Person{Email: uitest.Markup}, Team: uitest.Markup + uitest.Backwards,
	}),
	"error":      sampleError(errorOfKind(404, "problem.not_found"), func(*errorView) {}),
	"error_link": sampleError(errorOfKind(404, "problem.no_connection", "page", ui.Link("/teams/clinic-north/applications/")), func(v *errorView) { v.Home = true }),
	"error_expired": sampleError(errorOfKind(400, "error.expired"), func(v *errorView) {
		v.Way, v.WayTo = ui.Text("error.back_to_application", "application", ui.Name("Weekly Report"+uitest.Markup)), "https://report.example"
		v.Developer, v.Guide = []developerFact{{ui.Text("error.application"), "Weekly Report"}}, guideFailure
	}),
	"no_cookies": errorPage.With(errorView{
		Frame: failed(frame("", ui.Text("no_cookies.title"))), Status: 400, Sentence: ui.Text("no_cookies.not_kept"),
		Advice: ui.Text("no_cookies.advice", "issuer", "https://auth.example"), Way: ui.Text("no_cookies.again"), WayTo: "https://auth.example/login/?next=%2F",
	}),
	"error_developer": sampleError(errorOfKind(400, "error.refused"), func(v *errorView) {
		v.Sentence, v.Guide = ui.Text("error.refused_application", "application", ui.Name(uitest.Backwards)), guideRegister
		v.Developer = []developerFact{
			{ui.Text("error.parameter", "name", "error_description"), "redirect_uri is not registered for this client; it is compared byte for byte"},
			{ui.Text("error.received"), "https://repоrt.example/callback /\u200B?next=%2F\u202Egpj"},
			{ui.Text("error.parameter", "name", "client_id"), ""},
			{ui.Text("error.application"), uitest.Markup},
		}
	}),
	"logout":     signOutPage.With(signOutView{Frame: frame("ada@example.com", ui.Text("sign_out.title"))}),
	"signed_out": signedOutPage.With(signedOutView{frame("", ui.Text("signed_out.title"))}),
	"logout_application": signOutPage.With(signOutView{
		Frame: frame("ada@example.com", ui.Text("sign_out.title")), Sealed: sealed, Application: "Weekly Report",
	}),
	"logout_hostile": signOutPage.With(signOutView{
		Frame: frame(uitest.Markup, ui.Text("sign_out.title")), Sealed: uitest.Markup, Application: uitest.Markup + uitest.Backwards,
	}),
	"form_post": formPostPage.With(formPostView{
		Frame: frame("", ui.Text("form_post.title")), Target: "https://report.example/back?team=1&x=%20y", Origin: "https://report.example",
		Fields: []ui.Hidden{{Name: "code", Value: "gh_ac_sealed"}, {Name: "state", Value: uitest.Markup + " é+%20"}, {Name: "iss", Value: "https://gatehouse.example"}},
	}),
}

func sampleError(v errorView, change func(*errorView)) ui.Content {
	change(&v)
	v.Frame = failed(frame("", v.Title))
	return errorPage.With(v)
}

func failed(f ui.Frame) ui.Frame {
	f.Failed = true
	return f
}

func TestPages(t *testing.T) { uitest.Check(t, samples) }

func TestTitlesSayErrorFirst(t *testing.T) {
	uitest.Titles(t, samples, map[string]string{
		"login":           "Sign in · Gatehouse",
		"login_error":     "Error: Sign in · Gatehouse",
		"consent_one":     "Authorize Weekly Report · Gatehouse",
		"consent_error":   "Error: Authorize Weekly Report · Gatehouse",
		"error":           "Error: Page not found · Gatehouse",
		"consent_hostile": "Authorize Bank moc.elgoog (official) · Gatehouse",
	})
}

// A link with a fragment puts the focus on the element of that id, through every redirect. If that were a control of the consent form, a
// person who is tricked into holding Enter would agree without reading.
func TestConsentHasNoControlThatALinkCanFocus(t *testing.T) {
	for name, page := range samples {
		if _, ok := page.View().(consentView); !ok {
			continue
		}
		for _, e := range uitest.Elements(t, uitest.HTML(t, page)) {
			_, id := e.Attrs["id"]
			_, auto := e.Attrs["autofocus"]
			if (id || auto) && slices.Contains([]string{"input", "button", "a", "select", "textarea", "summary", "label"}, e.Name) {
				t.Errorf("%s: <%s %v>", name, e.Name, e.Attrs)
			}
		}
	}
}

func TestConsentDecision(t *testing.T) {
	for name, page := range samples {
		v, ok := page.View().(consentView)
		if !ok {
			continue
		}
		var got []string
		for _, e := range uitest.Elements(t, uitest.HTML(t, page)) {
			if e.Name != "button" {
				continue
			}
			got = append(got, e.Attrs["value"])
			if e.Attrs["class"] != "choice" || e.Attrs["name"] != "decision" {
				t.Errorf("%s: button %v", name, e.Attrs)
			}
			if _, can := e.Attrs["formnovalidate"]; can != (e.Attrs["value"] == "cancel") {
				t.Errorf("%s: only Cancel works without a team: %v", name, e.Attrs)
			}
		}
		want := []string{"authorize", "cancel"}
		if !v.Open() {
			want = []string{"cancel"}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: decisions %q, want %q", name, got, want)
		}
	}
}

func TestConsentTeams(t *testing.T) {
	type input struct {
		kind, team        string
		checked, disabled bool
	}
	for name, want := range map[string][]input{
		"consent_one":      {{kind: "hidden", team: "t1"}},
		"consent_fixed":    {{kind: "hidden", team: "t1"}},
		"consent_blocked":  nil,
		"consent_factor":   {{kind: "radio", team: "t1", disabled: true}, {kind: "radio", team: "t2"}},
		"consent_provider": {{kind: "radio", team: "t1", disabled: true}, {kind: "radio", team: "t2"}, {kind: "radio", team: "t3", disabled: true}},
		"consent_teams":    {{kind: "radio", team: "t1"}, {kind: "radio", team: "t2"}, {kind: "radio", team: "t3", disabled: true}, {kind: "radio", team: "t4"}},
		"consent_error":    {{kind: "radio", team: "t1"}, {kind: "radio", team: "t2", checked: true}},
	} {
		var got []input
		for _, e := range uitest.Elements(t, uitest.HTML(t, samples[name])) {
			if e.Attrs["name"] == "team" {
				_, checked := e.Attrs["checked"]
				_, disabled := e.Attrs["disabled"]
				got = append(got, input{e.Attrs["type"], e.Attrs["value"], checked, disabled})
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: teams %v, want %v", name, got, want)
		}
	}
}

func TestConsentSaysWhenTheBrowserStaysOnTheDevice(t *testing.T) {
	for destination, want := range map[string]bool{
		"https://report.example":     false,
		"http://127.0.0.1:8001":      true,
		"http://[::1]:8001":          true,
		"http://localhost":           true,
		"com.example.report:":        true,
		"https://127.0.0.1.example":  false,
		"https://localhost.example/": false,
		"":                           false,
	} {
		if got := (consentView{Destination: destination}).OnDevice(); got != want {
			t.Errorf("OnDevice of %q = %t", destination, got)
		}
	}
}

func blockedBecause(reason string) ui.Words {
	return ui.Text("consent.blocked", "reason", ui.Name(reason))
}

func waitingSample(change func(*waitingView)) ui.Content {
	v := waitingView{
		Frame: frame("ada@example.com", ui.Text("waiting.title", "application", ui.Name("Weekly Report"))), Sealed: sealed, Application: "Weekly Report", Team: "Clinic North",
		Person: ui.Person{Name: "Ada", Email: "ada@example.com"}, Permissions: ui.Permissions{Read: readScopes},
	}
	change(&v)
	v.Failed = len(v.Failures) > 0
	return waitingPage.With(v)
}

var waitingSince = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
