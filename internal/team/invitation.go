package team

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// InvitationID is the id of an invitation.
type InvitationID string

// InvitationState is what became of an invitation. The database keeps these words, so they must not change.
type InvitationState string

// The states of an invitation. That one has expired is seen by its time.
const (
	InvitationSent     InvitationState = "sent"
	InvitationAccepted InvitationState = "accepted"
	InvitationDeclined InvitationState = "declined"
)

// maxInvitations is how many invitations of a team can be open.
const maxInvitations = 50

// Invitation asks somebody to join a team. It is bound to an address and a team, and works for seven days.
type Invitation struct {
	ID        InvitationID
	Team      Team
	Email     string // as typed
	Role      Role
	By        UserID // who invites; "" is the operator
	ByName    string // their name now; "" when they are gone
	State     InvitationState
	CreatedAt time.Time // or sent again
	ExpiresAt time.Time

	// What only InvitationOf of the Service says:
	HasAccount bool // somebody has proven the address
	MayJoin    bool // who accepts may get the account of the address by that
}

// Open reports whether it can be accepted at a time.
func (i Invitation) Open(now time.Time) bool {
	return i.State == InvitationSent && now.Before(i.ExpiresAt)
}

// Errors of invitations. Their texts are for people.
var (
	ErrInvited            = errors.New("this address has an open invitation: send it again, or withdraw it")
	ErrTooManyInvitations = fmt.Errorf("the team has %d open invitations already", maxInvitations)
	ErrNoInvitation       = errors.New("no such open invitation")
	ErrOtherAddress       = errors.New("the invitation is for another address")
	ErrInvitationOver     = errors.New("the invitation is no longer valid: who invited may not do so any more")
	ErrHasAccount         = errors.New("there is an account with this address: sign in to it")
)

// Joined is what somebody brings who answers an invitation, or a link to sign up, without a usable account.
type Joined struct {
	ID       UserID // of a new account
	Name     string
	Hash     string // of their password
	Language string // of pages and mails from then on; "": not chosen
}

// Invitations keeps invitations. Each method is one unit of work. decide gets the role that an actor has in the team, read under its lock.
type Invitations interface {
	// Invite saves an invitation with its link, unless most are open. ErrIsMember, ErrInvited, ErrTooManyInvitations, ErrNoTeam, or what decide says.
	Invite(ctx context.Context, i Invitation, link Link, most int, decide func(Role) error) error
	// Invitations is the invitations of a team, the newest first.
	Invitations(ctx context.Context, team ID) ([]Invitation, error)
	// InvitationOf is the invitation of a link, by somebody who may still invite. ErrNoInvitation.
	InvitationOf(ctx context.Context, link LinkID) (Invitation, error)
	// Reinvite gives an invitation that was not answered another link, which ends the earlier one. ErrNoInvitation, ErrNoTeam, or what decide says.
	Reinvite(ctx context.Context, team ID, id InvitationID, actor UserID, link func(Invitation) Link, decide func(Role) error) error
	// Withdraw removes an invitation that was not answered. ErrNoInvitation, ErrNoTeam, or what decide says.
	Withdraw(ctx context.Context, team ID, id InvitationID, actor UserID, at time.Time, decide func(Role) error) error
	// Accept uses a link for a person whose proven address it is. It never takes away from the role of somebody who is a member already. The
	// errors of a link; ErrOtherAddress, ErrUnproven, ErrInvitationOver, ErrNoUser.
	Accept(ctx context.Context, link LinkID, user UserID, at time.Time) error
	// AcceptNew uses a link for somebody who gets an account by it, or the account that nobody has proven yet: what others put into it goes first.
	// The errors of a link; ErrHasAccount, ErrInvitationOver.
	AcceptNew(ctx context.Context, link LinkID, j Joined, at time.Time) error
	// Decline uses a link. The errors of a link.
	Decline(ctx context.Context, link LinkID, at time.Time) error
}

// Invite asks somebody to join a team, by mail. ErrNoTeam, ErrIsMember, ErrInvited, ErrTooManyInvitations, or a sentence about what was given.
func (s *Service) Invite(ctx context.Context, actor Actor, slug, email string, role Role) (Invitation, error) {
	t, err := s.team(ctx, actor, InviteMembers, slug)
	if err != nil {
		return Invitation{}, err
	}
	if email, err = ParseEmail(email); err == nil {
		role, err = ParseRole(string(role))
	}
	if err != nil {
		return Invitation{}, err
	}
	i := Invitation{ID: InvitationID(token.NewID()), Team: t, Email: email, Role: role, By: actor.User, State: InvitationSent, CreatedAt: s.now()}
	link := NewLink(LinkInvite, "", email, string(i.ID), i.CreatedAt)
	i.ExpiresAt = link.ExpiresAt
	if err := s.Invited.Invite(ctx, i, link, maxInvitations, s.mayInvite(actor, t)); err != nil {
		return Invitation{}, fmt.Errorf("invite %s to team %s: %w", email, slug, err)
	}
	return i, nil
}

// Invitations lists the invitations of a team, the newest first. ErrNoTeam.
func (s *Service) Invitations(ctx context.Context, actor Actor, slug string) ([]Invitation, error) {
	t, err := s.team(ctx, actor, InviteMembers, slug)
	if err != nil {
		return nil, err
	}
	return s.Invited.Invitations(ctx, t.ID)
}

// Reinvite sends an invitation again, for another seven days. The earlier link ends. ErrNoTeam, ErrNoInvitation.
func (s *Service) Reinvite(ctx context.Context, actor Actor, slug string, id InvitationID) error {
	t, err := s.team(ctx, actor, InviteMembers, slug)
	if err != nil {
		return err
	}
	again := func(i Invitation) Link { return NewLink(LinkInvite, "", i.Email, string(i.ID), s.now()) }
	if err := s.Invited.Reinvite(ctx, t.ID, id, actor.User, again, s.mayInvite(actor, t)); err != nil {
		return fmt.Errorf("invite again to team %s: %w", slug, err)
	}
	return nil
}

// Withdraw takes an invitation back, so its link works no more. ErrNoTeam, ErrNoInvitation.
func (s *Service) Withdraw(ctx context.Context, actor Actor, slug string, id InvitationID) error {
	t, err := s.team(ctx, actor, InviteMembers, slug)
	if err != nil {
		return err
	}
	if err := s.Invited.Withdraw(ctx, t.ID, id, actor.User, s.now(), s.mayInvite(actor, t)); err != nil {
		return fmt.Errorf("withdraw an invitation to team %s: %w", slug, err)
	}
	return nil
}

// mayInvite asks again under the lock.
func (s *Service) mayInvite(actor Actor, t Team) func(Role) error {
	return func(role Role) error { return stillMay(actor, role, InviteMembers, On{Team: t.ID}) }
}

// InvitationOf is the open invitation of a link, for anybody who has the whole link; to others it is ErrForbidden. ErrNoLink, ErrLinkUsed,
// ErrLinkExpired, ErrNoInvitation.
func (s *Service) InvitationOf(ctx context.Context, _ Actor, secret string) (Invitation, error) {
	id, err := s.openInvitation(secret)
	if err != nil {
		return Invitation{}, err
	}
	link, err := s.Links.Link(ctx, id, s.now())
	if err == nil {
		err = link.Works(s.now())
	}
	if err != nil {
		return Invitation{}, err
	}
	i, err := s.Invited.InvitationOf(ctx, id)
	if err != nil {
		return Invitation{}, err
	}
	u, err := s.People.UserByEmail(ctx, i.Email)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return Invitation{}, fmt.Errorf("look for the account of an invitation: %w", err)
	}
	i.HasAccount = err == nil && (u.EmailVerified || !u.DisabledAt.IsZero())
	i.MayJoin = !i.HasAccount && (err == nil || i.By == "" || s.SignUp.Invited()) // the operator made the account, or invites to one
	return i, nil
}

// openInvitation is the id in the secret of a link. Who has no link of ours may do nothing.
func (s *Service) openInvitation(secret string) (LinkID, error) {
	if s.Keys == nil || secret == "" {
		return "", errors.Join(ErrNoLink, ErrForbidden)
	}
	id, err := OpenLink(s.Keys, LinkInvite, secret)
	if errors.Is(err, ErrNoLink) {
		err = errors.Join(ErrNoLink, ErrForbidden)
	}
	return id, err
}

// Accept makes the person who acts a member of the team that invites their address. The errors of InvitationOf; ErrOtherAddress, ErrUnproven,
// ErrInvitationOver.
func (s *Service) Accept(ctx context.Context, actor Actor, secret string) error {
	id, err := s.openInvitation(secret)
	if err != nil {
		return err
	}
	if actor.Kind != KindUser || actor.User == "" {
		return ErrForbidden
	}
	return s.Invited.Accept(ctx, id, actor.User, s.now())
}

// AcceptNew makes an account for the address that is invited, with a password of this hash, and makes it a member. The link proves the address. The
// errors of InvitationOf; ErrHasAccount, ErrNoSignUp, ErrInvitationOver, or a sentence about the name.
func (s *Service) AcceptNew(ctx context.Context, actor Actor, secret, name, hash string) error {
	i, err := s.InvitationOf(ctx, actor, secret)
	if err == nil && !i.HasAccount && !i.MayJoin {
		err = ErrNoSignUp
	}
	if err != nil {
		return err
	}
	id, err := s.openInvitation(secret)
	if err != nil {
		return err
	}
	if name, err = parseName("name", name); err != nil {
		return err
	}
	return s.Invited.AcceptNew(ctx, id, Joined{ID: UserID(token.NewID()), Name: name, Hash: hash}, s.now())
}

// Decline answers an invitation with no. The errors of InvitationOf.
func (s *Service) Decline(ctx context.Context, _ Actor, secret string) error {
	id, err := s.openInvitation(secret)
	if err != nil {
		return err
	}
	return s.Invited.Decline(ctx, id, s.now())
}
