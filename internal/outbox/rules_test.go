package outbox

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Every kind of event stands here with what it tells to whom, so that a new kind has to be decided.
func TestEachEventTellsWhomItShould(t *testing.T) {
	const day = 24 * time.Hour
	mail := func(kind Kind, to Recipients) Rule { return Rule{Kind: kind, To: to, Lifetime: 3 * day} }
	logout := func(to Recipients) Rule { return Rule{Kind: BackchannelLogout, To: to, Lifetime: day} }
	tells := map[audit.Kind][]Rule{
		audit.ConsentGiven:      {mail(MailConnected, ThePerson)},
		audit.RefreshReplayed:   {mail(MailReplayed, ThePerson)},
		audit.SignedOut:         {logout(SessionsClients)},
		audit.SessionExpired:    {logout(SessionsClients)},
		audit.PasswordSet:       {mail(MailPassword, TheAddresses), logout(PersonsClients)},
		audit.PasswordReset:     {mail(MailPassword, TheAddresses), logout(PersonsClients)},
		audit.EmailProofAsked:   {mail(MailProveEmail, TheLink)},
		audit.EmailChangeAsked:  {mail(MailChangeEmail, TheLink)},
		audit.EmailChanged:      {mail(MailEmailChanged, TheLink)},
		audit.EmailSet:          {mail(MailEmailSet, TheAddresses)},
		audit.EmailRestored:     {mail(MailEmailRestored, TheAddresses), logout(PersonsClients)},
		audit.UserEmptied:       {logout(PersonsClients)},
		audit.PasswordForgotten: {{Kind: MailPasswordReset, To: TheLink, Lifetime: time.Hour}},
		audit.SignUpAsked:       {{Kind: MailSignUp, To: TheLink, Lifetime: day}},
		audit.SignedUp:          {logout(PersonsClients)},
		audit.UserRemoved:       {logout(PersonsClients)},
		audit.IdentityLinked:    {mail(MailLinked, ThePerson)},
		audit.IdentityUnlinked:  {mail(MailUnlinked, ThePerson)},
		audit.AccountClosed:     {mail(MailAccountClosed, TheAddresses), logout(PersonsClients)},
		audit.UserDisabled:      {mail(MailUserDisabled, ThePerson), logout(PersonsClients)},
		audit.AppAdded:          {mail(MailAppAdded, ThePerson)},
		audit.AppRemoved:        {mail(MailAppRemoved, ThePerson)},
		audit.PasskeyAdded:      {mail(MailPasskeyAdded, ThePerson)},
		audit.PasskeyRenamed:    {mail(MailPasskeyNamed, ThePerson)},
		audit.PasskeyRemoved:    {mail(MailPasskeyGone, ThePerson)},
		audit.PasskeyCloned:     {mail(MailPasskeyCloned, ThePerson)},
		audit.RecoveryCodesMade: {mail(MailCodesMade, ThePerson)},
		audit.RecoveryCodeUsed:  {mail(MailCodeUsed, ThePerson)},
		audit.FactorsReset:      {mail(MailFactorsReset, ThePerson), logout(PersonsClients)},
		audit.MemberRemoved:     {mail(MailMemberRemoved, TheMember), logout(MembersClients)},
		audit.InvitationSent:    {mail(MailInvitation, TheLink)},
		audit.ClientAskedFor:    {mail(MailAskedFor, TheAdmins)},
		audit.ClientApproved:    {mail(MailApproved, WhoAsked)},
		audit.ClientDeclined:    {mail(MailDeclined, WhoAsked)},
		audit.TeamRemoved:       {mail(MailTeamRemoved, TheMembers), logout(TeamsClients)},
	}
	tellsNobody := []audit.Kind{
		audit.SignedIn, audit.SignInFailed, audit.UserAdded, audit.UserEnabled, audit.EmailVerified, audit.ProfileChanged, audit.RefreshRetried, audit.LimitReached, audit.TeamAdded, audit.TeamRenamed, audit.TeamFactor,
		audit.MemberAdded, audit.MemberRoleChanged, audit.InvitationWithdrawn, audit.InvitationAccepted, audit.InvitationDeclined, audit.ClientAdded, audit.ClientUpdated, audit.ClientDisabled, audit.ClientEnabled,
		audit.ClientRemoved, audit.ClientBlocked, audit.ClientUnblocked, audit.SecretRotated, audit.ClientAuthFailed, audit.ConsentDenied,
		audit.GrantRevoked, audit.TokenIssued, audit.TokenRefreshed, audit.MachineToken, audit.TokenRevoked, audit.CodeRefused,
		audit.CodeReplayed, audit.RefreshRefused, audit.KeysRotated, audit.MasterKeyReplaced,
		audit.TeamProvider, audit.PolicyChanged, audit.ApprovalRemoved, audit.ClientCut, audit.ClientAskedAgain, audit.RequestWithdrawn,
	}
	for _, kind := range audit.Kinds() {
		want, tells := tells[kind]
		if tells == slices.Contains(tellsNobody, kind) {
			t.Errorf("%s: this test does not say whether it tells anybody", kind)
		}
		if diff := cmp.Diff(want, For(kind, Facts{NewGrant: true}), cmpopts.IgnoreUnexported(Rule{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got)\n%s", kind, diff)
		}
	}
	if got := For(audit.ConsentGiven, Facts{}); len(got) > 0 {
		t.Errorf("consent to more scopes tells %v", got)
	}
	if got := For(audit.ClientAskedFor, Facts{Known: true}); len(got) > 0 {
		t.Errorf("a second request for an application tells %v", got)
	}
	if got := For(audit.RefreshReplayed, Facts{}); len(got) != 1 {
		t.Errorf("a replay makes no grant and tells %v", got)
	}
}

// A first password is no change.
func TestFirstPasswordIsNotMailed(t *testing.T) {
	if got := For(audit.PasswordSet, Facts{First: true}); len(got) != 1 || got[0].Kind != BackchannelLogout {
		t.Errorf("a first password tells %v", got)
	}
}

func TestMessageToThePersonSaysWhatTheEventDoes(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := audit.Event{At: at, Kind: audit.RefreshReplayed, User: "u", Client: "c", Team: "t", Family: "f"}
	want := Message{ID: "id", Kind: MailReplayed, User: "u", Client: "c", Team: "t", CreatedAt: at, NextTry: at, ExpiresAt: at.Add(72 * time.Hour)}
	if diff := cmp.Diff(want, For(e.Kind, Facts{})[0].Message("id", e)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
