package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// The rows of "Teams", in their order.

// TestTeamClientActsInItsTeamOnly, which the page states.
func TestTeamClientActsInItsTeamOnly(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		for _, change := range [][]string{nil, {"team", "atlas"}} {
			page := b.authorize(h.notes, append(change, "prompt", "consent")...).wantConsent().wantPage(http.StatusOK, "Atlas Research").
				wantNothingOf(`type="radio"`, "Borealis")
			// The form cannot change it.
			for _, chosen := range []team.ID{h.atlas.ID, h.borealis.ID, ""} {
				code := page.decide("authorize", chosen).wantCode(h.notes.redirectURI)
				if got := h.redeem(h.notes, code).wantTokens().Team; got != "atlas" {
					h.Errorf("chosen %q, the token is for %q, want atlas", chosen, got)
				}
			}
		}
		for _, slug := range []string{"borealis", "cobalt", "nowhere"} {
			b.authorize(h.notes, "team", slug).wantError(h.notes.redirectURI, "invalid_request")
		}
	})
}

// TestTeamOfTheRequestIsFixed for a global client: stated, and not for the form to change.
func TestTeamOfTheRequestIsFixed(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight, "team", "borealis").wantConsent().wantPage(http.StatusOK, "Borealis").
			wantNothingOf(`type="radio"`, "Atlas Research")
		code := page.decide("authorize", h.atlas.ID).wantCode(callback)
		if got := h.redeem(h.insight, code).wantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}
		if got := h.grants(); !slices.Equal(got, []string{"ana@example.org Insight borealis chatbot:read session:read"}) {
			h.Errorf("grants are %q", got)
		}
	})
}

// TestUnknownAndForeignTeamsLookAlike, whoever asks: no access under this account. Never silently another team.
func TestUnknownAndForeignTeamsLookAlike(t *testing.T) {
	onBoth(t, func(h *house) {
		for _, who := range []string{ana, cleo} {
			b := h.signedIn(who)
			var texts []string
			for _, slug := range []string{"cobalt", "nowher"} { // equally long
				a := b.authorize(h.insight, "team", slug).wantPage(http.StatusForbidden, "no access", who, slug, "Cancel", "another account").
					wantNothingOf("Cobalt Secret Project", "Atlas Research", `value="authorize"`)
				texts = append(texts, neutral(a, slug))
				a.decide("cancel", "").wantError(callback, "access_denied")
				for _, chosen := range []team.ID{h.cobalt.ID, h.atlas.ID} {
					a.decide("authorize", chosen).wantPage(http.StatusForbidden)
				}
				b.authorize(h.insight, "team", slug, "prompt", "none").wantError(callback, "access_denied")
			}
			if texts[0] != texts[1] {
				h.Errorf("the pages differ:\n%s\n---\n%s", texts[0], texts[1])
			}
		}
		// Signing in as another person is the way on.
		b := h.signedIn(ben)
		refused := b.authorize(h.insight, "team", "borealis").wantPage(http.StatusForbidden)
		b.signIn(ana, url.Values{"request": {refused.sealed()}}).follow().wantConsent().wantPage(http.StatusOK, "Borealis")
		if got := h.grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestOneOfSeveralTeamsIsChosen; a team whose admin blocks the application is shown with the reason and cannot be chosen.
func TestOneOfSeveralTeamsIsChosen(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		page := b.authorize(h.insight).wantConsent().wantPage(http.StatusOK, `type="radio"`, "Atlas Research", "Borealis").
			wantNothingOf("Cobalt Secret Project", " checked")
		page.decide("authorize", "").wantPage(http.StatusUnprocessableEntity, "Choose a team")
		page.decide("authorize", h.cobalt.ID).wantPage(http.StatusUnprocessableEntity, `type="radio"`)
		page.decide("authorize", "no such id").wantPage(http.StatusUnprocessableEntity, `type="radio"`)
		code := page.decide("authorize", h.borealis.ID).wantCode(callback)
		if got := h.redeem(h.insight, code).wantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}

		h.ok(h.govern.Block(h.Context(), team.CommandLine, h.atlas.ID, h.insight.ID, "Not reviewed yet"))
		blocked := b.authorize(h.insight).wantConsent().wantPage(http.StatusOK, "Atlas Research", "Not reviewed yet", " disabled")
		blocked.decide("authorize", h.atlas.ID).wantPage(http.StatusUnprocessableEntity, "does not allow")
		page.decide("authorize", h.atlas.ID).wantPage(http.StatusUnprocessableEntity, "does not allow") // from before the block
		if got := h.grants(); !slices.Equal(got, []string{"ana@example.org Insight borealis chatbot:read session:read"}) {
			h.Errorf("grants are %q", got)
		}
		b.authorize(h.insight, "team", "atlas").wantPage(http.StatusOK, "Not reviewed yet").wantNothingOf(`value="authorize"`).
			decide("cancel", "").wantError(callback, "access_denied")
	})
}

// TestTheOnlyTeamIsNamedAndNotAskedFor.
func TestTheOnlyTeamIsNamedAndNotAskedFor(t *testing.T) {
	onBoth(t, func(h *house) {
		page := h.signedIn(ben).authorize(h.insight).wantConsent().wantPage(http.StatusOK, "Atlas Research").wantNothingOf(`type="radio"`)
		// It is what the page stated that counts, also when another team has come since.
		_, err := h.directory.AddMember(h.Context(), team.CommandLine, "borealis", ben, team.Member)
		h.ok(err)
		code := page.decide("authorize", h.borealis.ID).wantCode(callback)
		if got := h.redeem(h.insight, code).wantTokens().Team; got != "atlas" {
			h.Errorf("the token is for %q, want atlas", got)
		}
	})
}

// TestNobodyWithoutATeamIsAsked: a page says so, with Cancel.
func TestNobodyWithoutATeamIsAsked(t *testing.T) {
	onBoth(t, func(h *house) {
		a := h.signedIn(cleo).authorize(h.insight).wantPage(http.StatusForbidden, "do not belong to a team", cleo).wantNothingOf(`value="authorize"`)
		a.decide("cancel", "").wantError(callback, "access_denied")
		a.decide("authorize", h.atlas.ID).wantPage(http.StatusForbidden)
		h.signedIn(cleo).authorize(h.insight, "prompt", "none").wantError(callback, "access_denied")
	})
}

// TestTeamClientDoesNotDiscloseItsTeamToStrangers.
func TestTeamClientDoesNotDiscloseItsTeamToStrangers(t *testing.T) {
	onBoth(t, func(h *house) {
		owned := h.register(client.Registration{Name: "Periodic", Team: h.cobalt, RedirectURIs: []string{"https://periodic.example/cb"}})
		for _, change := range [][]string{nil, {"team", "cobalt"}} {
			a := h.signedIn(ana).authorize(owned, change...).wantPage(http.StatusForbidden, "Periodic", ana).
				wantNothingOf("Cobalt Secret Project", "cobalt", `value="authorize"`)
			a.decide("authorize", h.cobalt.ID).wantPage(http.StatusForbidden)
			a.decide("cancel", "").wantError(owned.redirectURI, "access_denied")
		}
	})
}

// TestTwoTeamsAreTwoGrants; ending one leaves the other.
func TestTwoTeamsAreTwoGrants(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		inAtlas, inBorealis := b.connect(h.insight, h.atlas), b.connect(h.insight, h.borealis)
		details, err := h.db.Grants(h.Context(), authz.GrantFilter{Team: h.atlas.ID})
		h.ok(err)
		if len(details) != 1 {
			h.Fatalf("%d grants in atlas, want 1", len(details))
		}
		h.ok(h.db.RevokeGrant(h.Context(), details[0].ID))
		h.redeem(h.insight, inAtlas).wantJSON(http.StatusBadRequest, "invalid_grant")
		if got := h.redeem(h.insight, inBorealis).wantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}
		b.authorize(h.insight, "team", "atlas").wantConsent()
		b.authorize(h.insight, "team", "borealis").wantCode(callback)
	})
}

// TestGrantsEndWithWhatJustifiesThem: between the code and the token, something ends. The other team's grant, or the other person's, lives on.
func TestGrantsEndWithWhatJustifiesThem(t *testing.T) {
	for _, row := range []struct {
		name    string
		end     func(h *house) error
		revive  func(h *house) error // what ended stays ended
		others  bool                 // Ben's grant in the same team lives on
		another bool                 // Ana's grant in the other team lives on
	}{
		{
			"membership ends",
			func(h *house) error { return h.directory.RemoveMember(h.Context(), team.CommandLine, "atlas", ana) },
			func(h *house) error {
				_, err := h.directory.AddMember(h.Context(), team.CommandLine, "atlas", ana, team.Member)
				return err
			}, true, true,
		},
		{
			"team removed",
			func(h *house) error {
				_, err := h.directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
				return err
			},
			func(h *house) error { // a reused slug never revives anything
				if _, err := h.directory.AddTeam(h.Context(), team.CommandLine, "atlas", "Atlas Research"); err != nil {
					return err
				}
				_, err := h.directory.AddMember(h.Context(), team.CommandLine, "atlas", ana, team.Member)
				return err
			}, false, true,
		},
		{
			"person disabled",
			func(h *house) error {
				_, err := h.directory.DisableUser(h.Context(), team.CommandLine, ana)
				return err
			},
			func(h *house) error { _, err := h.directory.EnableUser(h.Context(), team.CommandLine, ana); return err }, true, false,
		},
		{
			"client disabled",
			func(h *house) error { return h.db.DisableClient(h.Context(), h.insight.ID, h.clock.now()) },
			func(h *house) error { return h.db.EnableClient(h.Context(), h.insight.ID) }, false, false,
		},
		{
			"client blocked by the team",
			func(h *house) error {
				return h.govern.Block(h.Context(), team.CommandLine, h.atlas.ID, h.insight.ID, "No")
			},
			func(h *house) error { return h.db.Unblock(h.Context(), h.atlas.ID, h.insight.ID) }, false, true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			onBoth(t, func(h *house) {
				b := h.signedIn(ana)
				inAtlas, again, inBorealis := b.connect(h.insight, h.atlas), b.connect(h.insight, h.atlas), b.connect(h.insight, h.borealis)
				bens := h.signedIn(ben).connect(h.insight, h.atlas)
				h.ok(row.end(h))
				if a := h.redeem(h.insight, inAtlas); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
					h.Errorf("status %d, want a refusal", a.status)
				}
				h.ok(row.revive(h))
				h.redeem(h.insight, again).wantJSON(http.StatusBadRequest, "invalid_grant")
				if a := h.redeem(h.insight, inBorealis); (a.status == http.StatusOK) != row.another {
					h.Errorf("Ana's code for the other team: status %d, want it to live: %v", a.status, row.another)
				}
				if a := h.redeem(h.insight, bens); (a.status == http.StatusOK) != row.others {
					h.Errorf("Ben's code for the team: status %d, want it to live: %v", a.status, row.others)
				}
				h.signedIn(ana).authorize(h.insight, "team", "atlas").wantConsent() // nothing is remembered
			})
		})
	}
}

// TestRemovedClientIsUnknown at both endpoints.
func TestRemovedClientIsUnknown(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		h.ok(h.db.RemoveClient(h.Context(), h.insight.ID))
		h.redeem(h.insight, code).wantJSON(http.StatusUnauthorized, "invalid_client")
		b.authorize(h.insight).wantPage(http.StatusBadRequest, "registered")
		if got := h.grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestRenamedTeamKeepsItsGrants: team_id is stable, and the token names the new slug.
func TestRenamedTeamKeepsItsGrants(t *testing.T) {
	onBoth(t, func(h *house) {
		b := h.signedIn(ana)
		code := b.connect(h.insight, h.atlas)
		_, err := h.directory.RenameTeam(h.Context(), team.CommandLine, "atlas", "atlas-two", "")
		h.ok(err)
		h.clock.advance(time.Second)
		got := h.redeem(h.insight, code).wantTokens()
		if claims := h.claims(got.AccessToken); got.Team != "atlas-two" || claims["team"] != "atlas-two" || claims["team_id"] != string(h.atlas.ID) {
			h.Errorf("the token is for %q with %v", got.Team, claims)
		}
		b.authorize(h.insight, "team", "atlas-two").wantCode(callback)
		b.authorize(h.insight, "team", "atlas").wantPage(http.StatusForbidden)
		_, err = h.directory.AddTeam(h.Context(), team.CommandLine, "atlas", "Another Atlas")
		h.ok(err)
		b.authorize(h.insight, "team", "atlas").wantPage(http.StatusForbidden)
	})
}
