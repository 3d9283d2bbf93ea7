package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// followGuide follows the printed commands, refreshes, and returns the chatbots of a team.
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

// The printed command gets the machine a token for its team, without a person.
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
	if p := newBrowser(t).get(d.Mails); p.status != 200 || !strings.Contains(p.body, "Transcript Explorer was connected to Harbour School") {
		t.Errorf("the mails in the browser: %d\n%s", p.status, p.body)
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
	var events []struct{ Actor string }
	if err := json.Unmarshal([]byte(admin("audit", "--json")), &events); err != nil || len(events) == 0 {
		t.Fatalf("the record has %d events: %v", len(events), err)
	}
	for _, e := range events {
		if e.Actor != "command line" {
			t.Errorf("the demo's own data is by %q, want the command line", e.Actor)
		}
	}
	admin("team", "rename", "acme", "--slug", "apex")
	admin("member", "remove", "harbour", "ann@example.com", "--yes")
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
	// As if the first start had ended before it stored its secrets.
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
		want := fmt.Sprintf("another program already listens on localhost:%d; stop it, or choose other ports with --port", port+offset)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// People paste the text of this page into a shell.
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
