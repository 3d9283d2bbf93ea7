package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// wired is a setting with two values that must look different from outside. When Open forgets to pass a value on, the
// default is used instead, and no other test notices.
type wired struct {
	values [2]string // "" leaves the setting out; DIR is a directory of the test, MAILSERVER the address of a mail server
	base   []string  // more settings, NAME=value as environment variables without their prefix
	see    func(p *place) string
}

// place is an App with one configuration.
type place struct {
	*testing.T
	*App
	clock   *testkit.Clock
	dir     string
	mails   chan string // the lines of mails
	settled bool        // the people and applications are there
}

func TestEverySettingChangesWhatIsSeen(t *testing.T) {
	for _, name := range settingNames(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows := 0
			for what, row := range settingsWired {
				if setting, _, _ := strings.Cut(what, ": "); setting != name {
					continue
				}
				rows++
				saw := [2]string{row.look(t, name, row.values[0]), row.look(t, name, row.values[1])}
				if saw[0] == saw[1] {
					t.Errorf("%s: %q and %q look the same: %s", what, row.values[0], row.values[1], saw[0])
				}
			}
			if rows == 0 {
				t.Error("settingsWired has no row that shows what this setting changes")
			}
		})
	}
}

// settingNames is every setting. docs/configuration.md lists them; a test of config compares it with the code.
func settingNames(t *testing.T) []string {
	t.Helper()
	document, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, heading := range regexp.MustCompile("(?m)^### `(.+)`$").FindAllSubmatch(document, -1) {
		names = append(names, string(heading[1]))
	}
	for what := range settingsWired {
		if name, _, _ := strings.Cut(what, ": "); !slices.Contains(names, name) {
			t.Errorf("%s is no setting", name)
		}
	}
	return names
}

// look is what is seen with one value of a setting.
func (w wired) look(t *testing.T, name, value string) string {
	t.Helper()
	dir := t.TempDir()
	writeCertificates(t, dir)
	mailServer, mails := mailSink(t)
	environ := []string{"DATABASE_URL=sqlite:DIR/gatehouse.db", "LISTEN=127.0.0.1:0", "OPS_LISTEN=localhost:0"}
	environ = append(environ, w.base...)
	variable := strings.ToUpper(strings.ReplaceAll(name, ".", "_")) + "="
	environ = slices.DeleteFunc(environ, func(e string) bool { return strings.HasPrefix(e, variable) })
	environ = append(environ, variable+value) // an empty variable is as good as none
	for i := range environ {
		environ[i] = "GATEHOUSE_" + strings.NewReplacer("DIR", dir, "MAILSERVER", mailServer).Replace(environ[i])
	}
	cfg, err := config.Load("", environ)
	if err != nil {
		return "not accepted: " + strings.ReplaceAll(err.Error(), dir, "DIR")
	}
	clock := testkit.NewClock(noon)
	return w.see(&place{T: t, App: open(t, cfg, Deps{Now: clock.Now}), clock: clock, dir: dir, mails: mails})
}

// settingsWired has a row for each setting, and more where a setting goes to more than one place: "name: place".
var settingsWired = map[string]wired{
	"public_url":               {values: [2]string{"", "https://id.example"}, see: (*place).metadata},
	"insecure_http_public_url": {values: [2]string{"", "true"}, base: []string{"PUBLIC_URL=http://id.example"}, see: (*place).metadata},
	"scopes":                   {values: [2]string{"", "[{name: thing, description: See it, access: read}]"}, see: (*place).metadata},
	"server_name":              {values: [2]string{"", "Acme Sign-in"}, see: func(p *place) string { return p.title("/login/") }},
	"language":                 {values: [2]string{"", "de"}, see: func(p *place) string { return p.title("/login/") }},
	"api_docs_url": {values: [2]string{"", "https://docs.example/x"}, see: func(p *place) string {
		return fmt.Sprint(strings.Contains(p.page("/docs/guide/"), "https://docs.example/x"))
	}},
	"database_url": {values: [2]string{"sqlite:DIR/one.db", "sqlite:DIR/two.db"}, see: func(p *place) string { return p.file("one.db") }},
	"master_key":   {values: [2]string{"", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, see: func(p *place) string { return p.file("master.key") }},

	"listen":        {values: [2]string{"127.0.0.1:0", "127.0.0.2:0"}, see: func(p *place) string { return host(p.serving().public) }},
	"ops_listen":    {values: [2]string{"127.0.0.1:0", "127.0.0.2:0"}, see: func(p *place) string { return host(p.serving().ops) }},
	"ops_pprof":     {values: [2]string{"", "true"}, see: func(p *place) string { return p.status("http://" + p.serving().ops + "/debug/pprof/") }},
	"tls_cert_file": {values: [2]string{"DIR/one.pem", "DIR/two.pem"}, base: https, see: (*place).certificateName},
	"tls_key_file":  {values: [2]string{"DIR/key.pem", "DIR/other.pem"}, base: https, see: (*place).certificateName},
	"trusted_proxies": {values: [2]string{"", "192.0.2.0/24"}, see: func(p *place) string {
		return p.answer(http.MethodGet, "/", "", "X-Request-Id", "theirs").Header().Get("X-Request-Id")[:6]
	}},
	"shutdown_delay":   {values: [2]string{"1s", "2s"}, see: (*place).sleptAtTheEnd},
	"shutdown_timeout": {values: [2]string{"1s", "2s"}, see: (*place).cutOff},

	"request_log": {values: [2]string{"false", "true"}, see: func(p *place) string {
		id, _ := p.addClient(true)
		p.post("/o/token/", "grant_type", "client_credentials", "client_id", id, "client_secret", "gh_cs_wrong")
		p.saveFailures(p.Context())
		failures, err := p.Registry.Failures(p.Context(), team.CommandLine, oauth.ClientID(id))
		p.ok(err)
		return fmt.Sprint(len(failures))
	}},
	"audience":              {values: [2]string{"", "https://api.example"}, see: func(p *place) string { return fmt.Sprint(p.claims(p.machine()["access_token"])["aud"]) }},
	"access_token_lifetime": {values: [2]string{"10m", "20m"}, see: func(p *place) string { return fmt.Sprint(p.machine()["expires_in"]) }},
	"access_token_lifetime: what has ended": {values: [2]string{"10m", "30m"}, see: func(p *place) string {
		id, _ := p.addClient(true)
		p.ok(p.Store.DisableClient(p.Context(), oauth.ClientID(id), p.clock.Now()))
		p.clock.Advance(20 * time.Minute)
		return fmt.Sprint(p.claims(p.page("/.well-known/ended-tokens.jwt"))["ended"])
	}},
	"access_token_lifetime: keys":     {values: [2]string{"2h", "3h"}, see: (*place).keysDie},
	"request_lifetime: keys":          {values: [2]string{"2h", "3h"}, see: (*place).keysDie},
	"code_lifetime: keys":             {values: [2]string{"5m", "9m"}, base: []string{"ACCESS_TOKEN_LIFETIME=10s", "REQUEST_LIFETIME=1m"}, see: (*place).keysDie},
	"refresh_absolute_lifetime: keys": {values: [2]string{"300h", "400h"}, see: (*place).keysDie},
	"public_url: tokens":              {values: [2]string{"", "https://id.example"}, see: func(p *place) string { return fmt.Sprint(p.claims(p.machine()["access_token"])["iss"]) }},
	"public_url: this machine":        {values: [2]string{"", "https://id.example"}, see: (*place).reachesThisMachine},
	"server_name: mails":              {values: [2]string{"", "Acme Sign-in"}, base: mailServer, see: func(p *place) string { return strings.Join(p.mail(), "\n") }},
	"public_url: mails":               {values: [2]string{"", "https://id.example"}, base: mailServer, see: func(p *place) string { return strings.Join(p.mail(), "\n") }},
	"trusted_proxies: addresses":      {values: [2]string{"", "192.0.2.0/24"}, see: (*place).recordedAddress},
	"profile":                         {values: [2]string{"none", "fapi2"}, see: (*place).metadata},
	"profile: registration": {values: [2]string{"none", "fapi2"}, see: func(p *place) string {
		_, _, err := p.Registry.AddClient(p.Context(), team.CommandLine, client.Registration{Name: "A", RedirectURIs: []string{"https://a.example/cb"}})
		return fmt.Sprint(err)
	}},
	"id_token_algorithm": {values: [2]string{"RS256", "ES256"}, see: func(p *place) string { return fmt.Sprint(p.header(p.redeem(p.code())["id_token"])["alg"]) }},
	"code_lifetime": {values: [2]string{"10s", "5m"}, see: func(p *place) string {
		code := p.code()
		p.clock.Advance(time.Minute)
		return outcome(p.redeem(code))
	}},
	"refresh_idle_lifetime": {values: [2]string{"1h", "5h"}, see: func(p *place) string { return p.refreshAfter(2 * time.Hour) }},
	"refresh_absolute_lifetime": {values: [2]string{"3h", "9h"}, base: []string{"REFRESH_IDLE_LIFETIME=2h"}, see: func(p *place) string {
		return p.refreshAfter(time.Hour, time.Hour, time.Hour, time.Hour)
	}},
	"refresh_grace": {values: [2]string{"1s", "60s"}, base: []string{"REFRESH_LATE_RETRY=0"}, see: func(p *place) string {
		first := p.redeem(p.code())["refresh_token"]
		p.refresh(first)
		p.clock.Advance(10 * time.Second)
		return outcome(p.refresh(first))
	}},
	"refresh_grace: registration": {values: [2]string{"5s", "60s"}, see: func(p *place) string {
		_, _, err := p.Registry.AddClient(p.Context(), team.CommandLine, client.Registration{Name: "A", RedirectURIs: []string{"https://a.example/cb"}, RefreshGrace: 10 * time.Second})
		return fmt.Sprint(err)
	}},
	"refresh_late_retry": {values: [2]string{"0", "1h"}, see: func(p *place) string {
		first := p.redeem(p.code())["refresh_token"]
		p.refresh(first)
		p.clock.Advance(2 * time.Minute)
		return outcome(p.refresh(first))
	}},
	"session_lifetime": {values: [2]string{"1h", "3h"}, see: func(p *place) string {
		b := p.signedIn()
		p.clock.Advance(2 * time.Hour)
		return b.get("/account/").status()
	}},
	"request_lifetime": {values: [2]string{"10m", "3h"}, see: func(p *place) string {
		b := p.signedIn()
		request := b.consent()
		p.clock.Advance(time.Hour)
		return b.agree(request).status()
	}},
	"limits.connections_per_grant": {values: [2]string{"1", "1000"}, see: (*place).oldestOfMany},

	"key_rotation_interval": {values: [2]string{"24h", "48h"}, see: func(p *place) string {
		p.clock.Advance(30 * time.Hour)
		p.rotateWhenDue(p.Context())
		return fmt.Sprint(strings.Count(p.page("/.well-known/jwks.json"), `"kid"`))
	}},
	"providers": {values: [2]string{"", "[{id: acme, name: Acme SSO, issuer: 'https://login.acme.example', client_id: x}]"}, see: func(p *place) string {
		return fmt.Sprint(strings.Contains(p.page("/login/"), "Acme SSO"))
	}},
	"team_creation": {values: [2]string{"operators", "anyone"}, see: func(p *place) string { return p.signedIn().get("/teams/new/").status() }},
	"sign_up":       {values: [2]string{"off", "open"}, base: mailServer, see: func(p *place) string { return p.from("192.0.2.1").get("/signup/").status() }},
	"sign_up_domains": {values: [2]string{"example.org", "example.net"}, base: append([]string{"SIGN_UP=domain"}, mailServer...), see: func(p *place) string {
		return p.post("/signup/", "email", "eve@example.org", "name", "Eve").status()
	}},
	"require_second_factor": {values: [2]string{"off", "all"}, see: func(p *place) string { return p.signedIn().get("/account/").status() }},
	"password_min_length": {values: [2]string{"0", "8"}, see: func(p *place) string {
		return fmt.Sprint(p.Authn.CheckPassword("Zq8#kLm2"))
	}},
	"audit_retention": {values: [2]string{"24h", "1000h"}, see: func(p *place) string {
		p.signedIn()
		p.clock.Advance(100 * time.Hour)
		p.prune(p.Context())
		events, err := p.Store.Events(p.Context(), audit.Filter{Limit: 10})
		return fmt.Sprint(len(events) > 0, err)
	}},

	"smtp_url":                   {values: [2]string{"", "smtp://MAILSERVER"}, base: []string{"MAIL_FROM=a@id.example"}, see: (*place).mailFrom},
	"mail_from":                  {values: [2]string{"a@id.example", "b@id.example"}, base: []string{"SMTP_URL=smtp://MAILSERVER"}, see: (*place).mailFrom},
	"insecure_internal_networks": {values: [2]string{"", "127.0.0.0/8"}, base: []string{"PUBLIC_URL=https://id.example"}, see: (*place).reachesThisMachine},

	"limits.sign_in_failures_per_pair":    {values: [2]string{"2", "4"}, see: func(p *place) string { return p.guesses("ann@example.com", "192.0.2.1") }},
	"limits.sign_in_failures_per_address": {values: [2]string{"2", "4"}, see: func(p *place) string { return p.guesses("%d@example.com", "192.0.2.1") }},
	"limits.sign_in_failures_per_account": {values: [2]string{"2", "4"}, see: func(p *place) string { return p.guesses("ann@example.com", "192.0.2.%d") }},
	"limits.password_resets_per_address": {values: [2]string{"2", "4"}, base: mailServer, see: func(p *place) string {
		return p.forgotten(5)
	}},
	"limits.sign_ups_per_address": {values: [2]string{"2", "4"}, base: append([]string{"SIGN_UP=open"}, mailServer...), see: func(p *place) string {
		return p.until429(func(i int) *answer {
			return p.post("/signup/", "email", fmt.Sprintf("eve%d@example.org", i), "name", "Eve")
		})
	}},
	"limits.mails_per_mailbox": {values: [2]string{"2", "4"}, base: mailServer, see: func(p *place) string {
		return p.forgotten(5)
	}},
	"limits.client_failures": {values: [2]string{"2", "4"}, see: func(p *place) string {
		id, _ := p.addClient(true)
		return p.until429(func(int) *answer {
			return p.post("/o/token/", "grant_type", "client_credentials", "client_id", id, "client_secret", "wrong")
		})
	}},
	"limits.pushed_requests": {values: [2]string{"1", "2"}, see: func(p *place) string {
		p.settle()
		first := p.push()
		p.push()
		return p.answer(http.MethodGet, "/o/authorize/?client_id="+weather+"&request_uri="+first, "").status()
	}},
	"limits.public_pushes_per_address": {values: [2]string{"2", "4"}, see: func(p *place) string {
		return p.until429(func(int) *answer { return p.post("/o/par/", "client_id", "x") })
	}},
	"limits.concurrent_password_hashes": {values: [2]string{"3", "5"}, see: func(p *place) string { return fmt.Sprint(p.Authn.ConcurrentHashes()) }},

	"log_level":  {values: [2]string{"debug", "error"}, see: (*place).logged},
	"log_format": {values: [2]string{"json", "text"}, see: (*place).logged},
}

// keysDie is how long the keys are believed after a rotation, as "gatehouse key list" says.
func (p *place) keysDie() string {
	p.ok(p.RotateKeys(p.Context()))
	var dead []string
	for _, k := range p.Keys.Keys() {
		if !k.DeadAt.IsZero() {
			dead = append(dead, k.Algorithm+" "+k.DeadAt.Sub(p.clock.Now()).String())
		}
	}
	return strings.Join(dead, ", ")
}

// reachesThisMachine reports whether a URL that an application registered may lead to this machine.
func (p *place) reachesThisMachine() string {
	_, err := p.outbound.Get(p.Context(), "http://"+listening(p.T)+"/", "*/*", 1)
	return fmt.Sprint(!errors.Is(err, ssrf.ErrProhibitedIP))
}

// recordedAddress is where a sign-in came from, as it is recorded.
func (p *place) recordedAddress() string {
	p.settle()
	p.from("192.0.2.1").do(http.MethodPost, "/login/", "email=ann@example.com&password=wrong", "Content-Type", "application/x-www-form-urlencoded", "X-Forwarded-For", "203.0.113.9")
	events, err := p.Store.Events(p.Context(), audit.Filter{Kind: audit.SignInFailed, Limit: 1})
	p.ok(err)
	return events[0].Address
}

var mailServer = []string{"SMTP_URL=smtp://MAILSERVER", "MAIL_FROM=a@id.example"}

var https = []string{"PUBLIC_URL=https://localhost", "TLS_CERT_FILE=DIR/one.pem", "TLS_KEY_FILE=DIR/key.pem"}

func host(address string) string {
	h, _, _ := net.SplitHostPort(address)
	return h
}

// listening is an address of this machine at which somebody accepts connections and closes them.
func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func (p *place) page(path string) string { return p.answer(http.MethodGet, path, "").Body.String() }

func (p *place) metadata() string { return p.page("/.well-known/oauth-authorization-server") }

func (p *place) title(path string) string {
	return regexp.MustCompile("<title>[^<]*").FindString(p.page(path))
}

func (p *place) file(name string) string {
	_, err := os.Stat(p.dir + "/" + name)
	return fmt.Sprint(err == nil)
}

func (p *place) serving() *running {
	p.Helper()
	return start(p.T, p.App)
}

func (p *place) status(url string) string {
	status, _, err := get(p.T, url)
	return fmt.Sprint(status, err)
}

func (p *place) sleptAtTheEnd() string {
	var slept []time.Duration
	p.sleep = func(d time.Duration) { slept = append(slept, d) }
	r := p.serving()
	r.stop()
	return fmt.Sprint(r.wait(p.T), slept)
}

// cutOff is how Serve ends while a request does not.
func (p *place) cutOff() string {
	started, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	p.API = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(started)
		<-release
	})
	r := p.serving()
	go get(p.T, "http://"+r.public+"/api/")
	<-started
	r.stop()
	err := r.wait(p.T)
	return regexp.MustCompile(`shutdown_timeout \(.*?\)`).FindString(fmt.Sprint(err))
}

func (p *place) logged() string {
	var text bytes.Buffer
	log := NewLog(p.Config, &text)
	log.Logger().Debug("debugged", "at", "x")
	log.Logger().Error("failed", "at", "x")
	log.Close()
	return regexp.MustCompile(`\d\d\d\d-\S*Z?`).ReplaceAllString(text.String(), "TIME")
}

// claims are what a JWT says; header is how it says it is signed.
func (p *place) claims(jwt any) map[string]any { return p.part(jwt, 1) }
func (p *place) header(jwt any) map[string]any { return p.part(jwt, 0) }

func (p *place) part(jwt any, n int) map[string]any {
	p.Helper()
	text, _ := jwt.(string)
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		p.Fatalf("%q is no JWT", text)
	}
	var decoded map[string]any
	if err := json.Unmarshal(decodePart(parts[n]), &decoded); err != nil {
		p.Fatal(err)
	}
	return decoded
}

// outcome is how a token request ended.
func outcome(response map[string]any) string {
	if response["error"] != nil {
		return fmt.Sprint(response["error"])
	}
	return "granted"
}

// refreshAfter refreshes a connection after each of these waits, and is how the last one ends.
func (p *place) refreshAfter(waits ...time.Duration) string {
	response := p.redeem(p.code())
	for _, wait := range waits {
		p.clock.Advance(wait)
		response = p.refresh(response["refresh_token"])
	}
	return outcome(response)
}

// oldestOfMany connects many times, and is what becomes of the first connection when its access token has expired. One redemption in
// 32 looks whether there are too many; that none of 350 does happens in one of 60,000 tests.
func (p *place) oldestOfMany() string {
	b := p.signedIn()
	first := p.redeem(b.code())
	for range 3 {
		p.clock.Advance(time.Second) // ids are in the order of time
		p.redeem(b.code())
	}
	p.clock.Advance(10 * time.Minute)
	for range 350 {
		p.redeem(b.code())
	}
	p.clock.Advance(2 * time.Hour)
	return outcome(p.refresh(first["refresh_token"]))
}

// guesses is how many wrong passwords are answered before it is too many. %d is the number of the guess.
func (p *place) guesses(email, address string) string {
	addUser(p.T, p.App, "ann@example.com", passphrase)
	return p.until429(func(n int) *answer {
		number := func(s string) string { return strings.ReplaceAll(s, "%d", fmt.Sprint(n)) }
		return p.from(number(address)).post("/login/", "email", number(email), "password", "wrong")
	})
}

// push is the request_uri of a pushed request.
func (p *place) push() string {
	p.Helper()
	var response map[string]any
	a := p.post("/o/par/", "response_type", "code", "client_id", weather, "redirect_uri", callback, "code_challenge", challenge, "code_challenge_method", "S256")
	if err := json.Unmarshal(a.Body.Bytes(), &response); err != nil || a.Code != http.StatusCreated {
		p.Fatalf("got %d %s", a.Code, a.Body)
	}
	return fmt.Sprint(response["request_uri"])
}

func (p *place) until429(try func(n int) *answer) string {
	for n := range 10 {
		if try(n).Code == http.StatusTooManyRequests {
			return fmt.Sprint(n)
		}
	}
	return "more than 9"
}

// forgotten asks so often for a link to set a new password, and says how many were made: the answer is always the same.
func (p *place) forgotten(times int) string {
	p.Helper()
	p.settle()
	for range times {
		p.post("/login/forgot/", "email", "ann@example.com")
	}
	made, err := p.Store.Events(p.Context(), audit.Filter{Kind: audit.PasswordForgotten})
	p.ok(err)
	return fmt.Sprint(len(made))
}

// mail is the lines of the mail about a new connection, without those that are never the same.
func (p *place) mail() []string {
	p.code()
	p.deliver(p.Context())
	var lines []string
	for {
		select {
		case line := <-p.mails:
			if !strings.HasPrefix(line, "Message-ID") && !strings.HasPrefix(line, "Date") {
				lines = append(lines, line)
			}
		default:
			return lines
		}
	}
}

// mailFrom is who that mail is from.
func (p *place) mailFrom() string {
	lines := p.mail()
	if i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "From: ") }); i >= 0 {
		return lines[i]
	}
	return "no mail"
}
