package authz_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"pgregory.net/rapid"
)

// connectionModel is what a connection is, in the fewest words: the model that TestRefreshFollowsTheModel holds the servers against.
type connectionModel struct {
	w         *world
	servers   [2]*authz.Server // the clock of the second one is behind
	api       app
	kept      bool     // its refresh token is bound to a key, and not replaced
	tokens    []string // by generation
	access    string   // the newest access token
	accessEnd time.Time
	created   time.Time
	rotated   time.Time // when the newest refresh token was issued, by the clock of the server that did it
	expires   time.Time
	late      time.Time // of the last late retry
	lateAfter int       // the newest generation then
	ended     bool
	member    bool
}

// behind is how far the clock of the second server is behind.
const behind = 15 * time.Second

// newConnection replaces the model's connection by a new one, for which ada has to be in red.
func (m *connectionModel) newConnection(t *rapid.T) {
	if !m.member {
		m.w.join("red", m.w.ada)
		m.member = true
	}
	*m = connectionModel{w: m.w, servers: m.servers, api: m.api, member: true, kept: rapid.Bool().Draw(t, "kept")}
	code := m.w.connect(m.client(), m.w.red, "scope", "chatbot:read openid")
	got, err := m.send(0, form(m.client(), code))
	m.w.ok(err)
	now := m.at(0)
	m.tokens, m.created, m.expires = []string{got.RefreshToken}, now, now.Add(30*day)
	m.issued(got, now)
}

func (m *connectionModel) client() app {
	if m.kept {
		return m.w.public
	}
	return m.w.app
}

// send sends a token request to one of the servers, with a proof when the connection is bound to a key.
func (m *connectionModel) send(server int, values url.Values) (oauth.TokenResponse, error) {
	r, err := oauth.ParseTokenRequest("", oauth.NewParams(values))
	m.w.ok(err)
	if m.kept {
		r.DPoPKey = "key of the client"
	}
	return m.servers[server].Exchange(m.w.ctx(), r)
}

// at is what a server takes for the current time.
func (m *connectionModel) at(server int) time.Time {
	return m.w.clock.Now().Add(-time.Duration(server) * behind).Truncate(time.Millisecond)
}

func (m *connectionModel) alive(at time.Time) bool {
	return !m.ended && m.member && at.Before(m.expires)
}

func (m *connectionModel) issued(got oauth.TokenResponse, at time.Time) {
	m.access, m.accessEnd = got.AccessToken, at.Add(time.Duration(got.ExpiresIn)*time.Second)
}

// used moves the idle expiry, which never passes the absolute one.
func (m *connectionModel) used(at time.Time) {
	m.expires = at.Add(30 * day)
	if end := m.created.Add(365 * day); end.Before(m.expires) {
		m.expires = end
	}
}

// refresh presents a generation to one of the servers, and checks the answer against what the model says.
func (m *connectionModel) refresh(t *rapid.T, generation int) {
	server := rapid.IntRange(0, 1).Draw(t, "server")
	newest, at := len(m.tokens)-1, m.at(server)
	got, err := m.send(server, form(m.client(), "", "grant_type", "refresh_token", "refresh_token", m.tokens[generation]))
	age := at.Sub(m.rotated)
	switch {
	case !m.alive(at):
		wantRefused(t, err)
		return
	case generation == newest && m.kept:
	case generation == newest:
		if err == nil && slices.Contains(m.tokens, got.RefreshToken) {
			t.Fatal("a refresh token was issued twice")
		}
		m.tokens, m.rotated = append(m.tokens, got.RefreshToken), at
		newest++
	case generation == newest-1 && age >= -30*time.Second && age <= time.Minute:
		at = m.expires.Add(-30 * day) // a retry moves nothing
	case generation == newest-1 && (m.late.IsZero() || at.Sub(m.late) >= 7*day && newest-m.lateAfter >= 2):
		m.rotated, m.late, m.lateAfter = at, at, newest
	default:
		wantRefused(t, err)
		m.ended = true
		return
	}
	if err != nil || got.RefreshToken != m.tokens[newest] {
		t.Fatalf("generation %d of %d: error %v, the token to go on with: %v", generation, newest, err, got.RefreshToken == m.tokens[newest])
	}
	m.used(at)
	m.issued(got, m.at(server))
}

func wantRefused(t *rapid.T, err error) {
	if !errors.Is(err, oauth.InvalidGrant) {
		t.Fatalf("error %v, want invalid_grant", err)
	}
}

// check compares what can be seen without changing anything.
func (m *connectionModel) check(t *rapid.T) {
	alive, now := m.alive(m.at(0)), m.w.clock.Now()
	if !m.kept { // a public client may not introspect
		if got := m.w.introspect(m.w.app, m.tokens[len(m.tokens)-1]).Active; got != alive {
			t.Fatalf("the newest refresh token is active: %v, want %v", got, alive)
		}
	}
	want := alive && now.Before(m.accessEnd.Truncate(time.Second))
	if got := m.w.introspect(m.api, m.access).Active; got != want {
		t.Fatalf("the newest access token is active: %v, want %v", got, want)
	}
}

// TestRefreshFollowsTheModel drives random interleavings of all that can happen to a connection, at two servers whose clocks differ.
func TestRefreshFollowsTheModel(t *testing.T) {
	w := onSQLite(t)
	m := &connectionModel{w: w, servers: w.apart(), api: w.resourceServer(issuer), member: true}
	rapid.Check(t, func(t *rapid.T) {
		m.newConnection(t)
		t.Repeat(map[string]func(*rapid.T){
			"refresh": func(t *rapid.T) { m.refresh(t, len(m.tokens)-1) },
			"retry":   func(t *rapid.T) { m.refresh(t, max(0, len(m.tokens)-2)) },
			"replay":  func(t *rapid.T) { m.refresh(t, rapid.IntRange(0, len(m.tokens)-1).Draw(t, "generation")) },
			"another client refreshes": func(t *rapid.T) {
				_, err := w.refresh(w.redOnly, m.tokens[len(m.tokens)-1])
				wantRefused(t, err)
			},
			"too wide": func(t *rapid.T) {
				_, err := m.send(0, form(m.client(), "", "grant_type", "refresh_token", "refresh_token", m.tokens[len(m.tokens)-1], "scope", "session:write"))
				if alive := m.alive(m.at(0)); alive && !errors.Is(err, oauth.InvalidScope) {
					t.Fatalf("error %v, want invalid_scope", err)
				} else if !alive {
					wantRefused(t, err)
				}
			},
			"a moment passes": func(*rapid.T) { w.clock.Advance(4 * time.Second) },
			"time passes":     func(*rapid.T) { w.clock.Advance(31 * time.Second) },
			"a week passes":   func(*rapid.T) { w.clock.Advance(7*day + 1234*time.Millisecond) },
			"revoke": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "one in four") == 0 {
					w.ok(w.server.Revoke(w.ctx(), m.client().asks(m.tokens[rapid.IntRange(0, len(m.tokens)-1).Draw(t, "generation")])))
					m.ended = true
				}
			},
			"leave or join": func(t *rapid.T) {
				switch {
				case !m.member:
					w.join("red", w.ada)
					m.member, m.ended = true, true // rejoining revives nothing
				case rapid.IntRange(0, 3).Draw(t, "one in four") == 0:
					w.ok(w.directory.RemoveMember(w.ctx(), team.CommandLine, "red", w.ada.Email))
					m.member = false
				}
			},
			"connect anew": func(t *rapid.T) {
				if !m.alive(m.at(0)) {
					m.newConnection(t)
				}
			},
			"": m.check,
		})
	})
}

// TestAnApplicationThatKeepsTheRulesStaysConnected, at two servers whose clocks differ: it loses answers, asks again within 45 seconds, and once in a while it is killed
// before it has stored an answer and is started again later.
func TestAnApplicationThatKeepsTheRulesStaysConnected(t *testing.T) {
	w := onSQLite(t)
	servers := w.apart()
	rapid.Check(t, func(t *rapid.T) {
		stored := w.mustConnect(w.app, w.red).RefreshToken
		refresh := func() string {
			got, err := w.refreshAt(servers[rapid.IntRange(0, 1).Draw(t, "server")], w.app, stored)
			if err != nil {
				t.Fatal(err)
			}
			return got.RefreshToken
		}
		for range 10 {
			for range rapid.IntRange(0, 3).Draw(t, "answers lost") {
				refresh()
				w.clock.Advance(time.Duration(rapid.IntRange(0, 15).Draw(t, "seconds")) * time.Second)
			}
			stored = refresh()
			w.clock.Advance(time.Duration(rapid.IntRange(0, 3*3600).Draw(t, "seconds")) * time.Second)
			stored = refresh()
			if rapid.Bool().Draw(t, "killed") {
				refresh()
				w.clock.Advance(7*day + behind + time.Duration(rapid.IntRange(0, 20*24).Draw(t, "hours"))*time.Hour)
				for range rapid.IntRange(1, 3).Draw(t, "processes") {
					refresh()
				}
				stored = refresh()
			}
		}
	})
}

// What several callers at once do to one connection, and what they are told.
type (
	historyInput struct {
		kind       string // "refresh", "introspect" or "revoke"
		generation int64
	}
	historyOutput struct {
		ok        bool  // refreshed, or active
		successor int64 // of a refresh
	}
	historyState struct {
		generation int64
		ended      bool
	}
)

// connectionHistory is the model of a connection while the clock stands still, so that a retry of the last generation is always within the grace.
var connectionHistory = porcupine.Model{
	Init: func() any { return historyState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(historyState), input.(historyInput), output.(historyOutput)
		switch {
		case in.kind == "revoke":
			return true, historyState{s.generation, true}
		case in.kind == "introspect":
			return out.ok == (!s.ended && in.generation == s.generation), s
		case s.ended || in.generation > s.generation:
			return !out.ok, s
		case in.generation == s.generation:
			return out == historyOutput{true, s.generation + 1}, historyState{s.generation + 1, false}
		case in.generation == s.generation-1:
			return out == historyOutput{true, s.generation}, s
		default:
			return !out.ok, historyState{s.generation, true}
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// TestConcurrentRefreshesAreLinearizable records what several callers at two server processes do at once, and lets porcupine look for an order that explains it.
func TestConcurrentRefreshesAreLinearizable(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		servers := w.servers()
		for round := range 6 {
			h := &history{w: w, began: time.Now(), tokens: []string{w.mustConnect(w.app, w.red).RefreshToken}}
			var done sync.WaitGroup
			for caller := range 4 {
				random := rand.New(rand.NewPCG(uint64(round), uint64(caller)))
				done.Go(func() {
					for range 10 {
						h.act(servers[caller%2], caller, random)
					}
				})
			}
			done.Wait()
			switch porcupine.CheckOperationsTimeout(connectionHistory, h.operations, 20*time.Second) {
			case porcupine.Illegal:
				for _, o := range h.operations {
					t.Logf("%d %d-%d: %s", o.ClientId, o.Call, o.Return, connectionHistory.DescribeOperation(o.Input, o.Output))
				}
				t.Fatalf("round %d: no order of these explains the answers", round)
			case porcupine.Unknown:
				t.Fatalf("round %d: the history is too long to check", round)
			}
		}
	})
}

// history is the tokens that the callers share, and what they did.
type history struct {
	w          *world
	began      time.Time
	mu         sync.Mutex
	tokens     []string
	operations []porcupine.Operation
}

// pick is one of the last refresh tokens, mostly the newest.
func (h *history) pick(random *rand.Rand) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	back := 0
	switch n := random.IntN(20); {
	case n == 0:
		back = 2
	case n < 6:
		back = 1
	}
	return h.tokens[max(0, len(h.tokens)-1-back)]
}

func (h *history) act(server *authz.Server, caller int, random *rand.Rand) {
	text := h.pick(random)
	opened, err := h.w.keys.OpenRefreshToken(text)
	if err != nil {
		h.w.Error(err)
		return
	}
	in, out := historyInput{"refresh", opened.Generation}, historyOutput{}
	switch n := random.IntN(40); {
	case n == 0:
		in.kind = "revoke"
	case n < 10:
		in.kind = "introspect"
	}
	call := time.Since(h.began)
	var successor string
	switch in.kind {
	case "revoke":
		err = server.Revoke(h.w.ctx(), h.w.app.asks(text))
	case "introspect":
		var i oauth.Introspection
		i, err = server.Introspect(h.w.ctx(), h.w.app.asks(text))
		out.ok = i.Active
	default:
		var got oauth.TokenResponse
		got, err = h.w.refreshAt(server, h.w.app, text)
		out.ok, successor = err == nil, got.RefreshToken
		if errors.Is(err, oauth.InvalidGrant) {
			err = nil
		}
	}
	returned := time.Since(h.began)
	if err != nil {
		h.w.Errorf("%s: %v", in.kind, err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if successor != "" {
		next, err := h.w.keys.OpenRefreshToken(successor)
		if err != nil {
			h.w.Error(err)
			return
		}
		out.successor = next.Generation
		if next.Generation == int64(len(h.tokens)) {
			h.tokens = append(h.tokens, successor)
		}
	}
	h.operations = append(h.operations, porcupine.Operation{ClientId: caller, Input: in, Call: call.Nanoseconds(), Output: out, Return: returned.Nanoseconds()})
}
