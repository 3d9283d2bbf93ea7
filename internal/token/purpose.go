package token

// Purpose says what a sealed value is for. A value sealed for one purpose opens for no other. Only this package can make
// a purpose, so the list below is complete and no two packages can choose the same name.
type Purpose uint8

// The purposes, each with the package that seals for it.
const (
	PurposeRequest    Purpose = iota + 1 // authz: an authorization request that waits for a person
	PurposePushed                        // authz: a pushed authorization request (RFC 9126)
	PurposeCode                          // authz: an authorization code
	PurposeBrowser                       // authn: the cookie that tells who has signed in at this browser before
	PurposeDone                          // web: what the page after a form says was done
	PurposeEndSession                    // web: a logout request while the person is asked
	PurposeNonce                         // web: a nonce for DPoP proofs
	PurposeProvider                      // provider: a sign-in at another provider that has begun
	PurposeIdentity                      // authn: an identity at another provider that waits to be linked

	// Links in mails (Keyring.Link), one for each team.LinkKind.
	PurposeLinkReset  // authn: sets a new password
	PurposeLinkProve  // team: proves the address of an account
	PurposeLinkChange // team: gives an account another address
	PurposeLinkInvite // team: invites an address to a team
	PurposeLinkUndo   // authn: gives an account its former address back
	PurposeLinkSignUp // team: makes an account

	PurposeAttempt   // authn: a sign-in that has begun
	PurposeAppSetup  // authn: the secret of an authenticator app before its first code
	PurposeChallenge // authn: the challenge for a passkey
)

// The purposes of what is kept sealed (SealKept).
const (
	KeptAppSecret Kept = "app-secret" // authn: the secret of an authenticator app
)

// purposes are the names that are authenticated with each value. Changing one invalidates what was sealed before.
var purposes = [...]string{
	PurposeRequest: "request", PurposePushed: "par", PurposeCode: "code", PurposeBrowser: "browser",
	PurposeDone: "done", PurposeEndSession: "end-session", PurposeNonce: "dpop-nonce",
	PurposeProvider: "provider", PurposeIdentity: "identity",
	PurposeLinkReset: "link-reset", PurposeLinkProve: "link-prove", PurposeLinkChange: "link-change", PurposeLinkUndo: "link-undo", PurposeLinkInvite: "link-invite", PurposeLinkSignUp: "link-sign-up",
	PurposeAttempt: "attempt", PurposeAppSetup: "app-setup", PurposeChallenge: "challenge",
}

// Kept is the purpose of a value that is kept sealed. Changing one makes what was sealed before useless.
type Kept string

// String is the purpose's name; "" for a number that is no purpose.
func (p Purpose) String() string {
	if int(p) < len(purposes) {
		return purposes[p]
	}
	return ""
}
