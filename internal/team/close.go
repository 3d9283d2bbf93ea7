package team

import (
	"context"
	"fmt"
)

// Closing is what happens to teams when a person closes their account.
type Closing struct {
	Ends         []Team // in which they are alone: they end with the account
	HandOver     []Team // that would be left without an admin: somebody else has to be one first
	LastOperator bool   // the server would be left without an operator
}

// NeedsAdminError means that a person cannot close their account, because teams with other members would have no admin.
type NeedsAdminError struct{ Teams []Team }

func (e *NeedsAdminError) Error() string {
	return fmt.Sprintf("the last admin of %d teams that have other members", len(e.Teams))
}

// Unwrap makes it ErrLastAdmin.
func (e *NeedsAdminError) Unwrap() error { return ErrLastAdmin }

// closing sorts what a person would leave behind.
func closing(orphans []Orphan) (c Closing) {
	for _, o := range orphans {
		if o.Others == 0 {
			c.Ends = append(c.Ends, o.Team)
		} else {
			c.HandOver = append(c.HandOver, o.Team)
		}
	}
	return c
}

// Closing is what would happen to teams if the person who acts closed their account.
func (s *Service) Closing(ctx context.Context, actor Actor) (Closing, error) {
	if err := mayClose(actor); err != nil {
		return Closing{}, err
	}
	orphans, last, err := s.People.Leaves(ctx, actor.User)
	if err != nil {
		return Closing{}, fmt.Errorf("look what %s would leave behind: %w", actor.User, err)
	}
	c := closing(orphans)
	c.LastOperator = last
	return c, nil
}

// CloseAccount removes the person who acts with all that is theirs, and the teams in which they are alone and an admin. *NeedsAdminError, ErrLastOperator, ErrNoUser.
func (s *Service) CloseAccount(ctx context.Context, actor Actor) error {
	if err := mayClose(actor); err != nil {
		return err
	}
	_, err := s.People.RemoveUser(ctx, actor.User, s.now(), func(orphans []Orphan) (ends []ID, err error) {
		c := closing(orphans)
		if len(c.HandOver) > 0 {
			return nil, &NeedsAdminError{c.HandOver}
		}
		for _, t := range c.Ends {
			ends = append(ends, t.ID)
		}
		return ends, nil
	})
	if err != nil {
		return fmt.Errorf("close the account of %s: %w", actor.User, err)
	}
	return nil
}

// mayClose reports whether somebody may close the account that they act with. The operator removes people (RemoveUser), and has no account.
func mayClose(actor Actor) error {
	if actor.Kind != KindUser {
		return ErrForbidden
	}
	return May(actor, CloseAccount, On{User: actor.User})
}
