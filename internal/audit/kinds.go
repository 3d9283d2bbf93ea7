package audit

import "slices"

// Traits is what is to be known about a kind of event.
type Traits struct {
	Kind    Kind
	Notable bool // rare enough to list alone: not a token that was issued as usual
	Alarm   bool // something that should not happen
}

// table is every kind there is.
var table = []Traits{
	{Kind: SignedIn, Notable: true},
	{Kind: SignInFailed, Notable: true, Alarm: true},
	{Kind: SignedOut, Notable: true},
	{Kind: SessionExpired, Notable: true},
	{Kind: PasswordSet, Notable: true},
	{Kind: AppAdded, Notable: true},
	{Kind: AppRemoved, Notable: true},
	{Kind: PasskeyAdded, Notable: true},
	{Kind: PasskeyRenamed, Notable: true},
	{Kind: PasskeyRemoved, Notable: true},
	{Kind: PasskeyCloned, Notable: true, Alarm: true},
	{Kind: RecoveryCodesMade, Notable: true},
	{Kind: RecoveryCodeUsed, Notable: true},
	{Kind: FactorsReset, Notable: true},
	{Kind: PasswordForgotten, Notable: true},
	{Kind: PasswordReset, Notable: true},
	{Kind: EmailProofAsked, Notable: true},
	{Kind: EmailChangeAsked, Notable: true},
	{Kind: EmailChanged, Notable: true},
	{Kind: EmailRestored, Notable: true},
	{Kind: EmailSet, Notable: true},
	{Kind: UserEmptied, Notable: true},
	{Kind: SignUpAsked, Notable: true},
	{Kind: SignedUp, Notable: true},
	{Kind: UserAdded, Notable: true},
	{Kind: UserDisabled, Notable: true},
	{Kind: UserEnabled, Notable: true},
	{Kind: UserRemoved, Notable: true},
	{Kind: AccountClosed, Notable: true},
	{Kind: EmailVerified, Notable: true},
	{Kind: IdentityLinked, Notable: true},
	{Kind: IdentityUnlinked, Notable: true},
	{Kind: ProfileChanged, Notable: true},
	{Kind: TeamAdded, Notable: true},
	{Kind: TeamRenamed, Notable: true},
	{Kind: TeamRemoved, Notable: true},
	{Kind: TeamFactor, Notable: true},
	{Kind: TeamProvider, Notable: true},
	{Kind: MemberAdded, Notable: true},
	{Kind: MemberRemoved, Notable: true},
	{Kind: MemberRoleChanged, Notable: true},
	{Kind: InvitationSent, Notable: true},
	{Kind: InvitationWithdrawn, Notable: true},
	{Kind: InvitationAccepted, Notable: true},
	{Kind: InvitationDeclined, Notable: true},
	{Kind: ClientAdded, Notable: true},
	{Kind: ClientUpdated, Notable: true},
	{Kind: ClientDisabled, Notable: true},
	{Kind: ClientEnabled, Notable: true},
	{Kind: ClientRemoved, Notable: true},
	{Kind: ClientBlocked, Notable: true},
	{Kind: ClientUnblocked, Notable: true},
	{Kind: PolicyChanged, Notable: true},
	{Kind: ClientApproved, Notable: true},
	{Kind: ClientDeclined, Notable: true},
	{Kind: ApprovalRemoved, Notable: true},
	{Kind: ClientCut, Notable: true},
	{Kind: ClientAskedFor, Notable: true},
	{Kind: ClientAskedAgain, Notable: true},
	{Kind: RequestWithdrawn, Notable: true},
	{Kind: SecretRotated, Notable: true},
	{Kind: ClientAuthFailed, Notable: true, Alarm: true},
	{Kind: ConsentGiven, Notable: true},
	{Kind: ConsentDenied, Notable: true},
	{Kind: GrantRevoked, Notable: true},
	{Kind: TokenIssued},
	{Kind: TokenRefreshed},
	{Kind: MachineToken},
	{Kind: TokenRevoked, Notable: true},
	{Kind: CodeRefused, Notable: true},
	{Kind: CodeReplayed, Notable: true, Alarm: true},
	{Kind: RefreshRefused, Notable: true},
	{Kind: RefreshReplayed, Notable: true, Alarm: true},
	{Kind: RefreshRetried, Notable: true},
	{Kind: LimitReached, Notable: true, Alarm: true},
	{Kind: KeysRotated, Notable: true},
	{Kind: MasterKeyReplaced, Notable: true},
}

// Kinds is every kind there is.
func Kinds() []Kind {
	kinds := make([]Kind, len(table))
	for i, row := range table {
		kinds[i] = row.Kind
	}
	return kinds
}

// Traits is what is to be known about the kind. A kind that this server does not know is notable: a newer server on the
// same database may have recorded it.
func (k Kind) Traits() Traits {
	i := slices.IndexFunc(table, func(row Traits) bool { return row.Kind == k })
	if i < 0 {
		return Traits{Kind: k, Notable: true}
	}
	return table[i]
}
