package webapp

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"
)

// This example keeps sessions in memory, within these limits. A real application would use its database.
const (
	cookieName     = "webclient_session" // over https it has the prefix __Host-, so that other hosts of the domain cannot set it and make a person connect a team for them
	maxSessions    = 1000
	maxPending     = 5 // pending requests in one browser, e.g. in several tabs
	maxConnections = 10
	patience       = time.Hour // how long a person may spend at the authorization server
)

// sessions holds the sessions of all browsers, by cookie value.
type sessions struct {
	now    func() time.Time
	secure bool // cookies over https only

	mu   sync.Mutex
	byID map[string]*session
	ids  []string // oldest first
}

func newSessions(now func() time.Time, secure bool) *sessions {
	return &sessions{now: now, secure: secure, byID: map[string]*session{}}
}

func (s *sessions) cookieName() string {
	if s.secure {
		return "__Host-" + cookieName
	}
	return cookieName
}

// of returns the session of a request, or an empty session.
func (s *sessions) of(r *http.Request) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cookie, err := r.Cookie(s.cookieName()); err == nil && s.byID[cookie.Value] != nil {
		return s.byID[cookie.Value]
	}
	return &session{}
}

// start returns the session of a request, or a new one. The cookie is Lax and not Strict, because the browser must send it
// when the authorization server redirects back.
func (s *sessions) start(w http.ResponseWriter, r *http.Request) *session {
	if session := s.of(r); session.pending != nil {
		return session
	}
	id, fresh := rand.Text(), &session{pending: map[string]pending{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ids) == maxSessions {
		delete(s.byID, s.ids[0])
		s.ids = slices.Delete(s.ids, 0, 1)
	}
	s.byID[id], s.ids = fresh, append(s.ids, id)
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(), Value: id, Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode})
	return fresh
}

// session holds one browser's pending requests and connections.
type session struct {
	mu          sync.Mutex
	pending     map[string]pending // by state
	connections []*connection      // oldest first
}

// pending is an authorization request without a response so far.
type pending struct {
	verifier  string
	began     time.Time
	authorize string // the URL, to show it
}

func (s *session) expect(state string, p pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == maxPending {
		var oldest string
		for state, p := range s.pending {
			if oldest == "" || p.began.Before(s.pending[oldest].began) {
				oldest = state
			}
		}
		delete(s.pending, oldest)
	}
	s.pending[state] = p
}

// take returns the request with a state, and removes it.
func (s *session) take(state string, now time.Time) (pending, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.pending[state]
	delete(s.pending, state)
	return p, ok && now.Sub(p.began) < patience
}

// add stores a connection. It replaces an earlier one to the same team, and returns the connections that it removed.
func (s *session) add(c *connection) (replaced []*connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := []*connection{}
	for i, old := range s.connections {
		if old.Team == c.Team || i < len(s.connections)-maxConnections+1 {
			replaced = append(replaced, old)
			continue
		}
		kept = append(kept, old)
	}
	s.connections = append(kept, c)
	return replaced
}

func (s *session) remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections = slices.DeleteFunc(s.connections, func(c *connection) bool { return c.ID == id })
}

func (s *session) all() []*connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.connections)
}

// connection returns the connection with an id, or nil.
func (s *session) connection(id string) *connection {
	for _, c := range s.all() {
		if c.ID == id {
			return c
		}
	}
	return nil
}
