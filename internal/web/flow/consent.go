package flow

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

var consentPage = ui.NewPage[consentView](files, "consent.html")

// consentView asks whether an application may work in a team.
type consentView struct {
	ui.Frame
	Sealed         string
	Application    string
	Owner          string // the organisation that registered the application
	Person         ui.Person
	Teams          []consentTeam
	Fixed          bool // the team is stated, not chosen: Teams has exactly one
	ByApplication  bool // the team is stated because the application asked for it
	OfApplication  bool // the team is stated because the application belongs to it
	ui.Permissions      // what it asks for
	Destination    string
	Stronger       string      // where a person goes who signed in without a second factor
	Failures       ui.Failures // for example that no team was chosen
}

// teamsField is the id of the teams to choose from.
const teamsField = "teams"

// consentTeam is one team to choose, or the one that is stated.
type consentTeam struct {
	ID, Name, Slug string
	Barred         ui.Words   // why it cannot be chosen; empty when it can
	Approval       ui.Words   // what an admin has decided, or has to decide; empty when nothing
	Decides        bool       // the person is an admin who can approve the application for the whole team
	Factor         bool       // cannot be chosen before a sign-in with two factors
	Provider       string     // the name of the provider at which the person has to sign in first, or ""
	SignIn         string     // the page for that; "" when the provider is not configured any more
	Before         bool       // something was granted here before
	Differs        []ui.Words // what is new of the application since
	New            []string   // which permissions are new since, in words; empty when none is or nothing was granted
	Checked        bool
}

// Closed reports whether the team cannot be chosen.
func (t consentTeam) Closed() bool { return len(t.Barred) > 0 || t.Factor || t.Provider != "" }

// Described reports whether something is said about the team.
func (t consentTeam) Described() bool { return t.Closed() || len(t.Approval) > 0 || t.Before }

// Open reports whether there is a team that can be authorized.
func (v consentView) Open() bool {
	return slices.ContainsFunc(v.Teams, func(t consentTeam) bool { return !t.Closed() })
}

// Choice reports whether the person has a team to choose.
func (v consentView) Choice() bool { return !v.Fixed && len(v.Teams) > 1 }

// Decides reports whether the person can approve the application for a whole team.
func (v consentView) Decides() bool {
	return slices.ContainsFunc(v.Teams, func(t consentTeam) bool { return t.Decides && !t.Closed() })
}

// TeamsFailed reports whether the failures are about the teams.
func (v consentView) TeamsFailed() bool {
	return slices.ContainsFunc(v.Failures, func(f ui.Failure) bool { return f.Field == teamsField })
}

// Many reports whether the teams need a list that scrolls.
func (v consentView) Many() bool { return len(v.Teams) > 8 }

// OnDevice reports whether the redirect leads to a program on the same device: loopback or a private-use scheme (RFC 8252 §7).
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

// Decide is the person's answer on the consent page, or Cancel on a page that offers nothing else.
func (f *Flow) Decide(w http.ResponseWriter, r *http.Request) error {
	sent, err := route.Fields(r, "request", "team", "decision", "for_team", "note")
	if err != nil {
		return err
	}
	sealed, chosen, decision := sent[0], authz.Choice{Team: team.ID(sent[1]), ForTeam: sent[3] == "yes"}, sent[2]
	switch decision {
	case "authorize":
		return f.approve(w, r, sealed, chosen)
	case "cancel":
		return f.cancel(w, r, sealed)
	case "ask":
		return f.askAdmins(w, r, sealed, sent[4])
	case "withdraw":
		return f.withdraw(w, r, sealed)
	case "other_team":
		return f.otherTeam(w, r, sealed)
	}
	return oauth.InvalidRequest.Errorf("decision must be authorize, cancel, ask, withdraw or other_team")
}

func (f *Flow) approve(w http.ResponseWriter, r *http.Request, sealed string, chosen authz.Choice) error {
	next, err := f.authz.Approve(r.Context(), sealed, f.browser(r), chosen)
	if err != nil {
		return err
	}
	if next.Step == authz.NeedApproval { // the person chose a team whose admins have to approve it first
		continueAt(w, next.Sealed)
		return nil
	}
	return f.showNext(w, r, next, whatChanged(next, chosen.Team))
}

// whatChanged says why the page is shown again.
func whatChanged(next authz.Next, chosen team.ID) ui.Failures {
	switch next.Changed {
	case authz.AccountChanged:
		return ui.Failures{{Text: ui.Text("consent.changed_account", "email", ui.Name(next.Session.User.Email))}}
	case authz.TeamChanged:
		return ui.Failures{{Text: ui.Text("consent.changed_team")}}
	}
	for _, choice := range next.Teams {
		if choice.Team.ID == chosen && choice.Verdict.Outcome == govern.NotHere {
			return ui.Failures{{Field: teamsField, Text: ui.Text("consent.not_allowed_there")}}
		}
		if choice.Team.ID == chosen && choice.Provider != "" {
			return ui.Failures{{Field: teamsField, Text: ui.Text("consent.provider_first")}}
		}
		if choice.Team.ID == chosen && choice.Factor {
			return ui.Failures{{Field: teamsField, Text: ui.Text("consent.factor_first")}}
		}
	}
	if chosen == "" && !next.Fixed {
		return ui.Failures{{Field: teamsField, Text: ui.Text("consent.choose_first")}}
	}
	return ui.Failures{{Text: ui.Text("consent.changed")}}
}

// cancel tells the application that the person did not agree.
func (f *Flow) cancel(w http.ResponseWriter, r *http.Request, sealed string) error {
	next, err := f.authz.Cancel(r.Context(), sealed, f.browser(r))
	if err != nil {
		return err
	}
	return f.showNext(w, r, next, nil)
}

// consentPage is the question.
func (f *Flow) consentPage(r *http.Request, next authz.Next, failures ui.Failures) ui.Content {
	user := next.Session.User
	view := consentView{
		Frame: f.quietFrame(r, &next.Session, ui.Text("consent.title", "application", ui.Name(next.Client.Name))), Sealed: next.Sealed,
		Application: next.Client.Name, Owner: next.Client.Owner, Person: ui.Person{Name: user.Name, Email: user.Email},
		Fixed: next.Fixed, ByApplication: next.Client.Global() && next.Team != "", OfApplication: !next.Client.Global(), Destination: oauth.RedirectOrigin(next.RedirectURI),
		Stronger: strongerURL(next.Sealed),
	}
	view.Permissions = access.Describe(view.Language, next.Asked)
	view.Failures, view.Failed = failures, len(failures) > 0
	open := 0
	for _, choice := range next.Teams {
		onPage := teamOnPage(choice, next.Asked, view.Language)
		if choice.Provider != "" {
			onPage.Provider = f.Providers.Name(choice.Provider)
			if _, err := f.Providers.ByID(choice.Provider); err == nil {
				onPage.SignIn = withURL(choice.Provider, next.Sealed)
			}
		}
		view.Teams = append(view.Teams, onPage)
		if !view.Teams[len(view.Teams)-1].Closed() {
			open++
		}
	}
	if !view.Choice() {
		for i := range view.Failures {
			view.Failures[i].Field = "" // it is not there
		}
	}
	for i := range view.Teams {
		// The only possible team is checked already; between several, only the person chooses.
		view.Teams[i].Checked = open == 1 && !view.Teams[i].Closed()
	}
	return consentPage.With(view)
}

// verdictWords says why a team cannot be chosen, or what its admins have to do with it.
func verdictWords(choice authz.TeamChoice, language *words.Catalogue) (barred, approval ui.Words) {
	reason := ui.Name(choice.Row.Reason)
	switch choice.Verdict.Outcome {
	case govern.NotHere:
		switch {
		case choice.Row.State == govern.Blocked && reason != "":
			return ui.Text("consent.blocked", "reason", reason), nil
		case choice.Row.State == govern.Blocked:
			return ui.Text("consent.blocked_no_reason"), nil
		case choice.Policy.Rule == govern.Nobody:
			return ui.Text("consent.nobody"), nil
		case choice.Row.State == govern.Approved:
			return ui.Text("consent.listed_less"), nil
		}
		return ui.Text("consent.not_listed"), nil
	case govern.Narrow:
		var without []string
		for _, info := range choice.Without {
			without = append(without, info.In(language))
		}
		return nil, ui.Text("consent.narrowed", "without", strings.Join(without, "; "))
	case govern.Decide:
		return nil, ui.Text("consent.you_decide")
	case govern.Ask:
		return nil, ui.Text("consent.approve_first")
	case govern.Refused:
		return nil, ui.Text("consent.declined")
	}
	return nil, nil
}

// difference is what was different when the person agreed.
func difference(d authz.Difference) ui.Words {
	before := ui.Name(d.Before)
	switch {
	case d.What == authz.NameDiffers:
		return ui.Text("consent.differs_name", "before", before)
	case d.What == authz.OwnerDiffers && d.Before == "":
		return ui.Text("consent.differs_no_owner")
	case d.What == authz.OwnerDiffers:
		return ui.Text("consent.differs_owner", "before", before)
	case d.Before == "":
		return ui.Text("consent.differs_no_place")
	}
	return ui.Text("consent.differs_place", "before", before)
}

// teamOnPage is one team with what is new there since the last consent.
func teamOnPage(choice authz.TeamChoice, asked []scope.Info, language *words.Catalogue) consentTeam {
	t := consentTeam{
		ID: string(choice.Team.ID), Name: choice.Team.Name, Slug: choice.Team.Slug,
		Factor: choice.Factor, Before: len(choice.Granted) > 0, Decides: choice.Verdict.Outcome == govern.Decide,
	}
	t.Barred, t.Approval = verdictWords(choice, language)
	if !t.Before {
		return t
	}
	for _, d := range choice.Differs {
		t.Differs = append(t.Differs, difference(d))
	}
	for _, info := range asked {
		if !choice.Granted.Contains(info.Name) {
			t.New = append(t.New, info.In(language))
		}
	}
	return t
}
