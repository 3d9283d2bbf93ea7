package main

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The only application, and the team that its tokens are for.
const (
	clientID     = "floor"
	clientSecret = "floor-secret"
	redirectURI  = "https://app.example.com/callback"
	team         = "acme"
)

type server struct {
	issuer    string
	tokens    *tokens
	rows      *rows
	secret    [32]byte // SHA-256
	discovery []byte
	keys      []byte
}

func newServer(issuer string, r *rows) (*server, error) {
	t, err := newTokens()
	if err != nil {
		return nil, err
	}
	keys, err := t.keySet()
	if err != nil {
		return nil, err
	}
	discovery, err := json.Marshal(map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/o/authorize/", "token_endpoint": issuer + "/o/token/",
		"jwks_uri": issuer + "/.well-known/jwks.json", "response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
	})
	return &server{issuer: issuer, tokens: t, rows: r, secret: sha256.Sum256([]byte(clientSecret)), discovery: discovery, keys: []byte(keys)}, err
}

func (s *server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /o/authorize/", s.authorize)
	mux.HandleFunc("POST /o/token/", s.token)
	mux.HandleFunc("POST /o/introspect/", s.introspect)
	mux.HandleFunc("GET /o/userinfo/", s.userInfo)
	mux.HandleFunc("GET /api/me/", s.me)
	mux.HandleFunc("GET /.well-known/openid-configuration", document(s.discovery))
	mux.HandleFunc("GET /.well-known/jwks.json", document(s.keys))
	return mux
}

// authorize answers with a code that is sealed, not stored: its id, when it ends, the scope and the challenge.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != clientID || q.Get("redirect_uri") != redirectURI {
		http.Error(w, "no such application", http.StatusBadRequest)
		return
	}
	answer := url.Values{"iss": {s.issuer}, "state": {q.Get("state")}}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || q.Get("team") != team {
		answer.Set("error", "invalid_request")
	} else {
		end := strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)
		answer.Set("code", s.tokens.seal(strings.Join([]string{rand.Text(), end, encoding.EncodeToString([]byte(q.Get("scope")))}, "."), q.Get("code_challenge")))
	}
	w.Header().Set("Location", redirectURI+"?"+answer.Encode())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// known reports whether the only application asks, with its secret.
func (s *server) known(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	sum := sha256.Sum256([]byte(secret))
	return ok && id == clientID && subtle.ConstantTimeCompare(sum[:], s.secret[:]) == 1
}

func (s *server) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || !s.known(r) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		s.redeem(w, r.PostForm)
	case "refresh_token":
		s.refresh(w, r.PostForm)
	case "client_credentials":
		s.answer(w, "m."+rand.Text(), r.PostForm.Get("scope"), "")
	default:
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
	}
}

func (s *server) redeem(w http.ResponseWriter, form url.Values) {
	sum := sha256.Sum256([]byte(form.Get("code_verifier"))) // RFC 7636 §4.6
	code, err := s.tokens.open(form.Get("code"), encoding.EncodeToString(sum[:]))
	id, rest, _ := strings.Cut(code, ".")
	end, encoded, _ := strings.Cut(rest, ".")
	expires, _ := strconv.ParseInt(end, 10, 64)
	now := time.Now().Unix()
	scope, scopeErr := encoding.DecodeString(encoded)
	if err != nil || scopeErr != nil || now >= expires || form.Get("redirect_uri") != redirectURI {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	if added, err := s.rows.do(s.rows.add, id, now); err != nil || !added {
		refuseRow(w, err)
		return
	}
	s.answer(w, id+"."+rand.Text(), string(scope), s.refreshToken(id, 0, string(scope)))
}

func (s *server) refreshToken(id string, generation int64, scope string) string {
	return s.tokens.seal(strings.Join([]string{id, strconv.FormatInt(generation, 10), encoding.EncodeToString([]byte(scope))}, "."), clientID)
}

func (s *server) refresh(w http.ResponseWriter, form url.Values) {
	text, err := s.tokens.open(form.Get("refresh_token"), clientID)
	parts := strings.Split(text, ".")
	if err != nil || len(parts) != 3 {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	generation, err := strconv.ParseInt(parts[1], 10, 64)
	scope, scopeErr := encoding.DecodeString(parts[2])
	if err != nil || scopeErr != nil {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	if changed, err := s.rows.do(s.rows.rotate, parts[0], generation); err != nil || !changed {
		refuseRow(w, err)
		return
	}
	s.answer(w, parts[0]+"."+rand.Text(), string(scope), s.refreshToken(parts[0], generation+1, string(scope)))
}

// tokenAnswer is RFC 6749 §5.1.
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

func (s *server) answer(w http.ResponseWriter, id, scope, refreshToken string) {
	const lifetime = 3600
	now := time.Now().Unix()
	token, err := s.tokens.sign(claims{s.issuer, "person", s.issuer, clientID, scope, team, id, now, now + lifetime})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	writeJSON(w, http.StatusOK, tokenAnswer{token, "Bearer", lifetime, scope, refreshToken})
}

func (s *server) introspect(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || !s.known(r) {
		refuse(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	c, err := s.tokens.verify(r.PostForm.Get("token"), time.Now())
	writeJSON(w, http.StatusOK, struct {
		Active bool `json:"active"`
		claims
	}{err == nil, c})
}

func (s *server) userInfo(w http.ResponseWriter, r *http.Request) {
	s.bearer(w, r, func(c claims) any { return map[string]string{"sub": c.Subject, "name": "Ann Lee"} })
}

func (s *server) me(w http.ResponseWriter, r *http.Request) {
	s.bearer(w, r, func(c claims) any { return map[string]string{"team": c.Team, "client_id": c.ClientID} })
}

func (s *server) bearer(w http.ResponseWriter, r *http.Request, answer func(claims) any) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	c, err := s.tokens.verify(token, time.Now())
	if !ok || err != nil {
		refuse(w, http.StatusUnauthorized, "invalid_token")
		return
	}
	writeJSON(w, http.StatusOK, answer(c))
}

func refuseRow(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, http.StatusInternalServerError, "server_error")
		return
	}
	refuse(w, http.StatusBadRequest, "invalid_grant")
}

func refuse(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]string{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func document(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		w.Write(text)
	}
}
