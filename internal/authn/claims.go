package authn

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Claims is what another OpenID Connect provider says about a person who has signed in there, as far as it counts here. Its ID token was checked.
//
// Issuer and Subject alone say who it is. An address, a name or a user name at a provider may pass to somebody else.
type Claims struct {
	Request  string // the id of the sign-in at the provider; it counts once
	Provider string // its id in the configuration
	Issuer   string
	Subject  string

	Email string // as the provider says; "" when it says none that can be one
	Name  string

	// Proven is whether the address counts as proven here: the provider says so (email_verified is the JSON boolean true), and the configuration says
	// that this provider decides who has an address in the domain.
	Proven bool
	// SignUp is whether people whose address is Proven get an account when they have none.
	SignUp bool
	// TwoFactors is whether the provider asked for two factors, and the configuration trusts it in that.
	TwoFactors bool
	// AuthTime is when the person signed in at the provider, which may be long ago; zero when the provider does not say.
	AuthTime time.Time
}

// Identity is an account of a person at another provider. The person is known by Issuer and Subject, and by nothing else.
type Identity struct {
	ID       string
	User     team.UserID
	Issuer   string
	Subject  string
	Provider string // its id in the configuration when it was linked
	Email    string // what the provider said at that time, for people to recognise it by; it decides nothing
	LinkedAt time.Time
	UsedAt   time.Time // zero: not yet
}
