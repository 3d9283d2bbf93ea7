// Package outbox delivers messages that must not be lost: mails to people, and back-channel logouts to clients.
//
// The store writes a message in the transaction of the event that causes it, so there is never one without the other.
// Which event causes which messages is the table in rules.go. A server takes the messages that are due and gives each to
// the courier of its kind, until one attempt succeeds or the message expires.
//
// It does not know how a message is delivered. The couriers are in the packages mail and events.
package outbox

import (
	"context"
	"errors"
	"time"
)

// Kind says what a message tells. The database keeps these words, so they must not change.
type Kind string

// The kinds of messages.
const (
	MailConnected     Kind = "mail.connected"      // to a person: a new connection was made
	MailReplayed      Kind = "mail.replayed"       // to a person: a used refresh token was presented again
	MailMemberRemoved Kind = "mail.member_removed" // to a person: they no longer belong to a team
	MailTeamRemoved   Kind = "mail.team_removed"   // to a person: a team of theirs was removed
	MailUserDisabled  Kind = "mail.user_disabled"  // to a person: their account was disabled
	MailAppAdded      Kind = "mail.app_added"      // to a person, as the ones below: how they sign in has changed
	MailAppRemoved    Kind = "mail.app_removed"
	MailPasskeyAdded  Kind = "mail.passkey_added"
	MailPasskeyNamed  Kind = "mail.passkey_renamed"
	MailPasskeyGone   Kind = "mail.passkey_removed"
	MailPasskeyCloned Kind = "mail.passkey_cloned"
	MailCodesMade     Kind = "mail.recovery_codes_made"
	MailCodeUsed      Kind = "mail.recovery_code_used"
	MailFactorsReset  Kind = "mail.factors_reset"
	MailPasswordReset Kind = "mail.password_reset"        // to an address: a link that sets a new password
	MailProveEmail    Kind = "mail.prove_email"           // to an address: a link that proves it
	MailChangeEmail   Kind = "mail.change_email"          // to an address: a link that gives it to an account
	MailEmailChanged  Kind = "mail.email_changed"         // to the former address of an account: a link to undo the change
	MailEmailRestored Kind = "mail.email_restored"        // to all addresses of a person: the former one is back
	MailEmailSet      Kind = "mail.email_set"             // to both addresses of a person: the operator has changed it
	MailPassword      Kind = "mail.password"              // to all addresses of a person: the password was changed
	MailInvitation    Kind = "mail.invitation"            // to an address: a link that invites to a team
	MailSignUp        Kind = "mail.sign_up"               // to an address: a link that makes an account
	MailAccountClosed Kind = "mail.account_closed"        // to all addresses of a person: they closed their account, and it is gone
	MailHasAccount    Kind = "mail.has_account"           // to an address, in place of the former: it has an account
	MailLinked        Kind = "mail.identity_linked"       // to a person: they can sign in at another provider from now on
	MailUnlinked      Kind = "mail.identity_unlinked"     // to a person: they can no longer
	MailAskedFor      Kind = "mail.application_asked_for" // to the admins of a team: somebody asks for an application
	MailApproved      Kind = "mail.application_approved"  // to a person who asked for it
	MailDeclined      Kind = "mail.application_declined"  // the same
	BackchannelLogout Kind = "backchannel_logout"         // to a client: a sign-in has ended (OpenID Connect Back-Channel Logout 1.0)
)

// Kinds is every kind of message.
func Kinds() []Kind {
	return []Kind{
		MailConnected, MailReplayed, MailMemberRemoved, MailTeamRemoved, MailUserDisabled,
		MailAppAdded, MailAppRemoved, MailPasskeyAdded, MailPasskeyNamed, MailPasskeyGone, MailPasskeyCloned, MailCodesMade, MailCodeUsed, MailFactorsReset,
		MailPasswordReset, MailProveEmail, MailChangeEmail, MailEmailChanged, MailEmailRestored, MailEmailSet, MailPassword, MailInvitation, MailSignUp, MailHasAccount, MailAccountClosed, MailLinked, MailUnlinked, MailAskedFor, MailApproved, MailDeclined,
		BackchannelLogout,
	}
}

// Message is something that has to be told to someone outside. Fields that do not apply are empty.
type Message struct {
	ID        string
	Kind      Kind
	User      string
	Client    string
	Team      string
	SessionID string // the sid of the sign-in that ended
	Link      string // the id of the link that a mail is about; its secret is made at delivery
	Email     string // where a mail goes; "" is the address of the link or the person at delivery

	// Names as they were at the event, for a message about what is gone when it is delivered.
	TeamName     string
	Applications []string // those that lost their access
	Language     string   // that the person had chosen, for a mail to somebody who is gone

	CreatedAt time.Time
	Tries     int // with the one that is being made
	NextTry   time.Time
	ExpiresAt time.Time // when delivery is given up
}

// Destination is who gets a message at its first hop: an application, by its id, or the mail server. Messages for one do not wait for another.
type Destination string

// ToMailServer is the destination of all mails.
const ToMailServer Destination = "mail"

// Destination is where the message goes.
func (m Message) Destination() Destination {
	if m.Kind == BackchannelLogout {
		return Destination(m.Client)
	}
	return ToMailServer
}

// ErrDown means that the destination does not answer, or not as it should, so other messages for it would fail too.
var ErrDown = errors.New("the destination is down")

// ErrRefused means that the destination refuses this message for good.
var ErrRefused = errors.New("the message was refused")

// ErrObsolete is what a courier returns when there is nothing to tell any more, or nobody to tell it to.
var ErrObsolete = errors.New("the message is obsolete")

// Store keeps messages. Each method is one unit of work.
type Store interface {
	// DueMessages takes messages that are due, up to limit for each destination that is not to be skipped, and postpones each until retry, so that no
	// other process delivers it too. Those for applications come before mails.
	DueMessages(ctx context.Context, now, retry time.Time, limit int, skip ...Destination) ([]Message, error)
	// ExpiredMessages removes up to limit messages whose time is over, and returns them.
	ExpiredMessages(ctx context.Context, now time.Time, limit int) ([]Message, error)
	// PutBack leaves messages that were taken, and not tried, for another time.
	PutBack(ctx context.Context, ids []string, until time.Time) error
	// Postpone leaves a message that could not be delivered for another time.
	Postpone(ctx context.Context, id string, until time.Time) error
	// Delivered removes a message.
	Delivered(ctx context.Context, id string) error
}
