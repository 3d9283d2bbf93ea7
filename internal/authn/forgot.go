package authn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/limit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// forgotWindow is how long a request for a reset link counts.
const forgotWindow = time.Hour

// Forgot asks for a link that sets a new password, by mail to an address. What it does, and how long it takes, is the same for every address: one
// that nobody has, and one of a disabled person. Requests are limited per address and network; mails that anybody can cause are limited per
// mailbox, so that a mailbox cannot be flooded, and an earlier link stays when no further mail is sent. The error is *limit.ThrottledError, or a
// failure of the store.
func (a *Authenticator) Forgot(ctx context.Context, email string, from netip.Addr) error {
	buckets := append(a.failures.PerNetwork("forgot", from, a.opts.ResetsPerAddress, forgotWindow), a.mailbox(email))
	if err := a.failures.Count(ctx, buckets...); err != nil {
		return err
	}
	link := team.NewLink(team.LinkReset, "", email, "", a.rightTime())
	if err := a.store.ForgetPassword(ctx, link, digest); err != nil {
		return fmt.Errorf("save a reset link: %w", err)
	}
	return nil
}

// mailbox is the counter of mails to an address that anybody can cause.
func (a *Authenticator) mailbox(email string) limit.Bucket {
	return limit.Bucket{Key: a.failures.Key("mail", team.NormalizeEmail(email)), Limit: a.opts.MailsPerMailbox, Window: time.Hour}
}

// MayMail counts a mail to an address that anybody can cause, such as an invitation. *limit.ThrottledError when there were too many in an hour.
func (a *Authenticator) MayMail(ctx context.Context, email string) error {
	return a.failures.Count(ctx, a.mailbox(email))
}

// MaySignUp counts a request to sign up with an address, from a network, as Forgot counts those for a reset link. *limit.ThrottledError.
func (a *Authenticator) MaySignUp(ctx context.Context, email string, from netip.Addr) error {
	return a.failures.Count(ctx, append(a.failures.PerNetwork("sign-up", from, a.opts.SignUpsPerAddress, forgotWindow), a.mailbox(email))...)
}

// Reset is what a reset link is used for.
type Reset struct {
	Link           team.LinkID
	Hash           string // of the new password
	At             time.Time
	EndConnections bool // what applications may do for the person ends too
}

// ResetLink is a reset link that works, and the person that it is for. team.ErrNoLink, team.ErrLinkUsed, team.ErrLinkExpired; token.ErrWrongClock.
func (a *Authenticator) ResetLink(ctx context.Context, secret string) (team.Link, team.User, error) {
	id, err := team.OpenLink(a.keys, team.LinkReset, secret)
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
	user, hash, err := a.store.Password(ctx, link.Email)
	if errors.Is(err, team.ErrNoUser) {
		return team.Link{}, team.User{}, team.ErrLinkExpired
	}
	if err == nil {
		err = resettable(link, user, hash)
	}
	return link, user, err
}

// resettable reports why a reset link does not work for an account as it is now: another password was set, or the address was changed, or the
// person was disabled since it was sent.
func resettable(link team.Link, u team.User, hash string) error {
	if link.User == "" || link.User != u.ID || !u.DisabledAt.IsZero() || !link.SentTo(u.Email) || link.DependsOn != digest(hash) {
		return team.ErrLinkExpired
	}
	return nil
}

// ResetPassword uses a reset link: it sets a new password and ends the person's sessions. It signs nobody in, so a second factor is asked for as at
// any sign-in. The error is *WeakPasswordError, with which the link still works; that of ResetLink; or *limit.ThrottledError when the server is
// busy with other passwords.
func (a *Authenticator) ResetPassword(ctx context.Context, secret, password string, endConnections bool) (team.User, error) {
	link, user, err := a.ResetLink(ctx, secret)
	if err != nil {
		return team.User{}, err
	}
	hash, err := a.newHash(ctx, user, password)
	if err != nil {
		return user, err
	}
	r := Reset{Link: link.ID, Hash: hash, At: a.rightTime(), EndConnections: endConnections}
	if err := a.store.ResetPassword(ctx, r, resettable); err != nil {
		return team.User{}, fmt.Errorf("reset the password of user %s: %w", user.ID, err)
	}
	return user, nil
}
