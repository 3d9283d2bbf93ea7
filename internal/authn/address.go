package authn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// AddressStore keeps what links do with the addresses of accounts. Each method is one unit of work. check gets what was read under the lock and
// decides; it must be pure: it may run twice. The error is what check says, or that of the link.
type AddressStore interface {
	SendAddressLink(ctx context.Context, link team.Link) error // in place of an earlier one of its kind; with its mail; team.ErrNoUser
	ProveEmail(ctx context.Context, id team.LinkID, at time.Time, check func(link team.Link, u team.User) error) error
	// ChangeEmail gives the account the address of the link, and sends undo to the former one. team.ErrUserTaken.
	ChangeEmail(ctx context.Context, id team.LinkID, at time.Time, undo team.Link, check func(link team.Link, u team.User) error) error
	// UndoEmail gives the account the address of the link back, sets a password, ends sessions, and removes what was added since a time: factors,
	// connections, and invitations that the person has sent. team.ErrUserTaken.
	UndoEmail(ctx context.Context, r Reset, since time.Time, check func(link team.Link, u team.User) error) error
	// EmptyUnverified removes password, sessions and links of an account whose address nobody has proven. team.ErrNoUser when there is none.
	EmptyUnverified(ctx context.Context, email string, at time.Time) error
	User(ctx context.Context, id team.UserID) (team.User, error)
}

// ProveAddress sends a link to the address of a person who is signed in, which proves it. *limit.ThrottledError.
func (a *Authenticator) ProveAddress(ctx context.Context, u team.User) error {
	return a.sendLink(ctx, team.LinkProve, u, u.Email)
}

// ChangeAddress sends a link to another address, which gives it to the account of a person who is signed in. Nothing changes before the link is used.
// It does not tell whether somebody else has the address. The error is *limit.ThrottledError, or a sentence about the address.
func (a *Authenticator) ChangeAddress(ctx context.Context, u team.User, email string) error {
	email, err := team.ParseEmail(email)
	if err != nil {
		return err
	}
	return a.sendLink(ctx, team.LinkChange, u, email)
}

func (a *Authenticator) sendLink(ctx context.Context, kind team.LinkKind, u team.User, email string) error {
	if err := a.MayMail(ctx, email); err != nil {
		return err
	}
	if err := a.store.SendAddressLink(ctx, team.NewLink(kind, u.ID, email, team.NormalizeEmail(u.Email), a.rightTime())); err != nil {
		return fmt.Errorf("send a link to user %s: %w", u.ID, err)
	}
	return nil
}

// AddressLink is a link about the address of an account that works, and the person of the account. The error is that of ResetLink.
func (a *Authenticator) AddressLink(ctx context.Context, kind team.LinkKind, secret string) (team.Link, team.User, error) {
	id, err := team.OpenLink(a.keys, kind, secret)
	if err != nil {
		return team.Link{}, team.User{}, err
	}
	now := a.now()
	link, err := a.store.Link(ctx, id, now)
	if err == nil {
		err = link.Works(now)
	}
	if err != nil {
		return team.Link{}, team.User{}, err
	}
	u, err := a.store.User(ctx, link.User)
	if err == nil {
		err = current(link, u)
	}
	return link, u, err
}

// current reports why a link about an address does not work for an account as it is now: the address was changed since, or the person was disabled.
func current(link team.Link, u team.User) error {
	if link.User != u.ID || !u.DisabledAt.IsZero() || link.Kind != team.LinkUndo && link.DependsOn != team.NormalizeEmail(u.Email) {
		return team.ErrLinkExpired
	}
	return nil
}

// UseAddressLink uses a link that proves an address, or gives the account another. Only the person themself may, at a browser in which they are
// signed in: somebody who has the mailbox, and not the account, would prove the address for a stranger. team.ErrForbidden; team.ErrUserTaken; the
// errors of ResetLink.
func (a *Authenticator) UseAddressLink(ctx context.Context, kind team.LinkKind, secret string, by team.User) error {
	link, _, err := a.AddressLink(ctx, kind, secret)
	if err != nil {
		return err
	}
	check := func(l team.Link, u team.User) error {
		if u.ID != by.ID {
			return team.ErrForbidden
		}
		return current(l, u)
	}
	now := a.rightTime()
	if kind == team.LinkProve {
		return a.store.ProveEmail(ctx, link.ID, now, check)
	}
	return a.store.ChangeEmail(ctx, link.ID, now, team.NewLink(team.LinkUndo, "", "", "", now), check)
}

// UndoAddress uses an undo link: the account gets its former address back and a new password, every session ends, and what was added since the sign-in
// that changed the address is removed. Factors from before stay, because a link in a mail must not get past a second factor. It signs nobody in. The
// error is that of ResetPassword, or team.ErrUserTaken.
func (a *Authenticator) UndoAddress(ctx context.Context, secret, password string, endConnections bool) error {
	link, u, err := a.AddressLink(ctx, team.LinkUndo, secret)
	if err != nil {
		return err
	}
	hash, err := a.newHash(ctx, team.User{Email: link.Email, Name: u.Name}, password)
	if err != nil {
		return err
	}
	since := link.CreatedAt.Add(-freshness) // the sign-in that asked for the change was not older
	return a.store.UndoEmail(ctx, Reset{Link: link.ID, Hash: hash, At: a.rightTime(), EndConnections: endConnections}, since, current)
}

// ClaimAddress is called when somebody has proven that an address is theirs by something else than the account with it: an invitation, or another
// provider. An account whose address was never proven is emptied first, because the person who made it may have waited for that (pre-hijacking). It
// reports whether there was one.
func (a *Authenticator) ClaimAddress(ctx context.Context, email string) (emptied bool, err error) {
	switch err := a.store.EmptyUnverified(ctx, email, a.rightTime()); {
	case err == nil:
		return true, nil
	case errors.Is(err, team.ErrNoUser):
		return false, nil
	default:
		return false, fmt.Errorf("empty an account whose address was not proven: %w", err)
	}
}
