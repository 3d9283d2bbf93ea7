package e2e_test

import (
	"context"
	"flag"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
)

var failovers = flag.Int("failovers", 1, "how often a database host fails in each way under load")

// answersAgain is the longest that any kind of request may take to be answered after the new primary is there. The promise is five seconds
// on a machine that is not busy with other tests.
const answersAgain = 15 * time.Second

// TestFailover lets the primary of two servers fail under load, in each way that a host fails. After the standby was promoted every kind of request is
// answered again. Nothing that was confirmed is lost, nothing happens twice, nothing that was ended comes back, and no connection ends.
func TestFailover(t *testing.T) {
	f := newFailover(t)
	for _, how := range []pgtest.Failure{pgtest.Killed, pgtest.Stopped, pgtest.Hung} {
		for range *failovers {
			f.round(how)
			if t.Failed() {
				t.FailNow()
			}
			f.pair.Replace()
		}
	}
	f.finish()
	f.stop()
}

// failover is two servers on a pair of databases, and what they confirmed.
type failover struct {
	t            *testing.T
	pair         *pgtest.Pair
	processes    []*process
	app, machine registered
	session      http.CookieJar // Ann's
	connections  []*failoverConnection
	probe        *failoverConnection // for the questions after a promotion
	pause        time.Duration       // of each client between two requests

	mu       sync.Mutex
	redeemed []string      // the access tokens of codes that were redeemed
	revoked  []answer      // of connections that were confirmed as ended
	slowest  time.Duration // of all answers
	answered atomic.Int64
	refused  atomic.Int64 // answers of 503
	unknown  atomic.Int64 // codes that got 503, and then invalid_grant
}

// failoverConnection is a connection that is refreshed again and again by one client.
type failoverConnection struct {
	now     answer
	refresh int // confirmed
}

const failoverConnections = 6

func newFailover(t *testing.T) *failover {
	pair := pgtest.NewPair(t)
	in := install(t, pair.URL(), masterKey, "GATEHOUSE_SHUTDOWN_TIMEOUT=1s")
	return newFailoverOn(t, pair, in, in)
}

// newFailoverOn starts a server of each installation.
func newFailoverOn(t *testing.T, pair *pgtest.Pair, in, second *installation) *failover {
	f := &failover{t: t, pair: pair}
	f.processes = []*process{second.start(), in.start()}
	in.furnish()
	f.app = in.register("Shop")
	var machine struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	in.cli("", &machine, "client", "add", "Robot", "--machine", "--team", "acme")
	f.machine = registered{id: machine.ID, secret: machine.Secret}
	ann := f.processes[0].person(t)
	if parameter(ann.connect(f.url()), "code") == "" {
		t.Fatal("there is no code")
	}
	f.session = ann.client.Jar
	for range failoverConnections + 1 {
		f.connections = append(f.connections, &failoverConnection{now: f.connect()})
	}
	f.probe, f.connections = f.connections[0], f.connections[1:]
	return f
}

// url asks for a code for acme, whose tokens UserInfo accepts too.
func (f *failover) url() string {
	return installedURL + "/o/authorize/?" + request(f.app, "team", "acme", "scope", "openid chatbot:read").Encode()
}

// client talks to a process with Ann's session.
func (f *failover) client(p *process) *http.Client {
	c := p.client()
	c.Jar = f.session
	return c
}

// connect makes a connection while everything works.
func (f *failover) connect() answer {
	f.t.Helper()
	k, err := f.redeem(f.t.Context(), f.client(f.processes[0]))
	if err != nil || k.RefreshToken == "" {
		f.t.Fatalf("a code is answered with %d %s, %v", k.Status, k.Error, err)
	}
	return k.answer
}

// redeem asks for a code and redeems it. It returns the first answer that is not what it should be, or the last one.
func (f *failover) redeem(ctx context.Context, client *http.Client) (kept, error) {
	k, err := f.noted(ask(ctx, client, http.MethodGet, f.url(), nil, "", nil))
	if err != nil || k.location == nil {
		return k, err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {parameter(k.location, "code")}, "redirect_uri": {f.app.redirectURI}, "code_verifier": {verifier},
	}
	return f.noted(ask(ctx, client, http.MethodPost, "/o/token/", &f.app, "", form))
}

// noted counts an answer. Only the database may be at fault.
func (f *failover) noted(k kept, err error) (kept, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slowest = max(f.slowest, k.took)
	switch {
	case err != nil:
		f.t.Errorf("no answer after %s: %v", k.took.Round(time.Millisecond), err)
	case k.Status == http.StatusServiceUnavailable:
		f.refused.Add(1)
	case k.Status >= 500:
		f.t.Errorf("answered with %d %s", k.Status, k.body)
	default:
		f.answered.Add(1)
	}
	return k, err
}

// refresh uses the refresh token of a connection, and keeps the next one.
func (f *failover) refresh(ctx context.Context, client *http.Client, c *failoverConnection) (kept, error) {
	k, err := f.noted(ask(ctx, client, http.MethodPost, "/o/token/", &f.app, "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.now.RefreshToken}}))
	switch {
	case err != nil || k.Status == http.StatusServiceUnavailable:
	case k.Status != http.StatusOK:
		f.t.Errorf("a connection has ended: %d %s", k.Status, k.body)
	default:
		c.now = k.answer
		c.refresh++
	}
	return k, err
}

// requests are the kinds of requests.
func (f *failover) requests(p *process) map[string]func(context.Context) (kept, error) {
	client := f.client(p)
	token := func(path, bearer string, app *registered, form url.Values) func(context.Context) (kept, error) {
		return func(ctx context.Context) (kept, error) {
			if form == nil {
				return f.noted(ask(ctx, client, http.MethodGet, path, app, bearer, nil))
			}
			return f.noted(ask(ctx, client, http.MethodPost, path, app, bearer, form))
		}
	}
	return map[string]func(context.Context) (kept, error){
		"authorize":     token(f.url(), "", nil, nil),
		"code":          func(ctx context.Context) (kept, error) { return f.redeem(ctx, client) },
		"introspection": token("/o/introspect/", "", &f.app, url.Values{"token": {f.probe.now.AccessToken}}),
		"userinfo":      token("/o/userinfo/", f.probe.now.AccessToken, nil, nil),
		"machine token": token("/o/token/", "", &f.machine, url.Values{"grant_type": {"client_credentials"}}),
		"sign-in":       func(ctx context.Context) (kept, error) { return f.noted(signIn(ctx, client.Transport, f.app)) },
	}
}

// round is one failover under load.
func (f *failover) round(how pgtest.Failure) {
	f.t.Helper()
	ended := f.connect()
	k, err := ask(f.t.Context(), f.client(f.processes[0]), http.MethodPost, "/o/revoke_token/", &f.app, "", url.Values{"token": {ended.RefreshToken}})
	if err != nil || k.Status != http.StatusOK {
		f.t.Fatalf("revocation: %d, %v", k.Status, err)
	}
	f.revoked = append(f.revoked, ended)

	ctx, stop := context.WithCancel(context.WithoutCancel(f.t.Context()))
	load := f.load(ctx)
	for loaded := f.answered.Load() + 100; f.answered.Load() < loaded; { // the host fails under load
		<-time.After(10 * time.Millisecond)
	}
	f.pair.Fail(how)
	f.pair.Promote()
	promoted := time.Now()
	again := f.untilAnswered(promoted)
	stop()
	load.Wait()
	f.t.Logf("%s: every kind of request is answered again after %s; the slowest answer took %s", how, again, f.slowest.Round(time.Millisecond))
	f.check()
}

// load uses both servers until ctx ends. A request that has begun is finished.
func (f *failover) load(ctx context.Context) *sync.WaitGroup {
	var load sync.WaitGroup
	patient := context.WithoutCancel(ctx)
	repeat := func(do func()) {
		load.Go(func() {
			for ctx.Err() == nil && !f.t.Failed() {
				do()
				<-time.After(f.pause)
			}
		})
	}
	for i, c := range f.connections {
		clients := []*http.Client{f.client(f.processes[0]), f.client(f.processes[1])}
		repeat(func() { i++; f.refresh(patient, clients[i%2], c) })
	}
	for _, p := range f.processes {
		client := f.client(p)
		repeat(func() { f.exchange(patient, client) })
		machine := f.requests(p)["machine token"]
		repeat(func() { machine(patient) })
	}
	return &load
}

// exchange redeems a code, and once more if the database did not answer.
func (f *failover) exchange(ctx context.Context, client *http.Client) {
	k, err := f.noted(ask(ctx, client, http.MethodGet, f.url(), nil, "", nil))
	if err != nil || k.location == nil {
		return
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {parameter(k.location, "code")}, "redirect_uri": {f.app.redirectURI}, "code_verifier": {verifier},
	}
	for attempt := range 5 {
		k, err = f.noted(ask(ctx, client, http.MethodPost, "/o/token/", &f.app, "", form))
		switch {
		case err != nil:
			return
		case k.Status == http.StatusOK:
			f.mu.Lock()
			f.redeemed = append(f.redeemed, k.AccessToken)
			f.mu.Unlock()
			return
		case k.Status != http.StatusServiceUnavailable:
			if attempt == 0 || k.Error != "invalid_grant" {
				f.t.Errorf("a code is answered with %d %s", k.Status, k.body)
			}
			f.unknown.Add(1)
			return
		}
	}
}

// untilAnswered waits until every kind of request is answered by both servers.
func (f *failover) untilAnswered(since time.Time) (took time.Duration) {
	f.t.Helper()
	var asking sync.WaitGroup
	var longest atomic.Int64
	for _, p := range f.processes {
		for kind, request := range f.requests(p) {
			asking.Go(func() {
				for {
					k, err := request(context.WithoutCancel(f.t.Context()))
					after := time.Since(since)
					if err == nil && k.Status < 400 {
						for old := longest.Load(); int64(after) > old && !longest.CompareAndSwap(old, int64(after)); old = longest.Load() {
						}
						return
					}
					if err != nil || after > answersAgain || k.Status < 500 {
						f.t.Errorf("%s is answered with %d, %v, %s after the promotion", kind, k.Status, err, after.Round(time.Millisecond))
						return
					}
					time.Sleep(20 * time.Millisecond) // a client that tries again
				}
			})
		}
	}
	asking.Wait()
	return time.Duration(longest.Load()).Round(time.Millisecond)
}

// check compares the new primary with what was confirmed.
func (f *failover) check() {
	f.t.Helper()
	ctx := f.t.Context()
	for i, c := range append(f.connections, f.probe) {
		client := f.client(f.processes[i%2])
		k, err := f.refresh(ctx, client, c)
		for began := time.Now(); err == nil && k.Status == http.StatusServiceUnavailable && time.Since(began) < answersAgain; {
			k, err = f.refresh(ctx, client, c) // as a client does
		}
		if err != nil || k.Status != http.StatusOK {
			f.t.Errorf("a connection after the failover: %d %s, %v", k.Status, k.body, err)
		}
	}
	for _, r := range f.revoked {
		for _, p := range f.processes {
			k, err := ask(ctx, f.client(p), http.MethodPost, "/o/token/", &f.app, "", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.RefreshToken}})
			if err != nil || k.Error != "invalid_grant" {
				f.t.Errorf("a connection that was ended is refreshed: %d %s, %v", k.Status, k.body, err)
			}
			k, err = ask(ctx, f.client(p), http.MethodPost, "/o/introspect/", &f.app, "", url.Values{"token": {r.AccessToken}})
			if err != nil || k.Status != http.StatusOK || k.Active {
				f.t.Errorf("a token of a connection that was ended: %d %s, %v", k.Status, k.body, err)
			}
		}
	}
}

// finish reads the last primary: each confirmed connection is there once, and each refresh is recorded once.
func (f *failover) finish() {
	f.t.Helper()
	found := families(f.t, f.pair.SQL())
	alive := slices.Clone(f.redeemed)
	for _, c := range append(f.connections, f.probe) {
		alive = append(alive, c.now.AccessToken)
	}
	lost := map[string]bool{}
	for _, token := range alive {
		family := familyOf(token).family
		if ended, there := found[family]; !there || ended {
			lost[family] = true
		}
	}
	if len(lost) > 0 {
		f.t.Errorf("%d connections were confirmed and are lost or ended: %v", len(lost), slices.Collect(maps.Keys(lost)))
	}
	var doubled int
	err := f.pair.SQL().QueryRowContext(f.t.Context(), `SELECT COUNT(*) FROM gh_families f LEFT JOIN (
			SELECT family_id, COUNT(*) FILTER (WHERE kind = 'token.refreshed') AS refreshed, COUNT(*) FILTER (WHERE kind = 'token.issued') AS issued
			FROM gh_audit GROUP BY family_id) a ON a.family_id = f.id
		WHERE f.generation <> COALESCE(a.refreshed, 0) OR COALESCE(a.issued, 0) <> 1`).Scan(&doubled)
	if err != nil || doubled > 0 {
		f.t.Errorf("%d connections have another history than their row says, %v", doubled, err)
	}
	refreshes := 0
	for _, c := range f.connections {
		refreshes += c.refresh
	}
	f.t.Logf("%d answers, %d of 503; %d refreshes and %d codes confirmed; %d codes have to be asked for again; the slowest answer took %s",
		f.answered.Load(), f.refused.Load(), refreshes, len(f.redeemed), f.unknown.Load(), f.slowest.Round(time.Millisecond))
}

// stop asks the servers to shut down while the database is silent and requests wait for it. They do not wait longer than shutdown_timeout.
func (f *failover) stop() {
	f.t.Helper()
	f.pair.Fail(pgtest.Hung)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for _, p := range f.processes {
		for range 8 {
			waiting.Go(func() { ask(context.Background(), p.client(), http.MethodGet, f.url(), nil, "", nil) })
		}
	}
	time.Sleep(100 * time.Millisecond) // until most of them wait; nothing depends on it
	began := time.Now()
	for _, p := range f.processes {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			f.t.Fatal(err)
		}
	}
	for _, p := range f.processes {
		<-p.drained
		p.cmd.Wait() // it reports that requests were cut off
	}
	f.t.Logf("with a silent database and shutdown_timeout 1s, the servers ended after %s", time.Since(began).Round(time.Millisecond))
	if took := time.Since(began); took > answersAgain {
		f.t.Errorf("the servers ended after %s", took)
	}
}
