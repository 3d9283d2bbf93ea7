package govern

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Rule is a team's rule for applications (applications_policy).
type Rule string

// The rules, the most open first.
const (
	Everyone     Rule = "everyone"      // members connect what they want, unless it is blocked
	ApproveFirst Rule = "approve_first" // an admin approves an application before members connect it
	ListedOnly   Rule = "listed_only"   // members connect what is approved, and cannot ask
	Nobody       Rule = "nobody"        // nothing is connected
)

// Rules is every rule, the most open first.
func Rules() []Rule { return []Rule{Everyone, ApproveFirst, ListedOnly, Nobody} }

// ParseRule is a rule by its name, or a sentence that says which there are.
func ParseRule(name string) (Rule, error) {
	switch r := Rule(name); r {
	case Everyone, ApproveFirst, ListedOnly, Nobody:
		return r, nil
	}
	return "", fmt.Errorf("the policy %q does not exist: use %s, %s, %s or %s", name, Everyone, ApproveFirst, ListedOnly, Nobody)
}

// Policy is what a team says of applications in general.
type Policy struct {
	Rule Rule // "" is Everyone
	// Strict is whether the rule is also for the team's own applications and the operator's (client.Client.FirstParty), which are exempt otherwise.
	Strict bool
}

// Exempt reports whether the rule is not for a client: the team's own, or one of the operator's.
func (p Policy) Exempt(c client.Client) bool { return !p.Strict && (!c.Global() || c.FirstParty) }

// State is what a team decided about one client.
type State string

// The states. No row is the empty state: nothing was decided.
const (
	Approved State = "approved"
	Declined State = "declined"
	Blocked  State = "blocked"
)

// Row is what a team decided about one client. There is at most one for each.
type Row struct {
	Team   team.ID
	Client oauth.ClientID
	State  State
	// Scope is the most that members may grant, when it is Approved; what was asked for, when it was Declined.
	Scope     oauth.Scope
	Reason    string // shown to members
	By        team.UserID
	At        time.Time
	ReviewBy  time.Time // Approved: when admins are reminded to look again; zero for never
	UsedSince bool      // Approved: because it was in use when the policy came
}

// DeclinedFor is how long an application that was declined cannot be asked for again, for the same scopes.
const DeclinedFor = 30 * 24 * time.Hour

// Asked is a person's open request that their team allow a client.
type Asked struct {
	Scope     oauth.Scope
	ExpiresAt time.Time
}

// Outcome is what a team's policy says about one person who connects one client.
type Outcome int

// The outcomes.
const (
	Allow   Outcome = iota + 1 // all that is asked for
	Narrow                     // what is approved: the client can do without the rest
	Decide                     // the person is an admin: for themselves, or for the whole team
	Ask                        // an admin has to approve it first
	Waiting                    // the person has asked, and nobody has decided
	Refused                    // an admin declined it, and the person cannot ask again yet
	NotHere                    // the team blocks it, or its policy does
)

// String names the outcome.
func (o Outcome) String() string {
	names := []string{"none", "Allow", "Narrow", "Decide", "Ask", "Waiting", "Refused", "NotHere"}
	if o < 0 || int(o) >= len(names) {
		return fmt.Sprintf("Outcome(%d)", int(o))
	}
	return names[o]
}

// Verdict is an outcome with the scope that it is about.
type Verdict struct {
	Outcome Outcome
	// Scope is what may be granted: all that was asked for, or less with Narrow; empty when nothing may.
	Scope oauth.Scope
	// Missing is what an admin has not approved of what was asked for.
	Missing oauth.Scope
}

// Allowed reports whether something may be granted.
func (v Verdict) Allowed() bool {
	return v.Outcome == Allow || v.Outcome == Narrow || v.Outcome == Decide
}

// Judge says whether a person with a role in a team may connect a client for these scopes. asked is their open request, or the zero Asked.
// It is pure. The table of docs/security.md is its test.
func Judge(p Policy, row Row, c client.Client, role team.Role, scope oauth.Scope, asked Asked, now time.Time) Verdict {
	all := Verdict{Outcome: Allow, Scope: scope}
	switch {
	case row.State == Blocked:
		return Verdict{Outcome: NotHere, Missing: scope}
	case p.Rule == Everyone, p.Rule == "", p.Exempt(c):
		return all
	case p.Rule == Nobody:
		return Verdict{Outcome: NotHere, Missing: scope}
	}
	missing := scope
	if row.State == Approved {
		missing = scope.Minus(row.Scope)
	}
	rest := scope.Minus(missing)
	switch {
	case len(missing) == 0:
		return all
	case p.Rule == ApproveFirst && role == team.Admin:
		return Verdict{Outcome: Decide, Scope: scope, Missing: missing}
	case len(rest) > 0 && c.OptionalScope.Covers(missing):
		return Verdict{Outcome: Narrow, Scope: rest, Missing: missing}
	case p.Rule == ListedOnly:
		return Verdict{Outcome: NotHere, Missing: missing}
	case asked.ExpiresAt.After(now) && asked.Scope.Covers(missing):
		return Verdict{Outcome: Waiting, Missing: missing}
	case row.State == Declined && row.At.Add(DeclinedFor).After(now) && row.Scope.Covers(missing):
		return Verdict{Outcome: Refused, Missing: missing}
	}
	return Verdict{Outcome: Ask, Missing: missing}
}

// Rest is what is left of a grant under a team's policy: of what the person agreed to, and whether it rests. A grant rests when nothing of it is
// allowed to this person now. It is written on the grant whenever one of its arguments changes, so that codes, refreshes and introspection
// look at the grant alone.
func Rest(p Policy, row Row, c client.Client, role team.Role, consented oauth.Scope) (scope oauth.Scope, suspended bool) {
	v := Judge(p, row, c, role, consented, Asked{}, time.Time{})
	if v.Allowed() {
		return v.Scope, false
	}
	if row.State == Approved && p.Rule != Nobody { // a ceiling that was lowered narrows what exists, whether or not the client can do without
		if scope = consented.Minus(v.Missing); len(scope) > 0 {
			return scope, false
		}
	}
	return consented, true
}

// String is the policy's name, with "(strict)" when it is.
func (p Policy) String() string {
	if p.Strict {
		return string(p.Rule) + " (strict)"
	}
	return string(p.Rule)
}
