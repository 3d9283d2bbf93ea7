package flow_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestAttackWithCachedUser: a server that has just answered from its cache answers no more once anything has ended that justified it, and that has been
// answered by another process: the other one has a database handle of its own.
func TestAttackWithCachedUser(t *testing.T) {
	refused := func(code string) func(*webtest.Answer) {
		return func(a *webtest.Answer) { a.WantError(webtest.Callback, code) }
	}
	for name, row := range map[string]struct {
		end  func(h *webtest.House, other *store.DB, b *webtest.Browser) error
		want func(*webtest.Answer)
	}{
		"the session ends": {func(h *webtest.House, other *store.DB, b *webtest.Browser) error {
			return other.EndSession(h.Context(), authn.SessionID(b.SessionOf()))
		}, refused("login_required")},
		"the session is replaced": {func(h *webtest.House, other *store.DB, b *webtest.Browser) error {
			old, err := other.Session(h.Context(), authn.SessionID(b.SessionOf()), h.Clock.Now())
			h.OK(err)
			replaced := old.ID
			old.ID = "another"
			return other.StartSession(h.Context(), old, replaced)
		}, refused("login_required")},
		"the password changes": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			u, err := other.UserByEmail(h.Context(), webtest.Ben)
			h.OK(err)
			return other.SetPassword(h.Context(), u.ID, "hash", h.Clock.Now())
		}, refused("login_required")},
		"the person is disabled": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			u, err := other.UserByEmail(h.Context(), webtest.Ben)
			h.OK(err)
			return other.DisableUser(h.Context(), u.ID, h.Clock.Now())
		}, refused("login_required")},
		"the membership ends": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			return (&team.Service{People: other, Teams: other, Now: h.Clock.Now}).RemoveMember(h.Context(), team.CommandLine, "atlas", webtest.Ben)
		}, refused("access_denied")},
		"a second team": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			_, err := (&team.Service{People: other, Teams: other, Now: h.Clock.Now}).AddMember(h.Context(), team.CommandLine, "borealis", webtest.Ben, team.Member)
			h.OK(err)
			return other.RevokeGrant(h.Context(), h.GrantOf(webtest.Ben, h.Insight, h.Atlas))
		}, refused("interaction_required")},
		"the team is removed": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			return other.RemoveTeam(h.Context(), h.Atlas.ID, "", nil)
		}, refused("access_denied")},
		"the team blocks the application": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			_, err := other.Decide(h.Context(), h.Atlas.ID, h.Insight.ID, "", func(team.Role, govern.Row) (govern.Row, error) { return govern.Row{State: govern.Blocked}, nil })
			return err
		}, refused("access_denied")},
		"the team's policy suspends it": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			_, err := other.SetPolicy(h.Context(), h.Atlas.ID, "", func(govern.Standing) (govern.Change, error) {
				return govern.Change{Policy: govern.Policy{Rule: govern.Nobody}}, nil
			})
			return err
		}, refused("access_denied")},
		"the grant is revoked": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			return other.RevokeGrant(h.Context(), h.GrantOf(webtest.Ben, h.Insight, h.Atlas))
		}, refused("consent_required")},
		"the application gets another name": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			_, err := other.UpdateClient(h.Context(), h.Insight.ID, func(c client.Client) (client.Client, error) {
				c.Name = "Insights"
				return c, nil
			})
			return err
		}, refused("consent_required")},
		"the application is disabled and enabled": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			h.OK(other.DisableClient(h.Context(), h.Insight.ID, h.Clock.Now()))
			return other.EnableClient(h.Context(), h.Insight.ID)
		}, refused("consent_required")},
		"the application is disabled": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			return other.DisableClient(h.Context(), h.Insight.ID, h.Clock.Now())
		}, func(a *webtest.Answer) { a.WantPage(http.StatusBadRequest) }},
		"the application is removed": {func(h *webtest.House, other *store.DB, _ *webtest.Browser) error {
			return other.RemoveClient(h.Context(), h.Insight.ID)
		}, func(a *webtest.Answer) { a.WantPage(http.StatusBadRequest) }},
		"nothing ends": {func(*webtest.House, *store.DB, *webtest.Browser) error { return nil }, func(a *webtest.Answer) { a.WantCode(webtest.Callback) }},
	} {
		t.Run(name, func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				other := h.Open()
				b := h.SignedIn(webtest.Ben)
				b.Connect(h.Insight, h.Atlas)
				b.Cached(h.Insight, "prompt", "none")
				h.OK(row.end(h, other, b))
				row.want(b.Authorize(h.Insight, "prompt", "none"))
			})
		})
	}
}

// TestCachedTeamIsNotFoundByItsOldName: a slug in a request is compared with the teams as they are named now.
func TestCachedTeamIsNotFoundByItsOldName(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		other := h.Open()
		b := h.SignedIn(webtest.Ana)
		b.Connect(h.Insight, h.Atlas)
		b.Cached(h.Insight, "team", "atlas", "prompt", "none")
		h.OK(rename(h.Context(), other, h.Atlas.ID, "atlas-two", "Atlas"))
		h.OK(rename(h.Context(), h.LongAfter(), h.Borealis.ID, "atlas", "Borealis"))
		b.Authorize(h.Insight, "team", "atlas", "prompt", "none").WantError(webtest.Callback, "consent_required")
	})
}

// TestConsentIsSeenAtOnce: what was remembered before somebody agreed, or agreed to more, does not make them agree again.
func TestConsentIsSeenAtOnce(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		other := h.Open()
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas, "scope", "chatbot:read")
		b.Cached(h.Insight, "prompt", "none", "scope", "chatbot:read")
		u, err := other.UserByEmail(h.Context(), webtest.Ben)
		h.OK(err)
		_, err = other.SaveGrant(h.Context(), authz.Grant{
			ID: "unused", User: u.ID, Client: h.Insight.ID, Team: h.Atlas.ID, Scope: []string{"session:read"}, CreatedAt: h.Clock.Now(), UpdatedAt: h.Clock.Now(),
			Seen: authz.Seen{Name: h.Insight.Name, Owner: h.Insight.Owner},
		}, false)
		h.OK(err)
		b.Authorize(h.Insight, "prompt", "none", "scope", "chatbot:read session:read").WantCode(webtest.Callback)
	})
}

// TestCachedSessionExpires by the server's clock.
func TestCachedSessionExpires(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ben)
		b.Connect(h.Insight, h.Atlas)
		b.Cached(h.Insight, "prompt", "none")
		session, err := h.DB.Session(h.Context(), authn.SessionID(b.SessionOf()), h.Clock.Now())
		h.OK(err)
		h.Clock.Advance(session.ExpiresAt.Sub(h.Clock.Now()) + time.Millisecond)
		b.Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "login_required")
	})
}

func rename(ctx context.Context, db *store.DB, id team.ID, slug, name string) error {
	_, err := db.UpdateTeam(ctx, id, "", func(t team.Team, _ team.Role) (team.Team, error) {
		t.Slug, t.Name = slug, name
		return t, nil
	})
	return err
}
