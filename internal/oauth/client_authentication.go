package oauth

// AuthMethod is a token_endpoint_auth_method (RFC 7591 §2).
type AuthMethod string

// The ways a client may authenticate.
const (
	AuthBasic AuthMethod = "client_secret_basic"
	AuthPost  AuthMethod = "client_secret_post"
	AuthNone  AuthMethod = "none" // public clients
)

// ClientAuthentication is who a client says it is, and its proof. It prints without the secret.
type ClientAuthentication struct {
	ClientID string
	Secret   string // empty with AuthNone
	Method   AuthMethod
}

// ParseClientAuthentication reads client_secret_basic (RFC 6749 §2.3.1: both halves are form-urlencoded), client_secret_post, or a bare client_id.
// Two ways at once are invalid_request; nothing at all, or a header that is not well-formed Basic, is invalid_client with what was tried in Method.
func ParseClientAuthentication(authorization string, p Params) (ClientAuthentication, error) {
	panic("contract")
}

// String hides the secret.
func (c ClientAuthentication) String() string { return c.ClientID + " by " + string(c.Method) }
