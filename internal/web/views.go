package web

import (
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Every page has a view: what the template may show, and nothing else. render (render.go) executes a view's template inside the layout.

// Chrome is what every page has around its content.
type Chrome struct {
	Title      string // of the page, without the server's name
	ServerName string // "Gatehouse", or the operator's
	Account    string // the e-mail of the person who is signed in, or ""
	RequestID  string
}

// homeView is the page at "/".
type homeView struct {
	Chrome
	Name    string // of the person, or ""
	Teams   []ownTeam
	Replays int // how many times something of theirs was used twice lately
}

// loginView is the sign-in page.
type loginView struct {
	Chrome
	Sealed      string // the pending request, or ""
	Next        string // a relative target, or ""
	Email       string // as typed before
	Error       string // one sentence, or ""
	Application string // the application that waits, or ""
	Again       bool   // the application asked for a fresh sign-in
}

// selectAccountView asks whether to go on as this person.
type selectAccountView struct {
	Chrome
	Sealed      string
	Application string
	Name, Email string
}

// consentView is the product's face.
type consentView struct {
	Chrome
	Sealed      string
	Application string
	Owner       string // who registered the application
	Name, Email string // of the person who is signed in
	Teams       []consentTeam
	Fixed       bool // the team is stated, not chosen: Teams has exactly one
	permissions
	Destination string // the redirect origin: where the browser goes next
	Error       string // e.g. no team was picked
}

// Open reports whether there is a team that can be authorized.
func (v consentView) Open() bool {
	return slices.ContainsFunc(v.Teams, func(t consentTeam) bool { return t.Blocked == "" })
}

// Choice reports whether the person has a team to pick.
func (v consentView) Choice() bool { return !v.Fixed && len(v.Teams) > 1 }

// Many reports whether the teams need a list of their own to scroll in.
func (v consentView) Many() bool { return len(v.Teams) > 8 }

// OnDevice reports whether the browser hands over to a program on the same device: loopback or a scheme of its own (RFC 8252 §7).
func (v consentView) OnDevice() bool {
	u, err := url.Parse(v.Destination)
	if err != nil {
		return false
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return u.Scheme != ""
	}
	return oauth.IsLoopback(u.Hostname())
}

// consentTeam is one team to choose, or the one that is stated.
type consentTeam struct {
	ID, Name, Slug string
	Blocked        string   // the admin's reason: cannot be chosen
	Before         bool     // something was granted here before
	New            []string // what is new since, in words; empty when nothing is or nothing was granted
	Checked        bool
}

// consentScope is one permission.
type consentScope struct {
	Name        string // "chatbot:read"
	Description string // in plain words
}

// refusalView is a page without a way on but to sign in as another person or to cancel: no team, or no access to the team.
type refusalView struct {
	Chrome
	Sealed      string
	Application string
	Email       string
	NoTeam      bool   // else: no access
	Team        string // what the request asked for, as received; "" when it must not be shown
}

// errorView is an error page.
type errorView struct {
	Chrome
	Status    int
	Sentence  string          // what happened
	Todo      string          // what the person can do
	Developer []developerFact // exactly what was wrong, folded away
}

// developerFact is a line under "I am developing this application". Value is shown character for character.
type developerFact struct{ Label, Value string }

// signedOutView follows /logout/ and /o/logout/. Confirm asks first (GET).
type signedOutView struct {
	Chrome
	Confirm     bool
	Sealed      string // the application's logout request that waits, or ""
	Application string // whose it is, or ""
}

// documentView is a page of the documentation.
type documentView struct {
	Chrome
	Body     template.HTML // from our own Markdown
	Contents []documentHeading
}

// Headed reports whether the body brings its own <h1>.
func (v documentView) Headed() bool { return strings.Contains(string(v.Body), "<h1") }

type documentHeading struct{ ID, Text string }
