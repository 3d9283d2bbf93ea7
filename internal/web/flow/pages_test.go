package flow

import (
	"html/template"
	"strconv"
	"strings"
)

const sealed = "gh_sealed_request-0123456789_ABCDEF"

var (
	readScopes = []consentScope{
		{"chatbot:read", "See the team’s chatbots"},
		{"session:read", "See the team’s sessions and their messages"},
	}
	writeScopes = []consentScope{
		{"chatbot:interact", "Send messages to the team’s chatbots"},
		{"session:write", "Start sessions"},
	}
)

// hostile are the values of somebody who wants the page to break or to lie.
const (
	markup    = `"><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}' onload='x`
	backwards = "Bank \u202Emoc.elgoog\u202C\u2066 (official)\u200B"
	endless   = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsverwaltungsrat"
	covering  = "Z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u0309\u030A\u030B\u030C\u030Da\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307lgo"
	persian   = "تیم پشتیبانی می\u200Cخواهیم"
)

func chrome(account string) Chrome {
	return Chrome{ServerName: "Gatehouse", Account: account, RequestID: "7RNQ4M2XW5KZ3B6A"}
}

func manyTeams() []consentTeam {
	teams := make([]consentTeam, 60)
	for i := range teams {
		n := strconv.Itoa(i + 1)
		teams[i] = consentTeam{ID: "t" + n, Name: "Regional office " + n, Slug: "office-" + n}
	}
	return teams
}

func consent(change func(*consentView)) consentView {
	v := consentView{
		Chrome:      chrome("ada@example.com"),
		Sealed:      sealed,
		Application: "Weekly Report",
		Owner:       "Ferris Analytics",
		Name:        "Ada Obi",
		Email:       "ada@example.com",
		Teams:       []consentTeam{{ID: "t1", Name: "Clinic North", Slug: "clinic-north"}},
		permissions: permissions{Read: readScopes, Write: writeScopes},
		Destination: "https://report.example",
	}
	change(&v)
	return v
}

var identityWords = []consentScope{
	{"openid", "Sign you in and recognise you by an identifier"},
	{"email", "See your e-mail address"},
	{"offline_access", "Stay connected while you are away"},
}

var ownTeamsSample = []ownTeam{{Name: "Clinic North", Slug: "clinic-north", Admin: true}, {Name: "Field trial", Slug: "field-trial"}}

// samples are the views of the golden files, by file name.
var samples = map[string]any{
	"home":           homeView{Chrome: chrome("ada@example.com"), Name: "Ada Obi", Teams: ownTeamsSample},
	"home_replay":    homeView{Chrome: chrome("ada@example.com"), Name: "Ada Obi", Teams: ownTeamsSample, Replays: 1},
	"home_signedout": homeView{Chrome: chrome("")},
	"home_noteam":    homeView{Chrome: chrome("ada@example.com"), Name: "Ada Obi"},
	"login":          loginView{Chrome: chrome(""), Next: "/"},
	"login_request":  loginView{Chrome: chrome(""), Sealed: sealed, Application: "Weekly Report"},
	"login_again":    loginView{Chrome: chrome("ada@example.com"), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com", Again: true},
	"login_error":    loginView{Chrome: chrome(""), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com", Error: "The e-mail address or the password is not right."},
	"select_account": selectAccountView{Chrome: chrome("ada@example.com"), Sealed: sealed, Application: "Weekly Report", Name: "Ada Obi", Email: "ada@example.com"},
	"consent_one":    consent(func(*consentView) {}),
	"consent_fixed": consent(func(v *consentView) {
		v.Fixed = true
		v.Write = nil
		v.Teams[0].Before = true
		v.Teams[0].New = []string{"See the team’s sessions and their messages"}
		v.Destination = "http://127.0.0.1:52100"
	}),
	"consent_teams": consent(func(v *consentView) {
		v.Teams = []consentTeam{
			{ID: "t1", Name: "Clinic North", Slug: "clinic-north"},
			{ID: "t2", Name: "Field trial", Slug: "field-trial", Before: true, New: []string{"Start sessions"}},
			{ID: "t3", Name: "Headquarters", Slug: "hq", Blocked: "Reports go through our own warehouse."},
			{ID: "t4", Name: "Training", Slug: "training", Before: true},
		}
	}),
	"consent_error": consent(func(v *consentView) {
		v.Teams = []consentTeam{{ID: "t1", Name: "Clinic North", Slug: "clinic-north"}, {ID: "t2", Name: "Field trial", Slug: "field-trial", Checked: true}}
		v.Error = "Choose a team, then decide."
	}),
	"consent_blocked": consent(func(v *consentView) { v.Teams[0].Blocked = "Reports go through our own warehouse." }),
	"consent_many":    consent(func(v *consentView) { v.Teams = manyTeams() }),
	"consent_hostile": consent(func(v *consentView) {
		v.Sealed = markup
		v.Application, v.Owner, v.Name, v.Email = backwards, markup, persian, endless+"@example.com"
		v.Teams = []consentTeam{
			{ID: markup, Name: markup, Slug: endless, Before: true, New: []string{markup}},
			{ID: "t2", Name: covering, Slug: "covering", Blocked: markup + backwards},
			{ID: "t3", Name: persian, Slug: "persian"},
			{ID: "t4", Name: " \u3164\u200D ", Slug: "nothing"},
		}
		v.Read = []consentScope{{"read:" + strings.Repeat("very-long-", 12), endless + " " + endless}}
		v.Write = []consentScope{{markup, markup}}
		v.Destination = "https://xn--pple-43d.example." + strings.Repeat("long", 15) + ".example"
	}),
	"consent_identity": consent(func(v *consentView) { v.You = identityWords }),
	"consent_nothing":  consent(func(v *consentView) { v.Read, v.Write, v.Owner, v.Destination = nil, nil, "", "com.example.report:" }),
	"refusal_noteam":   refusalView{Chrome: chrome("ada@example.com"), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com", NoTeam: true},
	"refusal_access":   refusalView{Chrome: chrome("ada@example.com"), Sealed: sealed, Application: "Weekly Report", Email: "ada@example.com", Team: "clinic-south"},
	"refusal_hostile":  refusalView{Chrome: chrome("ada@example.com"), Sealed: markup, Application: markup, Email: markup, Team: markup + backwards},
	"error":            errorView{Chrome: named("Not found", chrome("")), Status: 404, Sentence: "There is no page at this address.", Todo: "Check the address, or go back to where you came from."},
	"error_developer": errorView{
		Chrome: named("This application sent you here with a mistake", chrome("")), Status: 400,
		Sentence: "The address to send you back to is not one that the application registered, so we stopped.",
		Todo:     "Nothing was shared. Go back to the application and tell its makers.",
		Developer: []developerFact{
			{"Problem", "redirect_uri is not registered for this client; it is compared byte for byte"},
			{"Received", "https://repоrt.example/callback /\u200B?next=%2F\u202Egpj"},
			{"client_id", ""},
			{"Markup", markup},
		},
	},
	"logout":             signedOutView{Chrome: chrome("ada@example.com"), Confirm: true},
	"signed_out":         signedOutView{Chrome: chrome("")},
	"logout_application": signedOutView{Chrome: chrome("ada@example.com"), Confirm: true, Sealed: sealed, Application: "Weekly Report"},
	"logout_hostile":     signedOutView{Chrome: chrome(markup), Confirm: true, Sealed: markup, Application: markup + backwards},
	"form_post": formPostView{
		Chrome: chrome(""), Target: "https://report.example/back?team=1&x=%20y", Origin: "https://report.example",
		Fields: [][2]string{{"code", "gh_ac_sealed"}, {"state", markup + " é+%20"}, {"iss", "https://gatehouse.example"}},
	},
	"document": documentView{
		Chrome:   named("Getting started", chrome("")),
		Contents: []documentHeading{{"register", "Register your application"}, {"ask", "Ask for access"}, {"errors", "Every error, and what to do about it"}},
		Body: template.HTML(`<h1>Getting started</h1><p>Five steps from nothing to a first call.</p>
<h2 id="register">Register your application</h2><p>You get a <code>client_id</code> and a secret.</p>
<pre><code>curl -s https://gatehouse.example/o/token/ -d grant_type=authorization_code -d code="$CODE" -d redirect_uri=https://app.example/callback -d client_id="$ID" -d client_secret="$SECRET" -d code_verifier="$VERIFIER"
</code></pre>
<h2 id="ask">Ask for access</h2><ul><li>Send the browser to <code>/o/authorize/</code>.</li><li>Wait for the answer.</li></ul>
<table><thead><tr><th>Parameter</th><th>Required</th><th>What it is</th></tr></thead><tbody><tr><td><code>code_challenge_method</code></td><td>yes</td><td>Always <code>S256</code></td></tr></tbody></table>
<h3>What can go wrong</h3><p>Little.</p>
<h2 id="errors">Every error, and what to do about it</h2><blockquote><p>Errors teach.</p></blockquote>`),
	},
	"document_plain": documentView{Chrome: named("Security", chrome("ada@example.com")), Body: "<p>How to report a problem.</p>"},
}

func named(title string, c Chrome) Chrome {
	c.Title = title
	return c
}
