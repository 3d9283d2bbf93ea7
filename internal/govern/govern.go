// Package govern is which application may reach which team: the policy of a team, what it decided about each application, and who has asked.
//
// Judge is pure and decides. What it says of a grant is written on the grant whenever something that it depends on changes (Rest), so that codes,
// refreshes and introspection look at the grant alone. The invariant: a grant that is alive and not suspended is allowed.
package govern

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Use is people in one role who connected a client to a team and agreed to the same.
type Use struct {
	Client    oauth.ClientID
	Role      team.Role
	Consented oauth.Scope // what they agreed to
	Scope     oauth.Scope // what is left of it
	Suspended bool
	People    int
}

// Standing is what a change of policy is decided from, read under the team's lock.
type Standing struct {
	Role    team.Role // of who changes it, in the team; "" when they are no member
	Policy  Policy
	Uses    []Use           // by client
	Clients []client.Client // the clients of Uses, as far as a verdict needs to know them
	Rows    []Row           // what the team decided about each of Clients, in the same order
}

// Change is a change of policy.
type Change struct {
	Policy  Policy
	Approve []Row            // rows that are saved with it
	Cut     []oauth.ClientID // clients whose connections end with it
}

// Effect is how many connections a change reached.
type Effect struct {
	Ended     int // gone, with the consent
	Suspended int // resting: the consent is kept for SuspendedFor
	Resumed   int // allowed again; the application connects again with the consent that was kept
	Narrowed  int // allowed less
}

// SuspendedFor is how long a consent is kept that a policy leaves nothing of.
const SuspendedFor = 30 * 24 * time.Hour

// Request is a person's request that their team allow a client.
type Request struct {
	Team      team.ID
	Client    oauth.ClientID
	User      team.UserID
	Name      string // the person's; read only
	Email     string // the person's; read only
	Scope     oauth.Scope
	Note      string // plain text for the admins; may be ""
	AskedAt   time.Time
	ExpiresAt time.Time
}

// MaxNote is how many characters a note may have.
const MaxNote = 500

// RequestLifetime is how long a request waits for an answer.
const RequestLifetime = 30 * 24 * time.Hour

// Errors that callers tell apart with errors.Is. Their texts are for people.
var (
	ErrNoBlock      = errors.New("the team does not block this client")
	ErrBlocked      = errors.New("the team blocks this client; unblock it first")
	ErrNoRequest    = errors.New("there is no such request")
	ErrTooManyAsked = errors.New("too many requests are open; wait until some are answered, or withdraw one")
	ErrNotApproved  = errors.New("the team has not approved this client")
)

// Store keeps what teams decided about clients. Each method is one unit of work.
type Store interface {
	Policy(ctx context.Context, team team.ID) (Policy, error) // team.ErrNoTeam
	Rows(ctx context.Context, team team.ID) ([]Row, error)    // newest first
	Uses(ctx context.Context, team team.ID) ([]Use, error)    // by client
	// SetPolicy saves what decide makes of what there is under the team's lock, ends what it cuts, and writes on all other grants what is left of
	// them. decide must be pure: it may run twice. team.ErrNoTeam, or what decide says.
	SetPolicy(ctx context.Context, team team.ID, by team.UserID, decide func(Standing) (Change, error)) (Effect, error)
	// Decide saves what decide makes of what a team decided about a client, under the team's lock; a Row without a State removes it. Blocking
	// ends the client's grants, and so does removing an approval. It answers everybody who asks for the client. An approval with the time of the one
	// before is not saved: what people ask for beyond it is declined, for its Reason. decide must be pure. team.ErrNoTeam, client.ErrNoClient, or what decide says.
	Decide(ctx context.Context, team team.ID, client oauth.ClientID, by team.UserID, decide func(team.Role, Row) (Row, error)) (Effect, error)
	// AskFor saves a request, or replaces the one that the person made before. team.ErrNoMember, ErrTooManyAsked.
	AskFor(ctx context.Context, r Request, mostOfPerson, mostOfTeam int) error
	WithdrawRequest(ctx context.Context, team team.ID, client oauth.ClientID, user team.UserID) error                 // ErrNoRequest
	Asked(ctx context.Context, team team.ID, client oauth.ClientID, user team.UserID, now time.Time) (Request, error) // ErrNoRequest
	Requests(ctx context.Context, team team.ID, now time.Time) ([]Request, error)                                     // open ones, the oldest first
}

// Limits bound the requests that are open at a time.
type Limits struct {
	OfPerson int // 0: 20
	OfTeam   int // 0: 200
}

// Service decides for teams which clients may reach them.
type Service struct {
	Store   Store
	Clients client.Reader
	Limits  Limits
	Now     func() time.Time
}

// Client is a client that a team can decide about, without its secrets: a global one or one of its own. client.ErrNoClient, also for
// the client of another team, because its existence is not told.
func (s *Service) Client(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) (client.Client, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return client.Client{}, err
	}
	c, err := s.Clients.Client(ctx, id)
	if err == nil && !c.Global() && c.Team.ID != t {
		err = client.ErrNoClient
	}
	if err != nil {
		return client.Client{}, fmt.Errorf("load client %q: %w", id, err)
	}
	c.Secrets = nil
	return c, nil
}

// Policy is a team's policy for applications. Everybody in the team may know it.
func (s *Service) Policy(ctx context.Context, actor team.Actor, t team.ID) (Policy, error) {
	if err := team.May(actor, team.SeeMembers, team.On{Team: t}); err != nil {
		return Policy{}, err
	}
	return s.Store.Policy(ctx, t)
}

// Rows is what a team decided about clients, newest first.
func (s *Service) Rows(ctx context.Context, actor team.Actor, t team.ID) ([]Row, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return nil, err
	}
	return s.Store.Rows(ctx, t)
}

// decide saves what change makes of a team's row, if the actor may do that now.
func (s *Service) decide(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, change func(Row) (Row, error)) (Effect, error) {
	effect, err := s.Store.Decide(ctx, t, id, actor.User, func(role team.Role, before Row) (Row, error) {
		if err := team.May(actor.InRole(t, role), team.GovernApplications, team.On{Team: t}); err != nil {
			return Row{}, err
		}
		return change(before)
	})
	if err != nil {
		return Effect{}, fmt.Errorf("decide about client %q: %w", id, err)
	}
	return effect, nil
}

// Block keeps a client out of a team and ends its grants there. The reason is shown to the team's members. client.ErrNoClient, as Client.
func (s *Service) Block(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, reason string) (Effect, error) {
	if _, err := s.Client(ctx, actor, t, id); err != nil {
		return Effect{}, err
	}
	reason = strings.TrimSpace(reason)
	if err := CheckReason(reason); err != nil {
		return Effect{}, err
	}
	return s.decide(ctx, actor, t, id, func(Row) (Row, error) { return Row{State: Blocked, Reason: reason}, nil })
}

// Unblock lets members connect a client to a team again, as its policy says. It revives nothing. ErrNoBlock.
func (s *Service) Unblock(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) error {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return err
	}
	_, err := s.decide(ctx, actor, t, id, func(before Row) (Row, error) {
		if before.State != Blocked {
			return Row{}, ErrNoBlock
		}
		return Row{}, nil
	})
	return err
}

// Approval is what an admin approves.
type Approval struct {
	Scope    oauth.Scope // the most that members may grant; never empty
	Reason   string
	ReviewBy time.Time // zero for never
}

// Approve lets members connect a client up to a scope. A lower scope than before narrows what exists. It answers everybody who asks for the client. ErrBlocked; client.ErrNoClient,
// as Client.
func (s *Service) Approve(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, a Approval) (Effect, error) {
	if _, err := s.Client(ctx, actor, t, id); err != nil {
		return Effect{}, err
	}
	if len(a.Scope) == 0 {
		return Effect{}, errors.New("an approval needs at least one scope; decline or block the application instead")
	}
	if !a.ReviewBy.IsZero() && !a.ReviewBy.After(s.Now()) {
		return Effect{}, errors.New("the time of the review is over already")
	}
	if err := team.CheckText("the reason", a.Reason); err != nil {
		return Effect{}, err
	}
	return s.decide(ctx, actor, t, id, func(before Row) (Row, error) {
		if before.State == Blocked {
			return Row{}, ErrBlocked
		}
		return Row{State: Approved, Scope: a.Scope, Reason: strings.TrimSpace(a.Reason), ReviewBy: a.ReviewBy}, nil
	})
}

// Decline answers what people asked for with no. They can ask for the same again after DeclinedFor, and for something else at once. ErrNoRequest when nobody asks.
func (s *Service) Decline(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, reason string) error {
	if _, err := s.Client(ctx, actor, t, id); err != nil {
		return err
	}
	if err := team.CheckText("the reason", reason); err != nil {
		return err
	}
	requests, err := s.Store.Requests(ctx, t, s.Now())
	if err != nil {
		return fmt.Errorf("load the requests: %w", err)
	}
	var asked oauth.Scope
	for _, r := range requests {
		if r.Client == id {
			asked = asked.Union(r.Scope)
		}
	}
	if len(asked) == 0 {
		return ErrNoRequest
	}
	_, err = s.decide(ctx, actor, t, id, func(before Row) (Row, error) {
		if before.State == Blocked {
			return Row{}, ErrBlocked
		}
		if before.State == Approved { // what is approved stays; only the difference is declined
			before.Reason = strings.TrimSpace(reason)
			return before, nil
		}
		return Row{State: Declined, Scope: asked, Reason: strings.TrimSpace(reason)}, nil
	})
	return err
}

// Withhold takes an approval back: connections end, and people can ask again. ErrNotApproved.
func (s *Service) Withhold(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) (Effect, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return Effect{}, err
	}
	return s.decide(ctx, actor, t, id, func(before Row) (Row, error) {
		if before.State != Approved {
			return Row{}, ErrNotApproved
		}
		return Row{}, nil
	})
}

// Requests is the open requests in a team, the oldest first.
func (s *Service) Requests(ctx context.Context, actor team.Actor, t team.ID) ([]Request, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return nil, err
	}
	return s.Store.Requests(ctx, t, s.Now())
}

// Asked is the person's own open request. ErrNoRequest.
func (s *Service) Asked(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) (Request, error) {
	if err := team.May(actor, team.AskForApplication, team.On{Team: t, User: actor.User}); err != nil {
		return Request{}, err
	}
	return s.Store.Asked(ctx, t, id, actor.User, s.Now())
}

// AskFor asks the admins of a team to allow a client. Asking again replaces note and scope. ErrTooManyAsked.
func (s *Service) AskFor(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, scope oauth.Scope, note string) error {
	if err := team.May(actor, team.AskForApplication, team.On{Team: t, User: actor.User}); err != nil {
		return err
	}
	note = strings.TrimSpace(note)
	if err := CheckNote(note); err != nil {
		return err
	}
	now := s.Now()
	return s.Store.AskFor(ctx, Request{
		Team: t, Client: id, User: actor.User, Scope: scope, Note: note, AskedAt: now, ExpiresAt: now.Add(RequestLifetime),
	}, cmp.Or(s.Limits.OfPerson, 20), cmp.Or(s.Limits.OfTeam, 200))
}

// Withdraw takes the person's own request back. ErrNoRequest.
func (s *Service) Withdraw(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) error {
	if err := team.May(actor, team.AskForApplication, team.On{Team: t, User: actor.User}); err != nil {
		return err
	}
	return s.Store.WithdrawRequest(ctx, t, id, actor.User)
}

// CheckNote says what is wrong with the note of a request.
func CheckNote(note string) error { return team.CheckLines("the note", note, MaxNote) }

// CheckReason says what is wrong with the reason of a block.
func CheckReason(reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return errors.New("a block needs a reason: the team's members are shown it")
	}
	return team.CheckText("the reason", reason)
}
