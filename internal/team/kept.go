package team

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// Kept is what is kept about a person and is on no page of theirs.
type Kept struct {
	PasswordSetAt time.Time    // zero: they never had a password
	Links         []Link       // that were mailed to them, or to their address
	Received      []Invitation // to their address
	Sent          []Invitation // by them
	Asked         []Asked      // for applications, of the admins of their teams
	Messages      []Waiting    // about them, that are still to be delivered
	Events        []audit.Event
}

// Waiting is a message that is still to be delivered: a mail to a person, or a sign-out to an application.
type Waiting struct {
	Kind      string
	Client    string // of an application
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Asked is that a person has asked their team to allow an application.
type Asked struct {
	Team      ID
	Client    string
	Scope     string
	Note      string
	AskedAt   time.Time
	ExpiresAt time.Time
}

// Kept is what is kept about a person, for themselves. Events of tokens that were issued are not in it: they are found by application only. ErrNoUser.
func (s *Service) Kept(ctx context.Context, actor Actor, user UserID) (Kept, error) {
	if err := May(actor, SeeKept, On{User: user}); err != nil {
		return Kept{}, err
	}
	kept, err := s.People.Kept(ctx, user)
	if err != nil {
		return Kept{}, fmt.Errorf("read what is kept about %s: %w", user, err)
	}
	return kept, nil
}
