package govern_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The columns of the table: what the team has decided about the client, and what is asked for.
const (
	undecided    = "nothing decided"
	asked        = "asked by this person"
	askedForLess = "asked by this person, for less"
	askedLongAgo = "asked by this person, long ago"
	within       = "approved, within the ceiling"
	optional     = "approved, beyond the ceiling, optional"
	beyond       = "approved, beyond the ceiling"
	beyondAsked  = "approved, beyond the ceiling, asked"
	outside      = "approved, nothing of it"
	declined     = "declined"
	declinedMore = "declined for less"
	declinedOld  = "declined long ago"
	blocked      = "blocked"
)

// Every rule × what was decided × role × kind of client. A cell is the outcome and what may be granted.
func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	read, both := oauth.Scope{"read"}, oauth.Scope{"read", "write"}
	open := govern.Asked{Scope: both, ExpiresAt: now.Add(time.Second)}
	type situation struct {
		row      govern.Row
		asked    govern.Asked
		optional oauth.Scope
	}
	situations := map[string]situation{
		undecided:    {},
		asked:        {asked: open},
		askedForLess: {asked: govern.Asked{Scope: read, ExpiresAt: now.Add(time.Second)}},
		askedLongAgo: {asked: govern.Asked{Scope: both, ExpiresAt: now}},
		within:       {row: govern.Row{State: govern.Approved, Scope: both}},
		optional:     {row: govern.Row{State: govern.Approved, Scope: read}, optional: oauth.Scope{"write", "more"}},
		beyond:       {row: govern.Row{State: govern.Approved, Scope: read}},
		beyondAsked:  {row: govern.Row{State: govern.Approved, Scope: read}, asked: govern.Asked{Scope: oauth.Scope{"write"}, ExpiresAt: now.Add(time.Second)}},
		outside:      {row: govern.Row{State: govern.Approved, Scope: oauth.Scope{"other"}}, optional: both},
		declined:     {row: govern.Row{State: govern.Declined, Scope: both, At: now.Add(time.Second - govern.DeclinedFor)}},
		declinedMore: {row: govern.Row{State: govern.Declined, Scope: read, At: now}},
		declinedOld:  {row: govern.Row{State: govern.Declined, Scope: both, At: now.Add(-govern.DeclinedFor)}},
		blocked:      {row: govern.Row{State: govern.Blocked}},
	}
	// Under every rule and for every role.
	for _, rule := range append(govern.Rules(), "") {
		for _, role := range team.Roles() {
			for name, s := range situations {
				for _, kind := range []struct {
					name   string
					client client.Client
					exempt bool
				}{
					{"global", client.Client{}, false},
					{"the operator's", client.Client{FirstParty: true}, true},
					{"the team's own", client.Client{Team: team.Team{ID: "t"}}, true},
				} {
					for _, strict := range []bool{false, true} {
						c := kind.client
						c.OptionalScope = s.optional
						got := govern.Judge(govern.Policy{Rule: rule, Strict: strict}, s.row, c, role, both, s.asked, now)
						want := outcome(rule, name, role, kind.exempt && !strict)
						if got.Outcome != want {
							t.Errorf("%q, strict %t, %s, %s, %s: got %s, want %s", rule, strict, name, role, kind.name, got.Outcome, want)
						}
						scope := ""
						switch want {
						case govern.Allow, govern.Decide:
							scope = "read write"
						case govern.Narrow:
							scope = "read"
						}
						if got.Scope.String() != scope || got.Allowed() != (scope != "") {
							t.Errorf("%q, strict %t, %s, %s, %s: got %q, want %q", rule, strict, name, role, kind.name, got.Scope, scope)
						}
					}
				}
			}
		}
	}
}

// outcome is the table, written a second time in the order in which people read it.
func outcome(rule govern.Rule, situation string, role team.Role, exempt bool) govern.Outcome {
	if situation == blocked {
		return govern.NotHere
	}
	if exempt || rule == govern.Everyone || rule == "" {
		return govern.Allow
	}
	if rule == govern.Nobody {
		return govern.NotHere
	}
	if rule == govern.ListedOnly {
		switch situation {
		case within:
			return govern.Allow
		case optional:
			return govern.Narrow
		}
		return govern.NotHere
	}
	type cell struct{ member, admin govern.Outcome }
	table := map[string]cell{
		undecided:    {govern.Ask, govern.Decide},
		asked:        {govern.Waiting, govern.Decide},
		askedForLess: {govern.Ask, govern.Decide},
		askedLongAgo: {govern.Ask, govern.Decide},
		within:       {govern.Allow, govern.Allow},
		optional:     {govern.Narrow, govern.Decide},
		beyond:       {govern.Ask, govern.Decide},
		beyondAsked:  {govern.Waiting, govern.Decide},
		outside:      {govern.Ask, govern.Decide},
		declined:     {govern.Refused, govern.Decide},
		declinedMore: {govern.Ask, govern.Decide},
		declinedOld:  {govern.Ask, govern.Decide},
	}
	if role == team.Admin {
		return table[situation].admin
	}
	return table[situation].member
}

// What is left of a grant: never more than was agreed to, and nothing that a person with that role could not get again.
func TestRest(t *testing.T) {
	both := oauth.Scope{"read", "write"}
	for name, tt := range map[string]struct {
		policy    govern.Policy
		row       govern.Row
		role      team.Role
		want      string
		suspended bool
	}{
		"everyone":                        {govern.Policy{Rule: govern.Everyone}, govern.Row{}, team.Member, "read write", false},
		"everyone, blocked":               {govern.Policy{Rule: govern.Everyone}, govern.Row{State: govern.Blocked}, team.Admin, "read write", true},
		"everyone, a ceiling from before": {govern.Policy{Rule: govern.Everyone}, govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}}, team.Member, "read write", false},
		"approve first, nothing decided":  {govern.Policy{Rule: govern.ApproveFirst}, govern.Row{}, team.Member, "read write", true},
		"approve first, an admin":         {govern.Policy{Rule: govern.ApproveFirst}, govern.Row{}, team.Admin, "read write", false},
		"approve first, a ceiling":        {govern.Policy{Rule: govern.ApproveFirst}, govern.Row{State: govern.Approved, Scope: oauth.Scope{"read"}}, team.Member, "read", false},
		"approve first, another ceiling":  {govern.Policy{Rule: govern.ApproveFirst}, govern.Row{State: govern.Approved, Scope: oauth.Scope{"other"}}, team.Member, "read write", true},
		"approve first, declined":         {govern.Policy{Rule: govern.ApproveFirst}, govern.Row{State: govern.Declined}, team.Developer, "read write", true},
		"listed only, an admin":           {govern.Policy{Rule: govern.ListedOnly}, govern.Row{}, team.Admin, "read write", true},
		"listed only, a ceiling":          {govern.Policy{Rule: govern.ListedOnly}, govern.Row{State: govern.Approved, Scope: oauth.Scope{"write"}}, team.Member, "write", false},
		"nobody, approved":                {govern.Policy{Rule: govern.Nobody}, govern.Row{State: govern.Approved, Scope: both}, team.Admin, "read write", true},
	} {
		scope, suspended := govern.Rest(tt.policy, tt.row, client.Client{}, tt.role, both)
		if scope.String() != tt.want || suspended != tt.suspended {
			t.Errorf("%s: got %q, %t; want %q, %t", name, scope, suspended, tt.want, tt.suspended)
		}
	}
}
