// Package webapp is the example of a third-party web application: it connects to a team with Gatehouse and reads the team's
// chatbots and sessions with the token that it gets.
//
// What to copy from it is connect.go and tokens.go. In the first, the state and the PKCE verifier are kept in the browser's session here,
// each answer is used once, its issuer is compared, and tokens stay on the server. In the second, the connection is kept alive by refresh
// tokens, and ended. The rest shows what was got, and how.
package webapp

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Config is what the application needs to know.
type Config struct {
	Name         string       // of the application, on its pages; "Example application" when empty
	Issuer       string       // the authorization server's URL, without a trailing slash
	ClientID     string       // as registered there
	ClientSecret string       // empty for a public client
	RedirectURI  string       // as registered there, byte for byte; its path is served here
	API          string       // the API's URL, without /api/; the issuer when empty
	HTTPClient   *http.Client // for token requests and API calls; one with a timeout of 10 s when nil
	Now          func() time.Time
}

// app is the application.
type app struct {
	Config
	oauth    oauth2.Config
	sessions *sessions
}

//go:embed static
var staticFiles embed.FS

// New is the application's pages. The error says which setting is missing.
func New(cfg Config) (http.Handler, error) {
	redirect, err := url.Parse(cfg.RedirectURI)
	switch {
	case cfg.Issuer == "" || cfg.ClientID == "":
		return nil, errors.New("webapp: the issuer and the client id are required")
	case err != nil || redirect.Host == "" || strings.Trim(redirect.Path, "/") == "":
		return nil, fmt.Errorf("webapp: the redirect URI %q is not a URL with a path of its own", cfg.RedirectURI)
	}
	a := &app{Config: cfg.withDefaults()}
	a.sessions = newSessions(a.Now, redirect.Scheme == "https")
	a.oauth = oauth2.Config{
		ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.RedirectURI,
		Endpoint: oauth2.Endpoint{AuthURL: cfg.Issuer + "/o/authorize/", TokenURL: cfg.Issuer + "/o/token/", AuthStyle: oauth2.AuthStyleInHeader},
	}
	if cfg.ClientSecret == "" {
		a.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client only says who it is
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.home)
	mux.HandleFunc("POST /connect", a.connect)
	mux.HandleFunc("GET "+exactly(redirect.Path), a.callback)
	mux.HandleFunc("GET /connections/{id}", a.connection)
	mux.HandleFunc("POST /connections/{id}/renew", a.renew)
	mux.HandleFunc("POST /connections/{id}/disconnect", a.disconnect)
	mux.Handle("GET /static/", http.FileServerFS(staticFiles))
	return a.headers(http.NewCrossOriginProtection().Handler(http.MaxBytesHandler(mux, 64<<10))), nil
}

// exactly is the pattern for a path alone: one that ends in a slash would stand for all below it.
func exactly(path string) string {
	if strings.HasSuffix(path, "/") {
		return path + "{$}"
	}
	return path
}

func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = "Example application"
	}
	if c.API == "" {
		c.API = c.Issuer
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// headers are on every answer. Browsers apply form-action to the redirects that follow a form, so the issuer is in it.
func (a *app) headers(next http.Handler) http.Handler {
	issuer, _ := url.Parse(a.Issuer)
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self' " +
		issuer.Scheme + "://" + issuer.Host
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		if !strings.HasPrefix(r.URL.Path, "/static/") {
			header.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}
