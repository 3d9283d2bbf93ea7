// Package webapp is an example of a third-party web application. It connects to a team with Gatehouse, and reads the team's
// chatbots and sessions with its token.
//
// The files to copy from are connect.go and tokens.go. connect.go keeps the state and the PKCE verifier in the browser's session, uses
// each response once, checks its issuer, and keeps tokens on the server. tokens.go refreshes and revokes the tokens. The other files
// show the data, and the requests that were made.
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

// Config is the configuration of the application.
type Config struct {
	Name         string       // shown on the pages; default "Example application"
	Issuer       string       // the authorization server's URL, without a trailing slash
	ClientID     string       // as registered at the issuer
	ClientSecret string       // empty for a public client
	RedirectURI  string       // exactly as registered; the application serves its path
	API          string       // the API's URL, without /api/; default the issuer
	HTTPClient   *http.Client // for token requests and API calls; default a client with a timeout of 10 s
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

// New returns the application. The error names the wrong setting.
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
		a.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams // a public client has only its id
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

// exactly returns the pattern for one path. A pattern that ends with a slash would match everything below it.
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

// headers sets the headers of every response. The policy does not limit form-action: Chromium applies it to every redirect after a form,
// and a form of ours leads to the issuer and to wherever the issuer signs people in.
func (a *app) headers(next http.Handler) http.Handler {
	const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
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
