package endpoint

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// The schemes of the Authorization header that carry an access token (RFC 6750 §2.1, RFC 9449 §7.1).
const (
	schemeBearer = "Bearer"
	schemeDPoP   = "DPoP"
)

// errNoToken is for a request without an access token. The answer says how to authenticate and has no error code (RFC 6750 §3.1).
var errNoToken = errors.New("the request has no access token")

// UserInfo is the UserInfo endpoint (OpenID Connect Core §5.3). The token comes in the header only: a query ends up in logs.
func (s *Server) UserInfo(w http.ResponseWriter, r *http.Request) error {
	if err := route.NoForm(r); err != nil {
		return err
	}
	scheme, accessToken, err := presented(r)
	if err != nil {
		return err
	}
	key := ""
	if scheme == schemeBearer && s.Authz.Profile().FAPI2() {
		return oauth.InvalidToken.Errorf("this server accepts only access tokens that are bound to a key (DPoP); get a new one with a DPoP proof")
	}
	if scheme == schemeDPoP {
		if key, err = s.provenKey(w, r, accessToken); err != nil {
			return err
		}
		if key == "" {
			return oauth.InvalidDPoPProof.Errorf("send a proof in the DPoP header beside Authorization: DPoP")
		}
	}
	info, err := s.Authz.UserInfo(r.Context(), accessToken, key)
	if err != nil {
		return err
	}
	route.WriteJSON(w, http.StatusOK, info)
	return nil
}

// presented is the access token of the Authorization header and its scheme.
func presented(r *http.Request) (scheme, accessToken string, err error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", "", errNoToken
	}
	if len(values) > 1 {
		return "", "", oauth.InvalidRequest.Errorf("the request has more than one Authorization header")
	}
	scheme, accessToken, _ = strings.Cut(values[0], " ")
	accessToken = strings.Trim(accessToken, " ")
	for _, known := range []string{schemeBearer, schemeDPoP} {
		if strings.EqualFold(scheme, known) && accessToken != "" {
			return known, accessToken, nil
		}
	}
	return "", "", errNoToken
}

// FailProtected writes the error of a protected resource. WWW-Authenticate says what the client has to do (RFC 6750 §3, RFC 9449 §7.1).
func (s *Server) FailProtected(w http.ResponseWriter, r *http.Request, err error) {
	status, code, description := protectedAnswer(err)
	scheme, _, _ := presented(r)
	if errors.Is(err, errNoToken) && s.Authz.Profile().FAPI2() {
		description = "Send an access token: Authorization: DPoP with a proof."
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		for _, challenge := range s.challenges(scheme, code, description) {
			w.Header().Add("WWW-Authenticate", challenge)
		}
	}
	if code == "" {
		code = "unauthorized" // a body needs a word; the header must not have one
	}
	route.WriteError(w, status, code, description)
}

// protectedAnswer is answerFor for a protected resource.
func protectedAnswer(err error) (int, oauth.Code, string) {
	if errors.Is(err, errNoToken) {
		return http.StatusUnauthorized, "", "Send an access token: Authorization: Bearer, or DPoP with a proof."
	}
	status, code, description := answerFor(err)
	switch code {
	case oauth.InvalidToken, oauth.InvalidDPoPProof, oauth.UseDPoPNonce:
		status = http.StatusUnauthorized
	case oauth.InsufficientScope:
		status = http.StatusForbidden
	}
	return status, code, description
}

// challenges are the values of WWW-Authenticate: the error under the scheme that was used, and the other scheme. A client with a bound
// token is not told to try it as a bearer token.
func (s *Server) challenges(scheme string, code oauth.Code, description string) []string {
	realm := ` realm="` + s.Issuer + `"`
	problem := ""
	if code != "" {
		problem = `, error="` + string(code) + `", error_description="` + description + `"`
	}
	if code == oauth.InsufficientScope {
		problem += `, scope="` + oauth.ScopeOpenID + `"`
	}
	profile := s.Authz.Profile()
	algorithms := `, algs="` + strings.Join(profile.ClientAlgorithms(), " ") + `"`
	if scheme == schemeDPoP || profile.FAPI2() {
		return []string{schemeDPoP + realm + problem + algorithms}
	}
	return []string{schemeBearer + realm + problem, schemeDPoP + realm + algorithms}
}
