package team

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// LinkID is the id of a link's row. It is no secret: the link in the mail has a MAC besides.
type LinkID string

// LinkKind is what a link in a mail does. The database keeps these words, so they must not change.
type LinkKind string

// The kinds of links.
const (
	LinkReset  LinkKind = "reset"   // sets a new password
	LinkProve  LinkKind = "prove"   // proves that the address of an account is the person's
	LinkChange LinkKind = "change"  // gives an account another address, which the link is sent to
	LinkInvite LinkKind = "invite"  // invites an address to a team
	LinkSignUp LinkKind = "sign_up" // makes an account for an address that has none
	LinkUndo   LinkKind = "undo"    // gives an account its former address back, which the link is sent to
)

// linkTraits is what is to be known about a kind of links.
type linkTraits struct {
	purpose  token.Purpose
	path     string // of the page that asks before the link is used
	lifetime time.Duration
}

// LongestLink is the longest lifetime of a link. The key that authenticates links has to be kept for that long.
const LongestLink = 7 * 24 * time.Hour

// A link that proves who somebody is lives a day at most (NIST SP 800-63B-4 §4.2.1.2).
var linkKinds = map[LinkKind]linkTraits{
	LinkReset:  {token.PurposeLinkReset, "/login/reset/", time.Hour},
	LinkProve:  {token.PurposeLinkProve, "/account/email/prove/", 24 * time.Hour},
	LinkChange: {token.PurposeLinkChange, "/account/email/change/", 24 * time.Hour},
	LinkInvite: {token.PurposeLinkInvite, "/invitation/", LongestLink},
	LinkSignUp: {token.PurposeLinkSignUp, "/signup/finish/", 24 * time.Hour},
	LinkUndo:   {token.PurposeLinkUndo, "/account/email/undo/", LongestLink},
}

// Path is the page that a link leads to. It asks; only its form uses the link, because programs that look for dangerous mails follow links too.
func (k LinkKind) Path() string { return linkKinds[k].path }

// Link is a link in a mail. It works once, until it expires. What it depends on is compared when it is used.
type Link struct {
	ID        LinkID
	Kind      LinkKind
	User      UserID // "" when it is for an address that has no account
	Email     string // the address that it is sent to, as it was typed
	DependsOn string // what must still be so, in a form that the kind chooses: for a reset, the version of the password
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: not yet
}

// NewLink is a link that was not sent yet.
func NewLink(kind LinkKind, user UserID, email, dependsOn string, now time.Time) Link {
	return Link{ID: LinkID(token.NewID()), Kind: kind, User: user, Email: email, DependsOn: dependsOn, CreatedAt: now, ExpiresAt: now.Add(linkKinds[kind].lifetime)}
}

// Why a link does not work. A link that was altered, is of another kind, or is unknown, is ErrNoLink; the others are told only to somebody who has
// the whole link.
var (
	ErrNoLink      = errors.New("this is no link of ours")
	ErrLinkUsed    = errors.New("the link was used already")
	ErrLinkExpired = errors.New("the link has expired, or a newer one took its place") // a row that has expired is deleted
)

// Works reports why a link does not work at a time: ErrLinkUsed, ErrLinkExpired. What it depends on is another question.
func (l Link) Works(now time.Time) error {
	switch {
	case !l.UsedAt.IsZero():
		return ErrLinkUsed
	case !now.Before(l.ExpiresAt):
		return ErrLinkExpired
	}
	return nil
}

// SentTo reports whether the link was sent to an address, however that is written.
func (l Link) SentTo(email string) bool { return NormalizeEmail(l.Email) == NormalizeEmail(email) }

// URL is the address that goes into the mail. It is a secret, so it is made when the mail is delivered, and never kept.
func (l Link) URL(keys *token.Keyring, publicURL string) string {
	kind := linkKinds[l.Kind]
	return publicURL + kind.path + "?" + url.Values{"link": {keys.Link(kind.purpose, string(l.ID))}}.Encode()
}

// OpenLink is the id in the secret of a link of a kind. ErrNoLink, token.ErrWrongClock.
func OpenLink(keys *token.Keyring, kind LinkKind, secret string) (LinkID, error) {
	id, err := keys.OpenLink(linkKinds[kind].purpose, secret)
	if errors.Is(err, token.ErrNotOurs) {
		return "", ErrNoLink
	}
	return LinkID(id), err
}

// Links keeps the links in mails. Each method is one unit of work. What makes or uses a link is a method of the noun that it is about.
type Links interface {
	// Link is a link that has not expired, used or not. ErrLinkExpired, token.ErrWrongClock.
	Link(ctx context.Context, id LinkID, now time.Time) (Link, error)
}
