package webapp

import (
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"
)

// An example keeps its sessions in memory, so their number is bounded; a product would use its database.
const (
	cookieName     = "webclient_session" // over https with the prefix __Host-: no other host of the domain can set it, and so have a person connect teams for it
	maxSessions    = 1000
	maxPending     = 5 // requests under way in one browser, e.g. in several tabs
	maxConnections = 10
	patience       = time.Hour // how long a person may take at the authorization server
)

// sessions are those of all browsers, by their cookie.
type sessions struct {
	now    func() time.Time
	secure bool // cookies over https only

	mu   sync.Mutex
	byID map[string]*session
	ids  []string // the oldest first
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

// of is the session of a request; one that knows nothing when the browser has none.
func (s *sessions) of(r *http.Request) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cookie, err := r.Cookie(s.cookieName()); err == nil && s.byID[cookie.Value] != nil {
		return s.byID[cookie.Value]
	}
	return &session{}
}

// start is the session of a request, a new one when the browser has none. The cookie is Lax, not Strict: it has to come along
// when the authorization server sends the browser back.
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

// session is one browser's requests under way and its connections.
type session struct {
	mu          sync.Mutex
	pending     map[string]pending // by state
	connections []*connection      // the oldest first
}

// pending is an authorization request that was not answered yet.
type pending struct {
	verifier  string
	began     time.Time
	authorize string // the URL, for showing
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

// take is the request with a state, once.
func (s *session) take(state string, now time.Time) (pending, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.pending[state]
	delete(s.pending, state)
	return p, ok && now.Sub(p.began) < patience
}

// add keeps a connection, in place of an earlier one with the same team, and returns those that it did not keep.
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

// connection is the one with an id; nil when this browser has none such.
func (s *session) connection(id string) *connection {
	for _, c := range s.all() {
		if c.ID == id {
			return c
		}
	}
	return nil
}
