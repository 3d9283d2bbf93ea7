package authn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Device is what a person is shown of the browser of a session. Browser and System are words of ours, because what a browser sends about
// itself is chosen by its sender.
type Device struct {
	Browser string    // "firefox"; "" when it is not known
	System  string    // "linux"; "" when it is not known
	Network string    // of the address, see NetworkOf; "" once it is NetworkRetention old
	SeenAt  time.Time // when the session was last used, to about five minutes; zero when that is not known
}

// NetworkRetention is how long the network of a session is kept after it was seen.
const NetworkRetention = 90 * 24 * time.Hour

// NetworkOf is the network of an address: the first 24 bits of IPv4 and 48 of IPv6. That tells an office from a café and not a person from their
// neighbours.
func NetworkOf(address netip.Addr) string {
	bits := 48
	if address.Is4() {
		bits = 24
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// Sighting is that a session was used.
type Sighting struct {
	Session string // its ID
	Network string
	At      time.Time
}

// SightingInterval is the least time between two writes of a session's last use.
const SightingInterval = 5 * time.Minute

// maxSightings bounds the sessions that are remembered. Beyond it, the use of further ones is not noted until the next time.
const maxSightings = 100_000

// sightings gathers the use of sessions in memory. What is lost when the process ends is lost.
type sightings struct {
	mu    sync.Mutex
	known map[string]time.Time // when the session was last noted
	new   []Sighting
}

// Seen notes that a session is used, at most once in SightingInterval. It writes nothing: SaveSightings does, later.
func (a *Authenticator) Seen(session string, address netip.Addr) {
	now := a.now()
	a.seen.mu.Lock()
	defer a.seen.mu.Unlock()
	if last, known := a.seen.known[session]; known && now.Sub(last) < SightingInterval || !known && len(a.seen.known) >= maxSightings {
		return
	}
	if a.seen.known == nil {
		a.seen.known = map[string]time.Time{}
	}
	a.seen.known[session] = now
	a.seen.new = append(a.seen.new, Sighting{session, NetworkOf(address), now})
}

// take is what was gathered since the last time. It forgets sessions that may be noted again.
func (s *sightings) take(now time.Time) []Sighting {
	s.mu.Lock()
	defer s.mu.Unlock()
	for session, last := range s.known {
		if now.Sub(last) >= SightingInterval {
			delete(s.known, session)
		}
	}
	taken := s.new
	s.new = nil
	return taken
}

// SaveSightings writes what was gathered. On a failure it is lost.
func (a *Authenticator) SaveSightings(ctx context.Context) error {
	gathered := a.seen.take(a.now())
	if len(gathered) == 0 {
		return nil
	}
	if err := a.store.SaveSightings(ctx, gathered); err != nil {
		return fmt.Errorf("save when sessions were seen: %w", err)
	}
	return nil
}

// Sessions are a person's living sessions with their devices, the one that was used last first. team.ErrForbidden.
func (a *Authenticator) Sessions(ctx context.Context, actor team.Actor, user team.UserID) ([]Session, error) {
	if err := team.May(actor, team.ManageSessions, team.On{User: user}); err != nil {
		return nil, err
	}
	sessions, err := a.store.Sessions(ctx, user, a.now())
	if err != nil {
		return nil, fmt.Errorf("list the sessions of %s: %w", user, err)
	}
	slices.SortStableFunc(sessions, func(x, y Session) int { return y.lastUse().Compare(x.lastUse()) })
	return sessions, nil
}

func (s Session) lastUse() time.Time {
	if s.Device.SeenAt.After(s.AuthTime) {
		return s.Device.SeenAt
	}
	return s.AuthTime
}

// EndSession ends a session of a person by its SID, as signing out there does. ErrNoSession when the person has no such session.
func (a *Authenticator) EndSession(ctx context.Context, actor team.Actor, user team.UserID, sid string) error {
	sessions, err := a.Sessions(ctx, actor, user)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sessions, func(s Session) bool { return s.SID() == sid })
	if i < 0 {
		return ErrNoSession
	}
	return a.end(ctx, sessions[i])
}

// EndOtherSessions ends all sessions of a person except one, and returns how many there were.
func (a *Authenticator) EndOtherSessions(ctx context.Context, actor team.Actor, user team.UserID, keep Session) (int, error) {
	sessions, err := a.Sessions(ctx, actor, user)
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, s := range sessions {
		if s.ID == keep.ID {
			continue
		}
		if err := a.end(ctx, s); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

func (a *Authenticator) end(ctx context.Context, s Session) error {
	if err := a.store.EndSession(ctx, s.ID); err != nil {
		return fmt.Errorf("end a session of %s: %w", s.User.ID, err)
	}
	return nil
}
