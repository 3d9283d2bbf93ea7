package outbox

import (
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// Recipients says who gets a message.
type Recipients string

// The recipients that a rule can name.
const (
	ThePerson       Recipients = "the person"         // the user of the event
	TheMember       Recipients = "the member"         // the user of the event, as a member of its team
	TheMembers      Recipients = "members of team"    // every member of the team of the event
	TheAdmins       Recipients = "the team's admins"  // of the team of the event
	WhoAsked        Recipients = "who asked"          // the people whose requests the event answers
	TheLink         Recipients = "the link"           // the address that the event's link is sent to
	TheAddresses    Recipients = "the addresses"      // the address of the user of the event, the former one, and those that can undo a change of it
	SessionsClients Recipients = "clients of session" // clients with a back-channel logout URI that were connected in the session that ended
	PersonsClients  Recipients = "clients of person"  // the same clients, of every session of the user
	MembersClients  Recipients = "clients of member"  // the same clients, of every session in which the user connected them to the team
	TeamsClients    Recipients = "clients of team"    // the same clients, of every session in which a member connected them to the team
)

// Rule says that an event causes messages of a kind.
type Rule struct {
	Kind     Kind
	To       Recipients
	Lifetime time.Duration // how long delivery is tried

	newGrantOnly bool
	changeOnly   bool // not for a first password
	firstOnly    bool // not while others ask for the same
}

// After a day, a person who should have been signed out has been in for a day anyway.
const (
	mailLifetime   = 72 * time.Hour
	logoutLifetime = 24 * time.Hour
	signUpLifetime = 24 * time.Hour // the link's
)

// rules is the whole table of who is told what. An event that is not in it tells nobody: the events of the hot path
// (sign-in, codes, tokens) must stay out of it, because a message costs a row.
var rules = map[audit.Kind][]Rule{
	audit.ConsentGiven:    {{Kind: MailConnected, To: ThePerson, Lifetime: mailLifetime, newGrantOnly: true}},
	audit.RefreshReplayed: {{Kind: MailReplayed, To: ThePerson, Lifetime: mailLifetime}},
	audit.SignedOut:       {{Kind: BackchannelLogout, To: SessionsClients, Lifetime: logoutLifetime}},
	audit.SessionExpired:  {{Kind: BackchannelLogout, To: SessionsClients, Lifetime: logoutLifetime}},
	audit.PasswordSet: {
		{Kind: MailPassword, To: TheAddresses, Lifetime: mailLifetime, changeOnly: true},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.PasswordReset: {
		{Kind: MailPassword, To: TheAddresses, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.EmailProofAsked:  {{Kind: MailProveEmail, To: TheLink, Lifetime: mailLifetime}},
	audit.EmailChangeAsked: {{Kind: MailChangeEmail, To: TheLink, Lifetime: mailLifetime}},
	audit.EmailChanged:     {{Kind: MailEmailChanged, To: TheLink, Lifetime: mailLifetime}},
	audit.EmailSet:         {{Kind: MailEmailSet, To: TheAddresses, Lifetime: mailLifetime}},
	audit.EmailRestored: {
		{Kind: MailEmailRestored, To: TheAddresses, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.UserEmptied:       {{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime}},
	audit.AppAdded:          {{Kind: MailAppAdded, To: ThePerson, Lifetime: mailLifetime}},
	audit.AppRemoved:        {{Kind: MailAppRemoved, To: ThePerson, Lifetime: mailLifetime}},
	audit.PasskeyAdded:      {{Kind: MailPasskeyAdded, To: ThePerson, Lifetime: mailLifetime}},
	audit.PasskeyRenamed:    {{Kind: MailPasskeyNamed, To: ThePerson, Lifetime: mailLifetime}},
	audit.PasskeyRemoved:    {{Kind: MailPasskeyGone, To: ThePerson, Lifetime: mailLifetime}},
	audit.PasskeyCloned:     {{Kind: MailPasskeyCloned, To: ThePerson, Lifetime: mailLifetime}},
	audit.RecoveryCodesMade: {{Kind: MailCodesMade, To: ThePerson, Lifetime: mailLifetime}},
	audit.RecoveryCodeUsed:  {{Kind: MailCodeUsed, To: ThePerson, Lifetime: mailLifetime}},
	audit.FactorsReset: {
		{Kind: MailFactorsReset, To: ThePerson, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.SignUpAsked:       {{Kind: MailSignUp, To: TheLink, Lifetime: signUpLifetime}},
	audit.SignedUp:          {{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime}}, // of an account that nobody had proven, which is emptied
	audit.InvitationSent:    {{Kind: MailInvitation, To: TheLink, Lifetime: mailLifetime}},
	audit.PasswordForgotten: {{Kind: MailPasswordReset, To: TheLink, Lifetime: time.Hour}},
	audit.UserRemoved:       {{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime}}, // no mail: nobody is there to ask for the address
	audit.IdentityLinked:    {{Kind: MailLinked, To: ThePerson, Lifetime: mailLifetime}},
	audit.IdentityUnlinked:  {{Kind: MailUnlinked, To: ThePerson, Lifetime: mailLifetime}},
	audit.AccountClosed: {
		{Kind: MailAccountClosed, To: TheAddresses, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.ClientAskedFor: {{Kind: MailAskedFor, To: TheAdmins, Lifetime: mailLifetime, firstOnly: true}},
	audit.ClientApproved: {{Kind: MailApproved, To: WhoAsked, Lifetime: mailLifetime}},
	audit.ClientDeclined: {{Kind: MailDeclined, To: WhoAsked, Lifetime: mailLifetime}},
	audit.UserDisabled: {
		{Kind: MailUserDisabled, To: ThePerson, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: PersonsClients, Lifetime: logoutLifetime},
	},
	audit.MemberRemoved: {
		{Kind: MailMemberRemoved, To: TheMember, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: MembersClients, Lifetime: logoutLifetime},
	},
	audit.TeamRemoved: {
		{Kind: MailTeamRemoved, To: TheMembers, Lifetime: mailLifetime},
		{Kind: BackchannelLogout, To: TeamsClients, Lifetime: logoutLifetime},
	},
}

// Facts is what messages depend on besides the event, and what the audit trail does not keep.
type Facts struct {
	NewGrant bool     // consent made a grant; consent to more scopes only widens one
	Session  string   // the sid of the sign-in that ended
	Link     string   // the id of the link that was made
	Former   string   // the address that the user had before
	First    bool     // the user had no password before
	Asked    []string // the people whose requests are answered
	Known    bool     // somebody has asked for the same before, and no admin has answered
}

// For is the rules for an event of a kind.
func For(kind audit.Kind, f Facts) []Rule {
	return slices.DeleteFunc(slices.Clone(rules[kind]), func(r Rule) bool {
		return r.newGrantOnly && !f.NewGrant || r.changeOnly && f.First || r.firstOnly && f.Known
	})
}

// Message is the message to the person of an event.
func (r Rule) Message(id string, e audit.Event) Message {
	return Message{
		ID: id, Kind: r.Kind, User: e.User, Client: e.Client, Team: e.Team,
		CreatedAt: e.At, NextTry: e.At, ExpiresAt: e.At.Add(r.Lifetime),
	}
}
