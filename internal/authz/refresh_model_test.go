package authz_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"pgregory.net/rapid"
)

// connectionModel is what a connection is, in the fewest words: the model that TestRefreshFollowsTheModel holds the server against.
type connectionModel struct {
	w         *world
	tokens    []string // by generation
	access    string   // the newest access token
	accessEnd time.Time
	created   time.Time
	rotated   time.Time // when the newest refresh token was issued
	expires   time.Time
	ended     bool
	member    bool
}

// newConnection replaces the model's connection by a new one, for which ada has to be in red.
func (m *connectionModel) newConnection() {
	if !m.member {
		m.w.join("red", m.w.ada)
		m.member = true
	}
	got := m.w.mustConnect(m.w.app, m.w.red, "scope", "chatbot:read openid")
	now := m.now()
	*m = connectionModel{w: m.w, member: true, tokens: []string{got.RefreshToken}, created: now, expires: now.Add(30 * day)}
	m.issued(got)
}

func (m *connectionModel) now() time.Time { return m.w.clock.Now().Truncate(time.Millisecond) }

func (m *connectionModel) alive() bool { return !m.ended && m.member && m.now().Before(m.expires) }

func (m *connectionModel) issued(got oauth.TokenResponse) {
	m.access, m.accessEnd = got.AccessToken, m.w.clock.Now().Add(time.Duration(got.ExpiresIn)*time.Second)
}

// refresh presents a generation, and checks the answer against what the model says.
func (m *connectionModel) refresh(t *rapid.T, generation int) {
	newest := len(m.tokens) - 1
	got, err := m.w.refresh(m.w.app, m.tokens[generation])
	retry := generation == newest-1 && !m.now().After(m.rotated.Add(10*time.Second))
	switch {
	case !m.alive():
		wantRefused(t, err)
	case generation == newest:
		if err != nil {
			t.Fatalf("the newest token: %v", err)
		}
		for _, earlier := range m.tokens {
			if got.RefreshToken == earlier {
				t.Fatal("a refresh token was issued twice")
			}
		}
		m.tokens, m.rotated = append(m.tokens, got.RefreshToken), m.now()
		m.expires = m.rotated.Add(30 * day)
		if end := m.created.Add(365 * day); end.Before(m.expires) {
			m.expires = end
		}
		m.issued(got)
	case retry:
		if err != nil || got.RefreshToken != m.tokens[newest] {
			t.Fatalf("a retry: error %v, the same successor: %v", err, got.RefreshToken == m.tokens[newest])
		}
		m.issued(got)
	default:
		wantRefused(t, err)
		m.ended = true
	}
}

func wantRefused(t *rapid.T, err error) {
	if !errors.Is(err, oauth.InvalidGrant) {
		t.Fatalf("error %v, want invalid_grant", err)
	}
}

// check compares what can be seen without changing anything.
func (m *connectionModel) check(t *rapid.T) {
	newest := m.tokens[len(m.tokens)-1]
	if got := m.w.introspect(m.w.app, newest).Active; got != m.alive() {
		t.Fatalf("the newest refresh token is active: %v, want %v", got, m.alive())
	}
	want := m.alive() && m.w.clock.Now().Before(m.accessEnd.Truncate(time.Second))
	if got := m.w.introspect(m.w.app, m.access).Active; got != want {
		t.Fatalf("the newest access token is active: %v, want %v", got, want)
	}
}

// TestRefreshFollowsTheModel drives random interleavings of all that can happen to a connection.
func TestRefreshFollowsTheModel(t *testing.T) {
	w := onSQLite(t)
	m := &connectionModel{w: w, member: true}
	rapid.Check(t, func(t *rapid.T) {
		m.newConnection()
		t.Repeat(map[string]func(*rapid.T){
			"refresh": func(t *rapid.T) { m.refresh(t, len(m.tokens)-1) },
			"retry":   func(t *rapid.T) { m.refresh(t, max(0, len(m.tokens)-2)) },
			"replay":  func(t *rapid.T) { m.refresh(t, rapid.IntRange(0, len(m.tokens)-1).Draw(t, "generation")) },
			"another client refreshes": func(t *rapid.T) {
				_, err := w.refresh(w.public, m.tokens[len(m.tokens)-1])
				wantRefused(t, err)
			},
			"too wide": func(t *rapid.T) {
				_, err := w.refresh(w.app, m.tokens[len(m.tokens)-1], "scope", "session:write")
				if want := oauth.InvalidScope; m.alive() && !errors.Is(err, want) {
					t.Fatalf("error %v, want %s", err, want)
				} else if !m.alive() {
					wantRefused(t, err)
				}
			},
			"a moment passes": func(*rapid.T) { w.clock.Advance(4 * time.Second) },
			"time passes":     func(*rapid.T) { w.clock.Advance(11 * time.Second) },
			"a week passes":   func(*rapid.T) { w.clock.Advance(7*day + 1234*time.Millisecond) },
			"revoke": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "one in four") == 0 {
					w.ok(w.server.Revoke(w.ctx(), w.app.asks(m.tokens[rapid.IntRange(0, len(m.tokens)-1).Draw(t, "generation")])))
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
			"connect anew": func(*rapid.T) {
				if !m.alive() {
					m.newConnection()
				}
			},
			"": m.check,
		})
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
