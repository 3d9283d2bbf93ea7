package govern

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// FirstReview is how long after a change of policy admins are reminded to look at the applications that it approved because they were in use.
const FirstReview = 30 * 24 * time.Hour

// Preview is what a change of policy would do.
type Preview struct {
	From, To     Policy
	Applications []Affected // that are in use and not approved, by client: they are approved, unless they are cut
	Effect       Effect
}

// Affected is a client that is in use when a stricter policy comes.
type Affected struct {
	Client oauth.ClientID
	Name   string
	People int
	Scope  oauth.Scope // what they granted, together
	Cut    bool
}

// rowOf is what the team decided about a client.
func (s Standing) rowOf(id oauth.ClientID) Row {
	i := slices.IndexFunc(s.Rows, func(r Row) bool { return r.Client == id })
	if i < 0 {
		return Row{}
	}
	return s.Rows[i]
}

// affected is the clients that people use and that a policy would leave nothing of for members, although it lets admins approve them.
func (s Standing) affected(to Policy, cut []oauth.ClientID) (list []Affected) {
	if to.Rule != ApproveFirst && to.Rule != ListedOnly {
		return nil
	}
	for _, c := range s.Clients {
		a := Affected{Client: c.ID, Name: c.Name, Cut: slices.Contains(cut, c.ID)}
		for _, u := range s.Uses {
			if u.Client == c.ID && !u.Suspended {
				a.People += u.People
				a.Scope = a.Scope.Union(u.Scope)
			}
		}
		row := s.rowOf(c.ID)
		if a.People > 0 && row.State != Blocked && Judge(to, row, c, team.Member, a.Scope, Asked{}, time.Time{}).Outcome != Allow {
			list = append(list, a)
		}
	}
	return list
}

// change is the change to a policy: what is in use goes on, unless it is cut.
func (s Standing) change(to Policy, cut []oauth.ClientID, now time.Time) Change {
	change := Change{Policy: to}
	for _, a := range s.affected(to, cut) {
		if a.Cut {
			change.Cut = append(change.Cut, a.Client)
			continue
		}
		row := Row{Client: a.Client, State: Approved, Scope: a.Scope, ReviewBy: now.Add(FirstReview), UsedSince: true}
		if before := s.rowOf(a.Client); before.State == Approved {
			row.Scope, row.Reason = before.Scope.Union(a.Scope), before.Reason
		}
		change.Approve = append(change.Approve, row)
	}
	return change
}

// effect is what a change does to the connections that exist.
func (s Standing) effect(change Change) (effect Effect) {
	for _, u := range s.Uses {
		if slices.Contains(change.Cut, u.Client) {
			effect.Ended += u.People
			continue
		}
		row := s.rowOf(u.Client)
		if i := slices.IndexFunc(change.Approve, func(r Row) bool { return r.Client == u.Client }); i >= 0 {
			row = change.Approve[i]
		}
		c := s.Clients[slices.IndexFunc(s.Clients, func(c client.Client) bool { return c.ID == u.Client })]
		scope, suspended := Rest(change.Policy, row, c, u.Role, u.Consented)
		switch {
		case suspended && !u.Suspended:
			effect.Suspended += u.People
		case suspended:
		case u.Suspended:
			effect.Resumed += u.People
		case len(u.Scope.Minus(scope)) > 0:
			effect.Narrowed += u.People
		}
	}
	return effect
}

// Preview is what SetPolicy would do now.
func (s *Service) Preview(ctx context.Context, actor team.Actor, t team.ID, to Policy, cut []oauth.ClientID) (Preview, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return Preview{}, err
	}
	standing, err := s.standing(ctx, t)
	if err != nil {
		return Preview{}, err
	}
	return Preview{
		From: standing.Policy, To: to, Applications: standing.affected(to, cut), Effect: standing.effect(standing.change(to, cut, s.Now())),
	}, nil
}

// standing is what a preview is made from. Nothing is locked, so it may have changed when the policy is saved.
func (s *Service) standing(ctx context.Context, t team.ID) (standing Standing, err error) {
	if standing.Policy, err = s.Store.Policy(ctx, t); err != nil {
		return standing, fmt.Errorf("load the policy: %w", err)
	}
	if standing.Uses, err = s.Store.Uses(ctx, t); err != nil {
		return standing, fmt.Errorf("load what is in use: %w", err)
	}
	if standing.Rows, err = s.Store.Rows(ctx, t); err != nil {
		return standing, fmt.Errorf("load what was decided: %w", err)
	}
	for _, u := range standing.Uses {
		if n := len(standing.Clients); n > 0 && standing.Clients[n-1].ID == u.Client {
			continue
		}
		c, err := s.Clients.Client(ctx, u.Client)
		if err != nil {
			return standing, fmt.Errorf("load client %q: %w", u.Client, err)
		}
		standing.Clients = append(standing.Clients, c)
	}
	return standing, nil
}

// SetPolicy changes a team's policy for applications. What is in use and would not be allowed is approved with it, to be reviewed within FirstReview, or its connections
// end: those of the clients in cut. Under Nobody connections rest, and the consents are kept for SuspendedFor.
func (s *Service) SetPolicy(ctx context.Context, actor team.Actor, t team.ID, to Policy, cut []oauth.ClientID) (Effect, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return Effect{}, err
	}
	effect, err := s.Store.SetPolicy(ctx, t, actor.User, func(standing Standing) (Change, error) {
		if err := team.May(actor.InRole(t, standing.Role), team.GovernApplications, team.On{Team: t}); err != nil {
			return Change{}, err
		}
		return standing.change(to, cut, s.Now()), nil
	})
	if err != nil {
		return Effect{}, fmt.Errorf("set the policy for applications: %w", err)
	}
	return effect, nil
}
