package account

import (
	"strings"
	"time"
)

// What the pages of accounts and teams show in their golden files.

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) moment { return ago(noon.Add(-d), noon) }

const day = 24 * time.Hour

var (
	everything = permissions{You: identityWords[:2], Read: readScopes, Write: writeScopes}
	readOnly   = permissions{Read: readScopes[:1]}

	replaysSample = []replay{
		{At: onDate(noon.Add(-50 * time.Hour)), Application: "Weekly Report", Team: "Clinic North"},
		{At: onDate(noon.Add(-20 * day)), Code: true},
	}
	connectedSample = []connectedApplication{
		{Name: "Shift Planner", Connections: []connection{
			{Grant: "g3", Team: "Field trial", Slug: "field-trial", Since: before(200 * day), permissions: readOnly},
		}},
		{Name: "Weekly Report", Owner: "Ferris Analytics", Connections: []connection{
			{Grant: "g1", Team: "Clinic North", Slug: "clinic-north", Since: before(40 * day), Used: before(3 * time.Minute), permissions: everything},
			{Grant: "g2", Team: "Field trial", Slug: "field-trial", Since: before(day), Used: before(0), permissions: permissions{}},
		}},
	}
	clinic         = teamChrome{Chrome: chrome("ada@example.com"), Team: "Clinic North", Slug: "clinic-north"}
	governedSample = []teamApplication{
		{ID: "c4", Name: "Night Export", Own: true, Machine: true, Used: before(9 * time.Hour), permissions: permissions{Read: readScopes, Write: writeScopes[:1]}},
		{ID: "c5", Name: "Old Import", Own: true, Machine: true, Disabled: true, permissions: readOnly},
		{ID: "c2", Name: "Quiz Maker", Owner: "Quiz & Co", Blocked: "Reports go through our own warehouse.", BlockedSince: before(5 * day)},
		{ID: "c6", Name: "Staff Notes", Owner: "Clinic North", Own: true},
		{ID: "c1", Name: "Weekly Report", Owner: "Ferris Analytics", People: []memberConnection{
			{Grant: "g1", Name: "Ada Obi", Email: "ada@example.com", Since: before(40 * day), Used: before(3 * time.Minute), permissions: everything},
			{Grant: "g7", Name: "Ben Sand", Email: "ben@example.com", Since: before(3 * day), permissions: readOnly},
		}},
	}
	eventsSample = []eventLine{
		{At: onDate(noon), Words: []phrase{{Name: "Ada Obi"}, {Text: " authorized "}, {Name: "Weekly Report"}}, Detail: "chatbot:read session:read", Address: "203.0.113.7", RequestID: "7RNQ4M2XW5KZ3B6A"},
		{
			At: onDate(noon.Add(-time.Hour)), Alarm: true, Address: "198.51.100.200", RequestID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			Words: []phrase{{Text: "A used refresh token of "}, {Name: "Weekly Report"}, {Text: " for "}, {Name: "Ada Obi"}, {Text: " was presented again, so that connection was ended"}},
		},
		{At: onDate(noon.Add(-day)), Words: []phrase{{Text: "An operator of this server"}, {Text: " added "}, {Name: "Ben Sand"}, {Text: " to the team"}}, Detail: "member"},
	}
)

func init() {
	for name, view := range map[string]any{
		"account": accountView{
			Chrome: chrome("ada@example.com"), Name: "Ada Obi", Since: before(3 * time.Hour), Grants: 3, Teams: ownTeamsSample, Replays: replaysSample[:1],
			Attempts: []signInAttempt{{At: onDate(noon.Add(-3 * time.Hour)), Address: "203.0.113.7"}, {At: onDate(noon.Add(-30 * time.Hour)), Address: "2001:db8:85a3::8a2e:370:7334", Failed: true}},
		},
		"account_new": accountView{Chrome: chrome("ada@example.com"), Since: before(0), Done: &doneView{What: donePassword}},

		"account_applications":       accountApplicationsView{Chrome: chrome("ada@example.com"), Applications: connectedSample, Replays: replaysSample},
		"account_applications_empty": accountApplicationsView{Chrome: chrome("ada@example.com")},
		"account_applications_ended": accountApplicationsView{
			Chrome: chrome("ada@example.com"), Applications: connectedSample[:1],
			Done: &doneView{What: doneEnded, Application: "Weekly Report", Team: "Clinic North", Stopped: []string{"See your name", "See the team’s chatbots", "Start sessions"}},
		},
		"account_applications_hostile": accountApplicationsView{
			Chrome: chrome("ada@example.com"), Done: &doneView{What: doneEnded, Application: backwards, Team: markup, Person: covering, Stopped: []string{markup}},
			Replays: []replay{{At: onDate(noon), Application: backwards, Team: markup}},
			Applications: []connectedApplication{{Name: markup, Owner: backwards, Connections: []connection{{
				Grant: markup, Team: endless, Slug: strings.Repeat("long-", 12), Since: before(day),
				permissions: permissions{Write: []consentScope{{Name: strings.Repeat("no-longer-here:", 6)}}, Read: []consentScope{{"read", markup}}},
			}}}},
		},

		"password":       passwordView{Chrome: chrome("ada@example.com")},
		"password_wrong": passwordView{Chrome: chrome("ada@example.com"), Problem: "The current password is wrong.", Current: true},
		"password_weak":  passwordView{Chrome: chrome("ada@example.com"), Problem: "The password is too short: use 8 characters or more."},

		"team_applications":       teamApplicationsView{teamChrome: clinic, Applications: governedSample},
		"team_applications_empty": teamApplicationsView{teamChrome: clinic, Done: &doneView{What: doneUnblocked, Application: "Quiz Maker", Team: "Clinic North"}},
		"team_applications_reason": teamApplicationsView{
			teamChrome: clinic, Applications: governedSample, Sent: "c1", Reason: " ", Problem: "A block needs a reason: the team's members are shown it.",
		},
		"team_applications_strange": teamApplicationsView{
			teamChrome: clinic, Applications: governedSample[2:3], Sent: markup, Reason: markup, Problem: "There is no application with this client_id.",
		},
		"team_applications_hostile": teamApplicationsView{
			teamChrome: teamChrome{Chrome: chrome("ada@example.com"), Team: markup, Slug: "clinic-north"},
			Done:       &doneView{What: doneBlocked, Application: backwards, Team: markup},
			Applications: []teamApplication{
				{ID: markup, Name: markup, Owner: backwards, People: []memberConnection{{Grant: markup, Name: endless, Email: endless + "@example.com", permissions: readOnly}}},
				{ID: "c2", Name: covering, Blocked: markup + backwards},
			},
		},

		"audit":       auditView{teamChrome: clinic, Kinds: kindChoices(""), Events: eventsSample, Older: "/teams/clinic-north/audit/?before=123"},
		"audit_last":  auditView{teamChrome: clinic, Kinds: kindChoices("consent.given"), Events: eventsSample[:1], Newest: "/teams/clinic-north/audit/?kind=consent.given"},
		"audit_empty": auditView{teamChrome: clinic, Kinds: kindChoices("team.renamed")},
		"audit_hostile": auditView{teamChrome: clinic, Kinds: kindChoices(""), Events: []eventLine{
			{At: onDate(noon), Words: []phrase{{Name: markup}, {Text: " authorized "}, {Name: backwards}}, Detail: endless + markup + backwards, Address: "2001:db8:85a3::8a2e:370:7334"},
		}},
	} {
		samples[name] = view
	}
}
