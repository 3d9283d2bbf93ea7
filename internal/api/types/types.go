// Package types is the JSON of the nouns: what the command line prints with --json, and what the management API answers.
//
// It is a leaf. Ids are plain strings here, because the readers are programs outside. A member whose comment does not say
// otherwise has the name that a standard gives it: RFC 7591 for clients, and the standards that extend it.
package types

import (
	"encoding/json"
	"time"
)

// Client is a registered application.
type Client struct {
	ID           string   `json:"client_id"`
	Secret       string   `json:"client_secret,omitempty"` // only when it was just made
	Name         string   `json:"client_name"`
	Owner        string   `json:"owner,omitempty"` // ours
	Team         string   `json:"team,omitempty"`  // ours: the slug; absent for a global client
	Public       bool     `json:"public"`          // ours
	Machine      bool     `json:"machine"`         // ours
	RedirectURIs []string `json:"redirect_uris"`
	Scope        string   `json:"scope"` // all that it may ask for
	AuthMethod   string   `json:"token_endpoint_auth_method"`

	OptionalScope string `json:"optional_scope,omitempty"` // ours: what it can do without
	FirstParty    bool   `json:"first_party,omitempty"`    // ours

	ResourceServer         string          `json:"resource_server,omitempty"` // ours
	Resources              []string        `json:"resources,omitempty"`       // ours
	JWKS                   json.RawMessage `json:"jwks,omitempty"`
	JWKSURI                string          `json:"jwks_uri,omitempty"`
	IDTokenAlgorithm       string          `json:"id_token_signed_response_alg,omitempty"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	BackchannelLogoutURI   string          `json:"backchannel_logout_uri,omitempty"`
	InitiateLoginURI       string          `json:"initiate_login_uri,omitempty"`
	RequirePAR             bool            `json:"require_pushed_authorization_requests,omitempty"`
	RequireDPoP            bool            `json:"dpop_bound_access_tokens,omitempty"`

	PKCE                      string `json:"pkce,omitempty"`                        // ours: nonce; absent where PKCE is required
	InsecureAssertionAudience bool   `json:"insecure_assertion_audience,omitempty"` // ours
	InsecureNoPKCENoNonce     bool   `json:"insecure_no_pkce_no_nonce,omitempty"`   // ours
	RefreshGrace              int64  `json:"refresh_grace,omitempty"`               // ours: seconds; absent for the server's

	CreatedAt  Instant `json:"created_at"`           // ours
	DisabledAt Instant `json:"disabled_at,omitzero"` // ours
}

// Failure is a request of an application that failed, or several that failed in the same way.
type Failure struct {
	At            Instant `json:"at"`    // of the latest
	First         Instant `json:"first"` // of the first
	Count         int64   `json:"count"`
	Endpoint      string  `json:"endpoint"`
	Error         string  `json:"error"`
	Description   string  `json:"description"` // without what was received
	Cause         string  `json:"cause,omitempty"`
	Received      string  `json:"received,omitempty"` // of a URI that is not registered
	AuthMethod    string  `json:"token_endpoint_auth_method,omitempty"`
	Authenticated bool    `json:"authenticated"` // otherwise anybody may have sent it
	Network       string  `json:"network"`
	RequestID     string  `json:"request_id"` // of the latest
}

// Grant is what one person lets one application do in one team.
type Grant struct {
	ID         string  `json:"id"` // the grant_id of tokens
	Email      string  `json:"email"`
	ClientID   string  `json:"client_id"`
	ClientName string  `json:"client_name"`
	Team       string  `json:"team"` // the slug
	Scope      string  `json:"scope"`
	CreatedAt  Instant `json:"created_at"`
	UpdatedAt  Instant `json:"updated_at"`
	LastUsed   Instant `json:"last_used,omitzero"`
}

// User is a person.
type User struct {
	ID            string  `json:"id"` // the sub of their tokens
	Email         string  `json:"email"`
	EmailVerified bool    `json:"email_verified"`
	Name          string  `json:"name"`
	Operator      bool    `json:"operator"`
	CreatedAt     Instant `json:"created_at"`
	DisabledAt    Instant `json:"disabled_at,omitzero"`
}

// RemovedUser is a person who was removed.
type RemovedUser struct {
	User
	WithoutAdmin []string `json:"teams_without_admin,omitempty"` // the slugs of teams whose last admin they were
}

// RequiredProvider is the provider at which members of a team have to sign in to choose it for an application.
type RequiredProvider struct {
	Team        string `json:"team"`
	Provider    string `json:"provider"` // its id; "" for none
	Members     int    `json:"members"`
	Without     int    `json:"without"`     // members who have linked no account there
	Connections int    `json:"connections"` // that exist, and go on
}

// SecondFactor is whether a team requires a second factor.
type SecondFactor struct {
	Team     string `json:"team"` // the slug
	Required bool   `json:"required"`
	Members  int    `json:"members"`
	Without  int    `json:"members_without"` // who cannot choose the team for an application while it is required
}

// Factors is the second factors that a person has.
type Factors struct {
	Passkeys         int  `json:"passkeys"`
	AuthenticatorApp bool `json:"authenticator_app"`
	RecoveryCodes    int  `json:"recovery_codes"` // that were not used
}

// Team is a tenant.
type Team struct {
	ID        string  `json:"id"` // the team_id of tokens
	Slug      string  `json:"slug"`
	Name      string  `json:"name"`
	CreatedAt Instant `json:"created_at"`
}

// Member is a person in a team.
type Member struct {
	Team      string  `json:"team"` // the slug
	Email     string  `json:"email"`
	Name      string  `json:"name,omitempty"`
	Role      string  `json:"role,omitempty"`
	CreatedAt Instant `json:"created_at,omitzero"`
}

// Ends is what a command would end, which has not been confirmed.
type Ends struct {
	Members         int      `json:"members"`                    // how many memberships
	Teams           []string `json:"teams,omitempty"`            // the slugs of their teams, when they are of one person
	OwnApplications []string `json:"own_applications,omitempty"` // the names of applications that are removed with their team
	Connections     int      `json:"connections"`
	Applications    []string `json:"applications"` // the names of the applications that lose access
}

// Block is an application that a team blocked.
type Block struct {
	Team      string  `json:"team"` // the slug
	ClientID  string  `json:"client_id"`
	Reason    string  `json:"reason,omitempty"`
	CreatedAt Instant `json:"created_at,omitzero"`
}

// Instant is a time in RFC 3339, in UTC, to the second.
type Instant time.Time

// IsZero is for omitzero.
func (i Instant) IsZero() bool { return time.Time(i).IsZero() }

// MarshalJSON implements json.Marshaler.
func (i Instant) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(i).UTC().Format(time.RFC3339) + `"`), nil
}

// Invitation is an invitation to a team.
type Invitation struct {
	ID        string  `json:"id"`
	Team      string  `json:"team"` // the slug
	Email     string  `json:"email"`
	Role      string  `json:"role"`
	State     string  `json:"state"` // sent, accepted or declined
	CreatedAt Instant `json:"created_at,omitzero"`
	ExpiresAt Instant `json:"expires_at,omitzero"`
}

// Policy is a team's policy for applications, or what a change of it does.
type Policy struct {
	Team         string     `json:"team"` // the slug
	Policy       string     `json:"applications_policy"`
	Strict       bool       `json:"strict"`
	Effect       *Effect    `json:"effect,omitempty"`
	Applications []Affected `json:"applications,omitempty"` // those that are in use and not approved
}

// Effect is how many connections a change reaches.
type Effect struct {
	Ended     int `json:"ended"`
	Suspended int `json:"suspended"`
	Resumed   int `json:"resumed"`
	Narrowed  int `json:"narrowed"`
}

// Affected is an application that is in use when a stricter policy comes.
type Affected struct {
	ClientID string `json:"client_id"`
	Name     string `json:"client_name"`
	People   int    `json:"people"`
	Scope    string `json:"scope"`
	Cut      bool   `json:"cut"` // its connections end; otherwise it is approved
}

// Decision is what a team decided about an application.
type Decision struct {
	Team      string  `json:"team"` // the slug
	ClientID  string  `json:"client_id"`
	State     string  `json:"state,omitempty"` // approved, declined, blocked; absent when nothing is decided
	Scope     string  `json:"scope,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	DecidedAt Instant `json:"decided_at,omitzero"`
	ReviewBy  Instant `json:"review_by,omitzero"`
	UsedSince bool    `json:"in_use_before_policy,omitempty"`
}

// ApplicationRequest is a member's request that their team allow an application.
type ApplicationRequest struct {
	Team      string  `json:"team"` // the slug
	ClientID  string  `json:"client_id"`
	Email     string  `json:"email"`
	Scope     string  `json:"scope"`
	Note      string  `json:"note,omitempty"`
	AskedAt   Instant `json:"asked_at"`
	ExpiresAt Instant `json:"expires_at"`
}
