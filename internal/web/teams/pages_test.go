package teams

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

const day = 24 * time.Hour

var (
	noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

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

	governed = []application{
		{
			Application: head(0, "Night Export", "", marks(true, true, false, false)), ID: "c4", Machine: true, Used: before(9 * time.Hour),
			Permissions: ui.Permissions{Read: readScopes, Write: writeScopes[:1]},
		},
		{Application: head(1, "Old Import", "", marks(true, true, true, false)), ID: "c5", Machine: true, Permissions: readOnly, Block: blockForm{Index: 1}},
		{
			Application: head(2, "Quiz Maker", "Quiz & Co", marks(false, false, false, true)), ID: "c2",
			Blocked: true, Reason: "Reports go through our own warehouse.", BlockedSince: before(5 * day),
		},
		{
			Application: head(3, "Staff Notes", "Clinic North", marks(true, false, false, false)), ID: "c6", Block: blockForm{Index: 3},
			Approved: &approval{Since: before(day), May: uitest.Markup, UsedSince: true, ReviewBy: clock.OnDate(noon.Add(29 * day)), TakeBack: "/teams/clinic-north/applications/take-back/?client=c6"},
		},
		{Application: head(4, "Weekly Report", "Ferris Analytics", nil), ID: "c1", Block: blockForm{Index: 4}, People: []member{
			{
				Grant: "g1", Person: ui.Person{Name: "Ada Obi", Email: "ada@example.com"},
				Use: ui.Use{Since: before(40 * day), Used: before(3 * time.Minute)}, Permissions: everything,
			},
			{Grant: "g7", Person: ui.Person{Name: "Ben Sand", Email: "ben@example.com"}, Use: ui.Use{Since: before(3 * day)}, Permissions: readOnly},
		}},
	}
	events = []eventLine{
		{
			At: clock.OnDate(noon), Sentence: ui.Text("event.consent.given", "user", ui.Strong("Ada Obi"), "client", ui.Strong("Weekly Report")),
			Detail: "See the team’s chatbots · See the team’s sessions and their messages", Address: "203.0.113.7", RequestID: "7RNQ4M2XW5KZ3B6A",
		},
		{
			At: clock.OnDate(noon.Add(-time.Hour)), Alarm: true, Address: "198.51.100.200", RequestID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			Sentence: ui.Text("event.refresh.replayed", "user", ui.Strong("Ada Obi"), "client", ui.Strong("Weekly Report")),
		},
		{
			At: clock.OnDate(noon.Add(-day)), Detail: "member",
			Sentence: ui.Text("event.member.added", "actor", ui.Text("history.operator.first"), "user", ui.Strong("Ben Sand")),
		},
	}
)

var clock = ui.ClockAt(noon, nil)

func before(d time.Duration) ui.Moment { return clock.Ago(noon.Add(-d)) }

func head(i int, name, owner string, marks []ui.Mark) ui.Application {
	return ui.Application{HeadingID: ui.HeadingID(i), Name: name, Owner: owner, Marks: marks}
}

func frame(team, title, current string) ui.Frame {
	return ui.Frame{
		Title: ui.Text(title, "team", ui.Name(team)), ServerName: "Gatehouse", Account: "ada@example.com", RequestID: "7RNQ4M2XW5KZ3B6A",
		Tabs: ui.Tabs{Label: ui.Text("team.label"), Items: []ui.Tab{
			{Href: "/teams/clinic-north/members/", Text: ui.Text("members.tab"), Current: current == "members"},
			{Href: "/teams/clinic-north/invitations/", Text: ui.Text("invitations.tab"), Current: current == "invitations"},
			{Href: "/teams/clinic-north/applications/", Text: ui.Text("team_applications.tab"), Current: current == "applications"},
			{Href: "/teams/clinic-north/audit/", Text: ui.Text("history.tab"), Current: current == "audit"},
			{Href: "/teams/clinic-north/settings/", Text: ui.Text("team_settings.tab"), Current: current == "settings"},
		}},
	}
}

func applications(v applicationsView) ui.Content {
	if v.Team == "" {
		v.Team = "Clinic North"
	}
	v.Slug, v.Policy = "clinic-north", ruleName(govern.Everyone)
	open := v.Stranger.Open()
	for _, a := range v.Applications {
		open = open || a.Block.Open()
	}
	v.Frame = frame(v.Team, "team_applications.title", "applications")
	v.Failed = open
	return applicationsPage.With(v)
}

func waiting(i int, name string, askers ...asker) requested {
	a := requested{Application: head(i, name, "Ferris & Co", nil), ID: name, Index: i, Origins: []string{"https://report.example"}, Askers: askers}
	a.Groups = tickGroups(i, everything, oauth.Scope{"chatbot:read", "session:write"}, oauth.Scope{"chatbot:read"})
	return a
}

func failedAnswer(a requested) requested {
	a.answer = answer{ReviewBy: uitest.Markup, Reason: uitest.Markup}
	a.fail("review", a.ReviewField().ID, ui.Text("requests.review_wrong"))
	return a
}

func requests(v requestsView) ui.Content {
	if v.Team == "" {
		v.Team = "Clinic North"
	}
	v.Slug, v.Frame = "clinic-north", frame(v.Team, "requests.title", "applications")
	for _, a := range v.Applications {
		v.Failed = v.Failed || len(a.Failures) > 0
	}
	return requestsPage.With(v)
}

func policy(v policyView) ui.Content {
	if v.Team == "" {
		v.Team = "Clinic North"
	}
	v.Slug, v.Now = "clinic-north", ruleName(govern.Everyone)
	for _, rule := range govern.Rules() {
		v.Rules = append(v.Rules, ruleOf(rule, govern.Everyone))
	}
	v.Frame = frame(v.Team, "team_policy.title", "applications")
	return policyPage.With(v)
}

func history(team string, kind audit.Kind, v historyView) ui.Content {
	v.Frame, v.Team, v.Filter = frame(team, "history.title", "audit"), team, filterOf("/teams/clinic-north/audit/", kind)
	return historyPage.With(v)
}

// refused is the list with the form of one application unfolded.
func refused(list []application, i int, form blockForm) []application {
	list = append([]application(nil), list...)
	list[i].Block = form
	return list
}

var samples = uitest.Samples{
	"applications": applications(applicationsView{Applications: governed, Requests: 3}),
	"applications_empty": applications(applicationsView{Notice: &ui.Notice{
		Text: ui.Text("team_applications.now_unblocked", "application", ui.Strong("Quiz Maker"), "team", ui.Strong("Clinic North")),
	}}),
	"applications_reason": applications(applicationsView{Applications: refused(governed, 4, blockForm{
		Index: 4, Client: "c1", Reason: " ", reasonIsRejected: true, Failures: ui.Failures{{Field: "reason-4", Text: reasonProblem(" ")}},
	})}),
	"applications_stranger": applications(applicationsView{Applications: governed[2:3], Stranger: blockForm{
		Client: uitest.Markup, Reason: uitest.Markup, clientIsUnknown: true,
		Failures: ui.Failures{{Field: "client", Text: ui.Text("team_applications.unknown_client")}},
	}}),
	"applications_hostile": applications(applicationsView{
		Team: uitest.Markup,
		Notice: &ui.Notice{
			Text: ui.Text("team_applications.now_blocked", "application", ui.Strong(uitest.Backwards), "team", ui.Strong(uitest.Markup)),
		},
		Applications: []application{
			{
				Application: head(0, uitest.Markup, uitest.Backwards, nil), ID: uitest.Markup, People: []member{{
					Grant: uitest.Markup, Person: ui.Person{Name: uitest.Endless, Email: uitest.Endless + "@example.com"}, Use: ui.Use{Since: before(0)},
					Permissions: readOnly,
				}},
			},
			{
				Application: head(1, uitest.Covering, "", marks(false, false, false, true)), ID: "c2",
				Blocked: true, Reason: uitest.Markup + uitest.Backwards, BlockedSince: before(0),
			},
			{Application: head(2, "Silent", "", marks(false, false, false, true)), ID: "c3", Blocked: true, BlockedSince: before(0)},
		},
	}),

	"policy": policy(policyView{}),
	"policy_done": policy(policyView{Strict: true, Notice: &ui.Notice{
		Text: ui.Text("team_policy.done", "rule", ruleName(govern.Nobody)), More: effectNotice([]int{1, 2, 1, 2}),
	}}),
	"policy_preview": policy(policyView{Preview: &policyPreview{
		Rule: ruleOf(govern.ApproveFirst, govern.Everyone), Does: []ui.Words{ui.Text("team_policy.nothing_stops"), ui.Text("team_policy.approves", "count", 2)},
		InUse: ui.Text("team_policy.in_use", "applications", ui.Text("team_policy.applications", "count", 2), "connections", ui.Text("team_policy.connections", "count", 23)),
		Applications: []usedApplication{
			{ID: "c1", Name: "Weekly Report", People: 22, May: "See the team’s chatbots · Start sessions"}, {ID: uitest.Markup, Name: uitest.Backwards, People: 1, May: uitest.Markup, Cut: true},
		},
	}}),
	"policy_preview_nobody": policy(policyView{Team: uitest.Markup, Preview: &policyPreview{
		Rule: ruleOf(govern.Nobody, govern.Everyone), Strict: true, Does: effectWords("team_policy.would_", govern.Effect{Ended: 1, Suspended: 23, Resumed: 1, Narrowed: 2}),
	}}),

	"requests": requests(requestsView{Applications: []requested{
		waiting(0, "Weekly Report", asker{Person: ui.Person{Name: "Ada Obi", Email: "ada@example.com"}, Since: before(day), Note: "For the\nreport"}, asker{Person: ui.Person{Name: "Ben Sand", Email: "ben@example.com"}, Since: before(time.Minute)}),
		waiting(1, uitest.Markup, asker{Person: ui.Person{Name: uitest.Backwards, Email: uitest.Endless + "@example.com"}, Since: before(0), Note: uitest.Markup}),
	}}),
	"requests_none":   requests(requestsView{Notice: &ui.Notice{Text: ui.Text("requests.approved", "application", ui.Strong("Quiz Maker"), "team", ui.Strong("Clinic North")), More: effectNotice([]int{0, 0, 2, 0})}}),
	"requests_failed": requests(requestsView{Team: uitest.Backwards, Applications: []requested{failedAnswer(waiting(0, "Weekly Report", asker{Person: ui.Person{Name: "Ada Obi", Email: "ada@example.com"}, Since: before(day)}))}}),

	"history":       history("Clinic North", "", historyView{Events: events, Pagination: ui.Pagination{Older: "/teams/clinic-north/audit/?before=123"}}),
	"history_last":  history("Clinic North", audit.ConsentGiven, historyView{Events: events[:1], Pagination: ui.Pagination{Newest: "/teams/clinic-north/audit/?kind=consent.given"}}),
	"history_empty": history("Clinic North", audit.TeamRenamed, historyView{}),
	"history_hostile": history(uitest.Markup, "", historyView{Events: []eventLine{{
		At: clock.OnDate(noon), Sentence: ui.Text("event.consent.given", "user", ui.Strong(uitest.Markup), "client", ui.Strong(uitest.Backwards)),
		Detail: uitest.Endless + uitest.Markup + uitest.Backwards, Address: "2001:db8:85a3::8a2e:370:7334",
	}}}),
}

func TestPages(t *testing.T) { uitest.Check(t, samples) }

func TestTitlesSayErrorFirst(t *testing.T) {
	uitest.Titles(t, samples, map[string]string{
		"applications":        "Applications in Clinic North · Gatehouse",
		"applications_reason": "Error: Applications in Clinic North · Gatehouse",
		"history":             "What happened in Clinic North · Gatehouse",
	})
}
