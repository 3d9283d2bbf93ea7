package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/mail/inbox"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// demoJSON is the output of the demo with --json, once it is ready.
type demoJSON struct {
	Issuer  string           `json:"issuer"`
	App     string           `json:"app"`
	APIDocs string           `json:"api_docs"`
	Guide   string           `json:"guide"`
	Mails   string           `json:"mails"`
	Users   []demoUserJSON   `json:"users"`
	Clients []demoClientJSON `json:"clients"`
}

type demoUserJSON struct {
	Email    string   `json:"email"`
	Password string   `json:"password"`
	Teams    []string `json:"teams"`
}

type demoClientJSON struct {
	Name         string         `json:"client_name"`
	ID           oauth.ClientID `json:"client_id"`
	Secret       string         `json:"client_secret,omitempty"`
	Team         string         `json:"team,omitempty"`
	Machine      bool           `json:"machine,omitempty"`
	RedirectURIs []string       `json:"redirect_uris"`
}

func demoOf(at demoAddresses, secrets demoSecrets) demoJSON {
	d := demoJSON{Issuer: at.url(), App: at.appURL() + "/", APIDocs: at.url() + "/api/docs/", Guide: at.url() + "/docs/guide/", Mails: at.url() + inbox.Path}
	for _, p := range demoPeople {
		user := demoUserJSON{Email: p.Email, Password: secrets.Passwords[p.Email]}
		for _, t := range demoTeams {
			if p.Roles[t.Slug] != "" {
				user.Teams = append(user.Teams, t.Slug)
			}
		}
		d.Users = append(d.Users, user)
	}
	for _, c := range demoClients {
		credentials := secrets.Clients[c.Name]
		d.Clients = append(d.Clients, demoClientJSON{c.Name, credentials.ID, credentials.Secret, c.Team, c.Machine, append([]string{}, at.redirectURIs(c.Name)...)})
	}
	return d
}

// showDemo prints the addresses, the accounts, and the guide's commands with this demo's values.
func (e *env) showDemo(dir string, at demoAddresses, secrets demoSecrets) error {
	d := demoOf(at, secrets)
	return e.show(d, func(t *tabwriter.Writer) {
		fmt.Fprintf(t, "Gatehouse is running. Its data is in %s and is the same at the next start. Ctrl-C stops it.\n\n", dir)
		section(t, "Open",
			[]string{d.App, "the example application: click Connect"},
			[]string{d.APIDocs, "the API documentation: every endpoint with its scopes, to try out"},
			[]string{d.Guide, "the guide for developers of applications"},
			[]string{d.Mails, "the mails that the demo would send, and a sample of every mail"})
		var people, clients [][]string
		for _, u := range d.Users {
			people = append(people, []string{u.Email, u.Password, "teams: " + strings.Join(u.Teams, ", ")})
		}
		for _, c := range d.Clients {
			reach := "any team"
			if c.Team != "" {
				reach = "team " + c.Team + " only"
			}
			if c.Machine {
				reach += ", without a person"
			}
			clients = append(clients, []string{c.Name, string(c.ID), reach})
		}
		section(t, "Sign in", people...)
		section(t, "Applications", clients...)
		fmt.Fprintf(t, "To follow the guide by hand: set these variables, open the URL, and continue with the commands on the last page.\n\n%s\n", guideCommands(d, d.Clients[0], at.codeURL()))
		fmt.Fprint(t, machineCommands(d))
		fmt.Fprintf(t, "Administer it from another terminal:\n\n  export GATEHOUSE_DATABASE_URL=sqlite:%s/gatehouse.db\n  %s grant list\n", dir, os.Args[0])
	})
}

// section prints a heading with rows to its right, and an empty line.
func section(t *tabwriter.Writer, heading string, rows ...[]string) {
	for _, cells := range rows {
		row(t, append([]string{fmt.Sprintf("%-12s", heading)}, cells...)...)
		heading = ""
	}
	fmt.Fprintln(t)
}

// guideCommands returns the commands of docs/guide.md, with a client, a redirect URI that shows the code, and a new PKCE pair filled in.
func guideCommands(d demoJSON, client demoClientJSON, redirectURI string) string {
	verifier := rand.Text() + rand.Text()
	digest := sha256.Sum256([]byte(verifier))
	query := url.Values{
		"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {redirectURI}, "state": {rand.Text()},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(digest[:])}, "code_challenge_method": {"S256"},
	}
	return fmt.Sprintf(`  CLIENT_ID=%s
  CLIENT_SECRET=%s
  REDIRECT_URI=%s
  CODE_VERIFIER=%s

  %s/o/authorize/?%s
`, client.ID, client.Secret, redirectURI, verifier, d.Issuer, query.Encode())
}

// machineCommands returns the command that gets a token for the machine client.
func machineCommands(d demoJSON) string {
	i := slices.IndexFunc(d.Clients, func(c demoClientJSON) bool { return c.Machine })
	c := d.Clients[i]
	return fmt.Sprintf(`%s acts for itself in team %s. This command gets its token, without a browser:

  curl -X POST %s/o/token/ -u '%s:%s' -d grant_type=client_credentials

`, c.Name, c.Team, d.Issuer, c.ID, c.Secret)
}

// codePattern matches our codes. Nothing else is shown, because people paste it into a shell.
var codePattern = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)

// showCode serves the redirect URI of guideCommands. It shows the code and the next commands.
func (at demoAddresses) showCode(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	query := r.URL.Query()
	code := query.Get("code")
	if !codePattern.MatchString(code) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "There is no code here: error=%+q error_description=%+q\n", query.Get("error"), query.Get("error_description"))
		return
	}
	io.WriteString(w, `Run this within 60 seconds, in the shell where CLIENT_ID and the other variables are set:

CODE=`+code+`

curl -X POST `+at.url()+`/o/token/ \
  -d "grant_type=authorization_code" \
  -d "code=$CODE" \
  -d "client_id=$CLIENT_ID" \
  -d "client_secret=$CLIENT_SECRET" \
  -d "code_verifier=$CODE_VERIFIER" \
  -d "redirect_uri=$REDIRECT_URI"

Then set ACCESS_TOKEN to the access token of the response, and call the API:

curl -H "Authorization: Bearer $ACCESS_TOKEN" `+at.url()+`/api/chatbots/

When the access token has expired, get a new one with the refresh token. It works
once; the response has the next one:

curl -X POST `+at.url()+`/o/token/ \
  -d "grant_type=refresh_token" \
  -d "refresh_token=$REFRESH_TOKEN" \
  -d "client_id=$CLIENT_ID" \
  -d "client_secret=$CLIENT_SECRET"
`)
}
