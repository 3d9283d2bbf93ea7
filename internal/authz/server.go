package authz

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Access tells scopes that read from scopes that write.
type Access string

// What a scope lets an application do.
const (
	Read  Access = "read"
	Write Access = "write"
)

// ScopeInfo is one scope of the catalogue, in plain words.
type ScopeInfo struct {
	Name        string `yaml:"name"`        // "chatbot:read"
	Description string `yaml:"description"` // "See the team's chatbots", as the consent page says it
	Access      Access `yaml:"access"`
}

// Catalogue is every API scope there is, in the order in which pages show them.
type Catalogue []ScopeInfo

// Options are the settings of a Server.
type Options struct {
	Issuer              string        // the public URL, without a trailing slash
	Audience            string        // the API's identifier; Issuer when empty
	Catalogue           Catalogue     // API scopes
	CodeLifetime        time.Duration // 60 s when zero
	AccessTokenLifetime time.Duration // 1 h when zero
	RequestLifetime     time.Duration // how long a person may take over sign-in and consent: 1 h when zero
}

// Server answers authorization and token requests.
type Server struct {
	// unexported: store, keys, now, opts
}

// New is a Server. now is the clock.
func New(store Store, keys *token.Keyring, now func() time.Time, opts Options) *Server {
	panic("contract")
}

// RedirectError is an error that may travel to the redirect URI, because client and URI are verified.
type RedirectError struct {
	Response oauth.AuthorizationResponse // with Err set
}

func (e *RedirectError) Error() string { return e.Response.Err.Error() }

// Unwrap returns what was wrong.
func (e *RedirectError) Unwrap() error { return e.Response.Err }

// PageError is a mistake of the client that must not be redirected: the person is told, and the developer of the client is told exactly.
type PageError struct {
	Err      error  // an oauth error
	Client   string // the client's name, if known
	Received string // what was received, character for character, e.g. the redirect URI
}

func (e *PageError) Error() string { return e.Err.Error() }

// Unwrap returns what was wrong.
func (e *PageError) Unwrap() error { return e.Err }

// Request is an authorization request on its way: its client and redirect URI are verified and its scopes resolved. Pages carry it sealed (Seal, Open),
// so that any server can take the next step and nobody can edit it.
type Request struct {
	oauth.AuthorizationRequest             // Scope is what is asked for, never empty
	IssuedAt                   time.Time   // a sign-in before this does not satisfy prompt=login
	SelectedUser               team.UserID // who was chosen when prompt=select_account asked
	ShownTo                    team.UserID // whom the consent page was shown to; only they can approve
}

// Begin checks an authorization request in the order of RFC 6749 §4.1.2.1: what is wrong with the client or the redirect URI is a *PageError, anything later a *RedirectError.
func (s *Server) Begin(ctx context.Context, p oauth.Params) (Request, error) { panic("contract") }

// Seal is the request for a URL or a form.
func (s *Server) Seal(r Request) (string, error) { panic("contract") }

// Open opens what Seal made. A value that is not ours or has expired is a *PageError.
func (s *Server) Open(sealed string) (Request, error) { panic("contract") }

// Step is what has to happen next.
type Step int

// The steps. Pages: SignIn, SelectAccount, Consent, NoTeam, NoAccess. No page: Answer.
const (
	SignIn        Step = iota + 1 // the person has to sign in, or sign in again
	SelectAccount                 // ask whether to go on as this person
	Consent                       // ask for consent, and for the team if it is open
	NoTeam                        // the person belongs to no team
	NoAccess                      // the team asked for is unknown or not theirs: the same answer for both
	Answer                        // redirect with a code, nothing asked
)

// Next is the next step with what its page shows.
type Next struct {
	Step     Step
	Request  Request
	Client   Client
	Session  authn.Session               // zero for SignIn without a session
	Teams    []TeamChoice                // Consent: those to choose from; one when the team is fixed
	Fixed    bool                        // Consent: the team is stated and cannot be changed
	Asked    []ScopeInfo                 // Consent: what is asked for
	Response oauth.AuthorizationResponse // Answer
}

// TeamChoice is one team on the consent page.
type TeamChoice struct {
	Team    team.Team
	Blocked string      // the admin's reason; it cannot be chosen then
	Granted oauth.Scope // what was granted there before
}

// Next decides what happens next for a request and the session of the browser (nil when not signed in), and does nothing else. Errors that prompt=none asks for are *RedirectError.
func (s *Server) Next(ctx context.Context, r Request, session *authn.Session) (Next, error) {
	panic("contract")
}

// Approve saves the grant and answers with a code. chosen is the team that the person picked; it is ignored when the request fixes the team.
// When what the person saw is no longer so (another session, a team they left, a block), the answer is what Next says instead, with Step not Answer.
func (s *Server) Approve(ctx context.Context, r Request, session *authn.Session, chosen team.ID) (Next, error) {
	panic("contract")
}

// Cancel is the answer of a person who does not agree.
func (s *Server) Cancel(r Request) oauth.AuthorizationResponse { panic("contract") }

// Exchange answers a token request (RFC 6749 §3.2): it authenticates the client, checks the grant type and hands over to the grant. Errors are oauth errors.
func (s *Server) Exchange(ctx context.Context, r oauth.TokenRequest) (oauth.TokenResponse, error) {
	panic("contract")
}

// Metadata is what the server accepts (RFC 8414).
func (s *Server) Metadata() oauth.Metadata { panic("contract") }

// Catalogue is the API scopes there are.
func (s *Server) Catalogue() Catalogue { panic("contract") }
