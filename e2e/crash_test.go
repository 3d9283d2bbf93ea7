package e2e_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
)

var (
	crashRounds = flag.Int("crash.rounds", 100, "how often the server is killed under load; 10 at most with -short")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed for the times of the kills; 0 for a new seed each time")
)

const (
	crashWorkers = 6
	// crashWindow is how long a server may live after its first response. The kill comes at a random moment in it.
	crashWindow = 80 * time.Millisecond
	// crashHeld is how many codes of a round are redeemed only after the kill.
	crashHeld = 5
	// crashReplays is how many codes of a round are replayed. The other families stay alive for later rounds.
	crashReplays = 12
)

// TestNothingIsLostWhenKilled kills the server under load, again and again. Each time it checks that everything the server had confirmed is still there:
// tokens, consent, codes and the sign-in. A redeemed code must not be redeemable again.
func TestNothingIsLostWhenKilled(t *testing.T) {
	t.Parallel()
	rounds, seed := *crashRounds, *crashSeed
	if testing.Short() {
		rounds = min(rounds, 10)
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("to repeat: -crash.rounds %d -crash.seed %d", rounds, seed)
	c := newCrash(t, rounds, rand.New(rand.NewPCG(seed, 0)))
	for round := range rounds {
		c.round(round)
		if t.Failed() {
			t.Fatalf("after %d kills", round+1)
		}
	}
	consents := len(c.consents)
	c.finish()
	t.Logf("%d kills, the servers restarted in %s each: %d tokens, %d consents and %d unredeemed codes were honoured, %d replays refused, %d redemptions were under way",
		rounds, (c.restarts / time.Duration(rounds)).Round(time.Millisecond), len(c.redeemed), consents, c.kept, c.replays, c.unanswered)
	if len(c.redeemed) < 2*rounds || c.unanswered < rounds/4 {
		t.Error("there was too little load for the kills to matter")
	}
}

// crash is a database whose servers get killed, and what those servers confirmed.
type crash struct {
	t       *testing.T
	in      *installation
	server  *process
	random  *rand.Rand
	session http.CookieJar // Ann's; she signed in before the first kill
	apps    []registered   // the first is connected already; each round connects another

	mu       sync.Mutex
	redeemed []*redemption     // codes that were answered with a token
	consents map[string]bool   // client ids whose consent was confirmed
	held     []issued          // this round's codes that are not redeemed yet
	pending  map[string]issued // this round's redemptions without a response so far
	first    chan struct{}     // closed when this round's first token arrives
	killed   atomic.Bool       // once set, a missing response is not a failure

	restarts                  time.Duration // total
	kept, replays, unanswered int
}

// issued is a code that was received.
type issued struct {
	app  registered
	code string
}

// redemption is a token that was received.
type redemption struct {
	issued
	token string
	lineage
	ended bool // its code was replayed
}

func newCrash(t *testing.T, rounds int, random *rand.Rand) *crash {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.PublicURL, cfg.DatabaseURL = installedURL, "sqlite:"+filepath.Join(dir, "gatehouse.db")
	// Codes must outlive the rounds. An expired code would be refused anyway, so its replay would test nothing.
	c := &crash{t: t, random: random, consents: map[string]bool{}, in: install(t, cfg.DatabaseURL, "GATEHOUSE_CODE_LIFETIME=10m")}
	c.furnish(cfg, rounds+1)
	c.restart()
	ann := c.server.person(t)
	c.held = append(c.held, issued{c.apps[0], parameter(ann.connect(acmeURL(c.apps[0])), "code")})
	c.consents[c.apps[0].id] = true
	c.session = ann.client.Jar
	return c
}

// furnish adds people and applications in this process, because a hundred commands would be slow.
func (c *crash) furnish(cfg config.Config, apps int) {
	c.t.Helper()
	a, err := app.Open(c.t.Context(), cfg, app.Deps{InsecureFastHashing: true})
	c.ok(err)
	defer func() { c.ok(a.Close()) }()
	h := &house{App: a, t: c.t}
	h.furnish()
	for range apps {
		c.apps = append(c.apps, h.register(callback, false))
	}
}

func (c *crash) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// round puts load on the server, kills it, starts it again, and checks the data.
func (c *crash) round(n int) {
	c.t.Helper()
	first := make(chan struct{})
	c.pending, c.first = map[string]issued{}, first
	c.killed.Store(false)
	done := len(c.redeemed)
	client := c.server.client()
	client.Jar = c.session
	var load sync.WaitGroup
	load.Go(func() {
		for range crashHeld {
			c.once(func(ctx context.Context) error { return c.keepCode(ctx, client) })
		}
	})
	load.Go(func() { c.once(func(ctx context.Context) error { return c.consent(ctx, client, c.apps[n+1]) }) })
	for range crashWorkers {
		load.Go(func() { c.repeat(func(ctx context.Context) error { return c.connect(ctx, client) }) })
	}
	select {
	case <-first:
	case <-time.After(patience):
		c.t.Errorf("there is no answer\n%s", c.server.tail())
	}
	time.Sleep(time.Duration(c.random.Int64N(int64(crashWindow)))) // the random moment of the kill is the point of this test; nothing is waited for
	c.killed.Store(true)
	c.server.kill()
	load.Wait()
	c.restart()
	c.check(c.redeemed[done:])
}

// repeat runs a function until the server is killed.
func (c *crash) repeat(do func(context.Context) error) {
	for !c.killed.Load() && !c.t.Failed() {
		c.once(do)
	}
}

func (c *crash) once(do func(context.Context) error) {
	if c.killed.Load() {
		return
	}
	if err := do(c.t.Context()); err != nil && !c.killed.Load() {
		c.t.Errorf("before the kill: %v", err)
	}
}

// connect is one flow with stored consent: a code, then a token.
func (c *crash) connect(ctx context.Context, client *http.Client) error {
	code, err := authorize(ctx, client, c.apps[0])
	if err != nil {
		return err
	}
	return c.redeem(ctx, client, issued{c.apps[0], code})
}

// keepCode gets a code and keeps it until after the kill.
func (c *crash) keepCode(ctx context.Context, client *http.Client) error {
	code, err := authorize(ctx, client, c.apps[0])
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = append(c.held, issued{c.apps[0], code})
	return nil
}

// consent connects an application for the first time.
func (c *crash) consent(ctx context.Context, client *http.Client, app registered) error {
	page, err := fetch(ctx, client, http.MethodGet, acmeURL(app), nil)
	if err != nil {
		return err
	}
	f, err := readForm(strings.NewReader(page.body))
	if err != nil {
		return err
	}
	f.values.Set("decision", "authorize")
	answer, err := fetch(ctx, client, http.MethodPost, installedURL+f.action, f.values)
	if err != nil {
		return err
	}
	if answer.code == "" {
		return errors.New("consent was answered without a code")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.consents[app.id] = true
	c.held = append(c.held, issued{app, answer.code})
	return nil
}

// redeem redeems a code, and records the result.
func (c *crash) redeem(ctx context.Context, client *http.Client, i issued) error {
	c.mu.Lock()
	c.pending[i.code] = i
	c.mu.Unlock()
	answer, err := redeem(ctx, client, i.app, i.code)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return fmt.Errorf("a code was answered with %d %s", answer.Status, answer.Error)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, i.code)
	if c.first != nil {
		close(c.first)
		c.first = nil
	}
	c.redeemed = append(c.redeemed, &redemption{issued: i, token: answer.AccessToken, lineage: familyOf(answer.AccessToken)})
	return nil
}

func (c *crash) restart() {
	c.t.Helper()
	c.server = c.in.start()
	c.restarts += time.Since(c.server.started)
}

// check compares the data after a kill with what was confirmed before it. recent is what was redeemed in this round.
func (c *crash) check(recent []*redemption) {
	c.t.Helper()
	c.checkDatabase()
	for _, r := range recent {
		if !c.server.honours(r.token) {
			c.t.Errorf("a token of family %s is not honoured", r.family)
		}
	}
	client := c.server.client()
	client.Jar = c.session
	for _, i := range c.held {
		answer, err := redeem(c.t.Context(), client, i.app, i.code)
		c.ok(err)
		if answer.Status != http.StatusOK {
			c.t.Errorf("a code that was issued before the kill is refused: %s", answer.Error)
			continue
		}
		c.kept++
		recent = append(recent, &redemption{issued: i, token: answer.AccessToken, lineage: familyOf(answer.AccessToken)})
		c.redeemed = append(c.redeemed, recent[len(recent)-1])
	}
	c.held = nil
	c.random.Shuffle(len(recent), func(i, j int) { recent[i], recent[j] = recent[j], recent[i] })
	for _, r := range recent[:min(crashReplays, len(recent))] {
		c.refused(client, r.issued)
		r.ended = true
		c.replays++
	}
	for _, i := range c.pending { // may or may not have been redeemed, but must not be redeemable twice
		c.unanswered++
		if answer, err := redeem(c.t.Context(), client, i.app, i.code); err != nil || answer.Status != http.StatusOK && answer.Error != "invalid_grant" {
			c.t.Errorf("a redemption that was under way: %d %s, %v", answer.Status, answer.Error, err)
		}
		c.refused(client, i)
	}
	if _, err := authorize(c.t.Context(), client, c.apps[0]); err != nil {
		c.t.Errorf("Ann's session and consent: %v", err)
	}
}

func (c *crash) refused(client *http.Client, i issued) {
	c.t.Helper()
	answer, err := redeem(c.t.Context(), client, i.app, i.code)
	c.ok(err)
	if answer.Status != http.StatusBadRequest || answer.Error != "invalid_grant" {
		c.t.Errorf("a code that was redeemed before is answered with %d %q, want invalid_grant", answer.Status, answer.Error)
	}
}

// checkDatabase reads the recovered database. It must be consistent, and each family and grant must be as confirmed.
func (c *crash) checkDatabase() {
	c.t.Helper()
	db := openDatabase(c.t, "sqlite", c.file())
	defer db.Close()
	for _, check := range []string{"PRAGMA integrity_check", "SELECT COALESCE(MIN('row ' || \"table\"), 'ok') FROM pragma_foreign_key_check"} {
		var result string
		c.ok(db.QueryRowContext(c.t.Context(), check).Scan(&result))
		if result != "ok" {
			c.t.Errorf("%s: %s", check, result)
		}
	}
	kept := families(c.t, db)
	for _, r := range c.redeemed {
		if ended, found := kept[r.family]; !found || ended != r.ended {
			c.t.Errorf("family %s: found %t, ended %t; want it with ended %t", r.family, found, ended, r.ended)
		}
	}
	c.checkGrants(db)
}

func (c *crash) checkGrants(db *sql.DB) {
	c.t.Helper()
	kept := map[string]string{} // grant by client
	rows, err := db.QueryContext(c.t.Context(), "SELECT client_id, id FROM gh_grants")
	c.ok(err)
	defer rows.Close()
	for rows.Next() {
		var client, grant string
		c.ok(rows.Scan(&client, &grant))
		kept[client] = grant
	}
	c.ok(rows.Err())
	for client := range c.consents {
		if kept[client] == "" {
			c.t.Errorf("the consent to client %s is forgotten", client)
		}
	}
	for _, r := range c.redeemed {
		if kept[r.app.id] != r.grant {
			c.t.Errorf("a token was issued under grant %s, which is not there", r.grant)
		}
	}
}

func (c *crash) file() string {
	i := slices.IndexFunc(c.in.env, func(v string) bool { return strings.HasPrefix(v, "GATEHOUSE_DATABASE_URL=") })
	return strings.TrimPrefix(c.in.env[i], "GATEHOUSE_DATABASE_URL=sqlite:")
}

// finish checks every token again, and lists the grants with the command line.
func (c *crash) finish() {
	c.t.Helper()
	c.checkDatabase()
	client := c.server.client()
	for _, r := range c.redeemed {
		if !r.ended && !c.server.honours(r.token) {
			c.t.Errorf("a token of family %s is not honoured in the end", r.family)
		}
		found, err := post(c.t.Context(), client, "/o/introspect/", r.app, url.Values{"token": {r.token}})
		if err != nil || found.Active == r.ended {
			c.t.Errorf("a token of family %s is active: %t, %v; its code was replayed: %t", r.family, found.Active, err, r.ended)
		}
	}
	c.server.stop()
	var grants []struct {
		ID       string `json:"id"`
		ClientID string `json:"client_id"`
	}
	c.in.cli("", &grants, "grant", "list", "--team", "acme", "--user", annEmail)
	for _, g := range grants {
		delete(c.consents, g.ClientID)
	}
	if len(c.consents) > 0 {
		c.t.Errorf("gatehouse grant list does not have the consents to %v", c.consents)
	}
}

// fetched is a page, or the code that was returned instead of a page.
type fetched struct{ body, code string }

// authorize gets a code without a page.
func authorize(ctx context.Context, client *http.Client, app registered) (code string, err error) {
	answer, err := fetch(ctx, client, http.MethodGet, acmeURL(app), nil)
	if err == nil && answer.code == "" {
		err = errors.New("a page is shown")
	}
	return answer.code, err
}

// fetch sends a request as Ann's browser. An error means that there was no usable response.
func fetch(ctx context.Context, client *http.Client, method, target string, form url.Values) (fetched, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return fetched{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := client.Do(r)
	if err != nil {
		return fetched{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fetched{}, err
	case response.StatusCode == http.StatusOK:
		return fetched{body: string(body)}, nil
	case response.StatusCode != http.StatusSeeOther:
		return fetched{}, errors.New(method + " was answered with " + strconv.Itoa(response.StatusCode))
	}
	location, err := response.Location()
	if err != nil {
		return fetched{}, err
	}
	return fetched{code: parameter(location, "code")}, nil
}
