package web_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// remembered makes the server know who is at a browser, where they stand and that they agreed, without asking the database.
func (b *browser) remembered(client app, changes ...string) {
	b.Helper()
	for range 100 {
		b.authorize(client, changes...).wantCode(client.redirectURI)
		if _, known := b.db.RememberedVisitor(authn.SessionID(b.sessionOf()), client.ID, b.clock.now()); known {
			return
		}
	}
	b.Fatal("whoever comes again and again is never remembered")
}

// TestAttackWithWhatIsRemembered: a server that has just answered from what it remembers answers no more once anything has ended that justified it, and that has been
// answered by another process: the other one has a database handle of its own.
func TestAttackWithWhatIsRemembered(t *testing.T) {
	refused := func(code string) func(*answer) { return func(a *answer) { a.wantError(callback, code) } }
	for name, row := range map[string]struct {
		end  func(h *house, other *store.DB, b *browser) error
		want func(*answer)
	}{
		"the session ends": {func(h *house, other *store.DB, b *browser) error {
			return other.EndSession(h.Context(), authn.SessionID(b.sessionOf()))
		}, refused("login_required")},
		"the session is replaced": {func(h *house, other *store.DB, b *browser) error {
			old, err := other.Session(h.Context(), authn.SessionID(b.sessionOf()), h.clock.now())
			h.ok(err)
			replaced := old.ID
			old.ID = "another"
			return other.StartSession(h.Context(), old, replaced)
		}, refused("login_required")},
		"the password changes": {func(h *house, other *store.DB, _ *browser) error {
			u, err := other.UserByEmail(h.Context(), ben)
			h.ok(err)
			return other.SetPassword(h.Context(), u.ID, "hash", h.clock.now())
		}, refused("login_required")},
		"the person is disabled": {func(h *house, other *store.DB, _ *browser) error {
			u, err := other.UserByEmail(h.Context(), ben)
			h.ok(err)
			return other.DisableUser(h.Context(), u.ID, h.clock.now())
		}, refused("login_required")},
		"the membership ends": {func(h *house, other *store.DB, _ *browser) error {
			return (&team.Service{People: other, Teams: other, Now: h.clock.now}).RemoveMember(h.Context(), team.CommandLine, "atlas", ben)
		}, refused("access_denied")},
		"a second team": {func(h *house, other *store.DB, _ *browser) error {
			_, err := (&team.Service{People: other, Teams: other, Now: h.clock.now}).AddMember(h.Context(), team.CommandLine, "borealis", ben, team.Member)
			return err
		}, refused("consent_required")},
		"the team is removed": {func(h *house, other *store.DB, _ *browser) error {
			return other.RemoveTeam(h.Context(), h.atlas.ID)
		}, refused("access_denied")},
		"the team blocks the application": {func(h *house, other *store.DB, _ *browser) error {
			return other.Block(h.Context(), govern.Block{Team: h.atlas.ID, Client: h.insight.ID, CreatedAt: h.clock.now()})
		}, refused("consent_required")},
		"the grant is revoked": {func(h *house, other *store.DB, _ *browser) error {
			return other.RevokeGrant(h.Context(), h.grantOf(ben, h.insight, h.atlas))
		}, refused("consent_required")},
		"the application is disabled and enabled": {func(h *house, other *store.DB, _ *browser) error {
			h.ok(other.DisableClient(h.Context(), h.insight.ID, h.clock.now()))
			return other.EnableClient(h.Context(), h.insight.ID)
		}, refused("consent_required")},
		"the application is disabled": {func(h *house, other *store.DB, _ *browser) error {
			return other.DisableClient(h.Context(), h.insight.ID, h.clock.now())
		}, func(a *answer) { a.wantPage(http.StatusBadRequest) }},
		"the application is removed": {func(h *house, other *store.DB, _ *browser) error {
			return other.RemoveClient(h.Context(), h.insight.ID)
		}, func(a *answer) { a.wantPage(http.StatusBadRequest) }},
		"nothing ends": {func(*house, *store.DB, *browser) error { return nil }, func(a *answer) { a.wantCode(callback) }},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(h *house) {
				other := h.open()
				b := h.signedIn(ben)
				b.connect(h.insight, h.atlas)
				b.remembered(h.insight, "prompt", "none")
				h.ok(row.end(h, other, b))
				row.want(b.authorize(h.insight, "prompt", "none"))
			})
		})
	}
}

// TestATeamIsNotRememberedByAnotherName: what a slug meant a moment ago is not who it is asked for now.
func TestATeamIsNotRememberedByAnotherName(t *testing.T) {
	onBoth(t, func(h *house) {
		other := h.open()
		b := h.signedIn(ana)
		b.connect(h.insight, h.atlas)
		b.remembered(h.insight, "team", "atlas", "prompt", "none")
		h.ok(rename(h.Context(), other, h.atlas.ID, "atlas-two", "Atlas"))
		h.ok(rename(h.Context(), other, h.borealis.ID, "atlas", "Borealis"))
		b.authorize(h.insight, "team", "atlas", "prompt", "none").wantError(callback, "consent_required")
	})
}

// TestConsentIsSeenAtOnce: what was remembered before somebody agreed, or agreed to more, does not make them agree again.
func TestConsentIsSeenAtOnce(t *testing.T) {
	onBoth(t, func(h *house) {
		other := h.open()
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas, "scope", "chatbot:read")
		b.remembered(h.insight, "prompt", "none", "scope", "chatbot:read")
		u, err := other.UserByEmail(h.Context(), ben)
		h.ok(err)
		_, err = other.SaveGrant(h.Context(), authz.Grant{
			ID: "unused", User: u.ID, Client: h.insight.ID, Team: h.atlas.ID, Scope: []string{"session:read"}, CreatedAt: h.clock.now(), UpdatedAt: h.clock.now(),
		})
		h.ok(err)
		b.authorize(h.insight, "prompt", "none", "scope", "chatbot:read session:read").wantCode(callback)
	})
}

// TestARememberedSessionExpires by the server's clock.
func TestARememberedSessionExpires(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ben)
		b.connect(h.insight, h.atlas)
		b.remembered(h.insight, "prompt", "none")
		session, err := h.db.Session(h.Context(), authn.SessionID(b.sessionOf()), h.clock.now())
		h.ok(err)
		h.clock.advance(session.ExpiresAt.Sub(h.clock.now()) + time.Millisecond)
		b.authorize(h.insight, "prompt", "none").wantError(callback, "login_required")
	})
}

func rename(ctx context.Context, db *store.DB, id team.ID, slug, name string) error {
	_, err := db.UpdateTeam(ctx, id, func(t team.Team) (team.Team, error) {
		t.Slug, t.Name = slug, name
		return t, nil
	})
	return err
}
