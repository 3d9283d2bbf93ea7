package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// runningDemo is a demo that can be used.
type runningDemo struct {
	demoJSON
	stop func()
	said *demoLog
}

// demoLog is what a demo writes on standard error.
type demoLog struct {
	mu     sync.Mutex
	mails  chan string // the e-mails, one at a time
	others strings.Builder
}

// Write implements io.Writer. What a demo prints comes whole.
func (l *demoLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.HasPrefix(p, []byte(mailMark)) {
		l.mails <- strings.ReplaceAll(string(p), mailMark, "")
	} else {
		l.others.Write(p)
	}
	return len(p), nil
}

// mail is the next e-mail.
func (l *demoLog) mail(t *testing.T) string {
	t.Helper()
	select {
	case m := <-l.mails:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no e-mail came")
		return ""
	}
}

// startDemo runs "gatehouse demo" in this process, as its command does, and waits for what it prints.
func startDemo(t *testing.T, dir string, port int) runningDemo {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	printed, stdout := io.Pipe()
	stderr := &demoLog{mails: make(chan string, 100)}
	e := &env{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, now: time.Now}
	root := newRootCommand(e)
	root.SetArgs([]string{"demo", "--json", "--data", dir, "--port", fmt.Sprint(port)})
	done := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		stdout.CloseWithError(io.EOF)
		done <- err
	}()
	d := runningDemo{said: stderr}
	ended := false
	d.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the demo does not end")
		}
		if stderr.others.Len() > 0 {
			t.Errorf("the demo logged: %s", &stderr.others)
		}
	}
	t.Cleanup(d.stop)
	if err := json.NewDecoder(printed).Decode(&d.demoJSON); err != nil {
		t.Fatalf("the demo printed nothing (%v)", err)
	}
	return d
}

// freePorts is a port that is free, as the one after it is.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		next, err := net.Listen("tcp", fmt.Sprint("localhost:", port+1))
		l.Close()
		if err == nil {
			next.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

// browser follows redirects, keeps cookies and submits forms.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return browser{t, &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}}
}

// page is where the browser ended up.
type page struct {
	url    *url.URL
	status int
	body   string
}

func (b browser) do(req *http.Request) page {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.Request.URL, resp.StatusCode, string(body)}
}

func (b browser) get(target string) page {
	b.t.Helper()
	req, err := http.NewRequest("GET", target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b browser) post(target string, form url.Values) page {
	b.t.Helper()
	req, err := http.NewRequest("POST", target, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

var (
	formAction  = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	teamChoice  = regexp.MustCompile(`(?s)<input type="radio" name="team" value="([^"]+)".*?<code>([^<]+)</code>`)
)

// submit sends the form of a page with what it has hidden, and values.
func (b browser) submit(p page, values url.Values) page {
	b.t.Helper()
	action := formAction.FindStringSubmatch(p.body)
	if action == nil {
		b.t.Fatalf("no form at %s (%d):\n%s", p.url, p.status, p.body)
	}
	for _, m := range hiddenInput.FindAllStringSubmatch(p.body, -1) {
		if !values.Has(m[1]) {
			values.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	target, err := p.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post(target.String(), values)
}

// choose agrees for a team, which is chosen if there is a choice.
func (b browser) choose(p page, slug string) page {
	b.t.Helper()
	values := url.Values{"decision": {"authorize"}}
	for _, m := range teamChoice.FindAllStringSubmatch(p.body, -1) {
		if m[2] == slug {
			values.Set("team", m[1])
		}
	}
	return b.submit(p, values)
}

// followGuide does by hand what the guide says, refreshes, and returns the chatbots of a team.
func followGuide(t *testing.T, d runningDemo, user demoUserJSON, client demoClientJSON, slug string) string {
	t.Helper()
	commands := guideCommands(d.demoJSON, client, d.App+"code/")
	variable := func(name string) string {
		return regexp.MustCompile(name + "=(.*)").FindStringSubmatch(commands)[1]
	}
	b := newBrowser(t)
	p := b.get(regexp.MustCompile(`http\S+/o/authorize/\S+`).FindString(commands))
	p = b.submit(p, url.Values{"email": {user.Email}, "password": {user.Password}})
	p = b.choose(p, slug)
	code := regexp.MustCompile(`(?m)^CODE=(\S+)$`).FindStringSubmatch(p.body)
	if code == nil {
		t.Fatalf("%s in %s: no code at %s (%d):\n%s", user.Email, slug, p.url, p.status, p.body)
	}
	credentials := url.Values{"client_id": {variable("CLIENT_ID")}, "client_secret": {variable("CLIENT_SECRET")}}
	exchange := url.Values{"grant_type": {"authorization_code"}, "code": {code[1]}, "code_verifier": {variable("CODE_VERIFIER")}, "redirect_uri": {variable("REDIRECT_URI")}}
	maps.Copy(exchange, credentials)
	token := b.tokenOf(d, exchange)
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.RefreshToken}}
	maps.Copy(refresh, credentials)
	refreshed := b.tokenOf(d, refresh)
	if token.Team != slug || refreshed.Team != slug || refreshed.RefreshToken == token.RefreshToken {
		t.Fatalf("exchange: got %+v, then %+v", token, refreshed)
	}
	seen := b.chatbots(d, token.AccessToken)
	if again := b.chatbots(d, refreshed.AccessToken); again != seen {
		t.Errorf("after refreshing it sees %s, before %s", again, seen)
	}
	return seen
}

func TestDemoCanBeUsedAndIsTheSameAtTheNextStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo-data")
	port := freePorts(t)
	first := startDemo(t, dir, port)
	ann, ben := first.Users[0], first.Users[1]
	explorer, digest := first.Clients[0], first.Clients[1]

	acme := followGuide(t, first, ann, explorer, "acme")
	harbour := followGuide(t, first, ann, explorer, "harbour")
	if acme == harbour {
		t.Errorf("acme and harbour have the chatbots\n%s\n%s", acme, harbour)
	}
	if got := followGuide(t, first, ben, explorer, "harbour"); got != harbour {
		t.Errorf("ben sees %s in harbour, ann %s", got, harbour)
	}
	if got := followGuide(t, first, ann, digest, "acme"); got != acme {
		t.Errorf("the team client sees %s, want %s", got, acme)
	}
	b := newBrowser(t)
	for _, address := range []string{first.App, first.APIDocs, first.Guide, first.Issuer} {
		if p := b.get(address); p.status != 200 {
			t.Errorf("%s: got %d", address, p.status)
		}
	}
	first.stop()

	second := startDemo(t, dir, port)
	if diff := cmp.Diff(first.demoJSON, second.demoJSON); diff != "" {
		t.Errorf("the second start differs (-first +second)\n%s", diff)
	}
	b = newBrowser(t)
	p := b.submit(b.get(second.Issuer+"/login/"), url.Values{"email": {ben.Email}, "password": {ben.Password}})
	if p.status != 200 || p.url.Path != "/" {
		t.Errorf("the password does not work at the second start: %d at %s", p.status, p.url)
	}
	second.stop()

	moved := startDemo(t, dir, freePorts(t))
	if diff := cmp.Diff(first.Users, moved.Users); diff != "" {
		t.Errorf("on another port the people differ\n%s", diff)
	}
	if got := followGuide(t, moved, ann, moved.Clients[0], "harbour"); got != harbour {
		t.Errorf("on another port harbour has %s, want %s", got, harbour)
	}
}

// tokenOf posts to the token endpoint.
func (b browser) tokenOf(d runningDemo, form url.Values) (token struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Team         string `json:"team"`
}) {
	b.t.Helper()
	p := b.post(d.Issuer+"/o/token/", form)
	if err := json.Unmarshal([]byte(p.body), &token); err != nil || p.status != 200 {
		b.t.Fatalf("%s: got %d, %v: %s", form.Get("grant_type"), p.status, err, p.body)
	}
	return token
}

// chatbots is what an access token sees of the example API.
func (b browser) chatbots(d runningDemo, accessToken string) string {
	b.t.Helper()
	req, err := http.NewRequest("GET", d.Issuer+"/api/chatbots/", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	p := b.do(req)
	if p.status != 200 {
		b.t.Fatalf("chatbots: got %d: %s", p.status, p.body)
	}
	return p.body
}

// The demo's machine gets a token of its team without a person, by the command that is printed.
func TestDemoMachineActsForItself(t *testing.T) {
	d := startDemo(t, filepath.Join(t.TempDir(), "demo-data"), freePorts(t))
	command := machineCommands(d.demoJSON)
	m := regexp.MustCompile(`curl -X POST (\S+) -u '([^:]+):([^']+)' -d (\S+)\n`).FindStringSubmatch(command)
	if m == nil {
		t.Fatalf("no command in %s", command)
	}
	form, err := url.ParseQuery(m[4])
	if err != nil {
		t.Fatal(err)
	}
	form.Set("client_id", m[2])
	form.Set("client_secret", m[3])
	b := newBrowser(t)
	token := b.tokenOf(d, form)
	if token.Team != "acme" || token.RefreshToken != "" || m[1] != d.Issuer+"/o/token/" {
		t.Errorf("got %+v from %s", token, m[1])
	}
	if got, want := b.chatbots(d, token.AccessToken), followGuide(t, d, d.Users[0], d.Clients[1], "acme"); got != want {
		t.Errorf("the machine sees %s, want what the team has: %s", got, want)
	}
}

func TestDemoPrintsMailAboutANewConnection(t *testing.T) {
	d := startDemo(t, filepath.Join(t.TempDir(), "demo-data"), freePorts(t))
	followGuide(t, d, d.Users[0], d.Clients[0], "harbour")
	mail := d.said.mail(t)
	for _, want := range []string{"To: ann@example.com\n", "Subject: Transcript Explorer was connected to Harbour School\n", "- See the team's chatbots\n", d.Issuer + "/account/applications/\n"} {
		if !strings.Contains(mail, want) {
			t.Errorf("no %q in\n%s", want, mail)
		}
	}
	if p := newBrowser(t).get(d.Issuer + "/account/applications/"); p.status != 200 || p.url.Path != "/login/" {
		t.Errorf("the page that the mail names: %d at %s", p.status, p.url)
	}
}

func TestDemoExampleApplicationConnects(t *testing.T) {
	d := startDemo(t, filepath.Join(t.TempDir(), "demo-data"), freePorts(t))
	b := newBrowser(t)
	p := b.get(d.App)
	p = b.submit(p, url.Values{"scope": {"chatbot:read", "session:read"}})
	p = b.submit(p, url.Values{"email": {d.Users[1].Email}, "password": {d.Users[1].Password}})
	p = b.choose(p, "harbour")
	var list struct {
		Chatbots []struct{ Name string } `json:"results"`
	}
	answer := followGuide(t, d, d.Users[1], d.Clients[0], "harbour")
	if err := json.Unmarshal([]byte(answer), &list); err != nil || len(list.Chatbots) == 0 {
		t.Fatalf("no chatbots in %s (%v)", answer, err)
	}
	if p.status != 200 || !strings.HasPrefix(p.url.String(), d.App) {
		t.Errorf("after Connect: %d at %s:\n%s", p.status, p.url, p.body)
	}
	for _, chatbot := range list.Chatbots {
		if !strings.Contains(html.UnescapeString(p.body), chatbot.Name) {
			t.Errorf("%s is not shown at %s:\n%s", chatbot.Name, p.url, p.body)
		}
	}
}

func TestDemoKeepsWhatWasChangedSince(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo-data")
	port := freePorts(t)
	startDemo(t, dir, port).stop()
	admin := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		e := &env{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now, environ: []string{"GATEHOUSE_DATABASE_URL=sqlite:" + filepath.Join(dir, "gatehouse.db")}}
		root := newRootCommand(e)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		return stdout.String()
	}
	admin("team", "rename", "acme", "--slug", "apex")
	admin("member", "remove", "harbour", "ann@example.com")
	startDemo(t, dir, port).stop()
	var teams []struct{ Slug string }
	if err := json.Unmarshal([]byte(admin("team", "list", "--json")), &teams); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(teams, func(t struct{ Slug string }) bool { return t.Slug == "apex" }) || len(teams) != 2 {
		t.Errorf("teams after the next start: %v", teams)
	}
	if members := admin("member", "list", "harbour", "--json"); strings.Contains(members, "ann@") {
		t.Errorf("ann is back in harbour: %s", members)
	}
}

func TestDemoFinishesAStartThatWasCutOff(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo-data")
	port := freePorts(t)
	startDemo(t, dir, port).stop()
	// As if the first start had ended before it wrote down what it made.
	if err := os.Remove(filepath.Join(dir, "demo.json")); err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, dir, port)
	followGuide(t, d, d.Users[0], d.Clients[0], "acme")
}

func TestDemoSaysWhichPortIsTaken(t *testing.T) {
	for _, offset := range []int{0, 1} {
		port := freePorts(t)
		taken, err := net.Listen("tcp", fmt.Sprint("localhost:", port+offset))
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		e := &env{stdout: io.Discard, stderr: io.Discard, now: time.Now}
		err = e.demo(t.Context(), filepath.Join(t.TempDir(), "demo-data"), demoAddresses{port})
		want := fmt.Sprintf("another program is listening on localhost:%d already; end it, or choose other ports with --port", port+offset)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// What the page at the guide's redirect URI shows is pasted into a shell.
func TestCodePageShowsCodesOnly(t *testing.T) {
	at := demoAddresses{8000}
	for query, want := range map[string]bool{
		"code=gh_ac_abc-DEF":       true,
		"code=$(reboot)":           false,
		"code=a%0Areboot":          false,
		"code=":                    false,
		"error=access_denied":      false,
		"error=%1b%5b2Jx&code=a;b": false,
	} {
		w := httptest.NewRecorder()
		at.showCode(w, httptest.NewRequest("GET", "/code/?"+query, nil))
		if shown := strings.Contains(w.Body.String(), "CODE="); shown != want {
			t.Errorf("%s: code shown %v, want %v", query, shown, want)
		}
		if strings.Contains(w.Body.String(), "reboot") || strings.Contains(w.Body.String(), "\x1b") {
			t.Errorf("%s: page repeats what was sent:\n%s", query, w.Body)
		}
	}
}
