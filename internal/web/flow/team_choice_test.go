package flow_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// The rows of "Teams", in their order.

// TestTeamClientActsInItsTeamOnly, which the page states.
func TestTeamClientActsInItsTeamOnly(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		for _, change := range [][]string{nil, {"team", "atlas"}} {
			page := b.Authorize(h.Notes, append(change, "prompt", "consent")...).WantConsent().WantPage(http.StatusOK, "Atlas Research").
				WantNothingOf(`type="radio"`, "Borealis")
			// The form cannot change it.
			for _, chosen := range []team.ID{h.Atlas.ID, h.Borealis.ID, ""} {
				code := page.Decide("authorize", chosen).WantCode(h.Notes.RedirectURI)
				if got := h.Redeem(h.Notes, code).WantTokens().Team; got != "atlas" {
					h.Errorf("chosen %q, the token is for %q, want atlas", chosen, got)
				}
			}
		}
		for _, slug := range []string{"borealis", "cobalt", "nowhere"} {
			b.Authorize(h.Notes, "team", slug).WantError(h.Notes.RedirectURI, "invalid_request")
		}
	})
}

// TestTeamOfTheRequestIsFixed for a global client: stated, and not for the form to change.
func TestTeamOfTheRequestIsFixed(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight, "team", "borealis").WantConsent().WantPage(http.StatusOK, "Borealis").
			WantNothingOf(`type="radio"`, "Atlas Research")
		code := page.Decide("authorize", h.Atlas.ID).WantCode(webtest.Callback)
		if got := h.Redeem(h.Insight, code).WantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}
		if got := h.Grants(); !slices.Equal(got, []string{"ana@example.org Insight borealis chatbot:read session:read"}) {
			h.Errorf("grants are %q", got)
		}
	})
}

// TestUnknownAndForeignTeamsLookAlike, for everybody who asks: no access under this account. Never silently another team.
func TestUnknownAndForeignTeamsLookAlike(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for _, who := range []string{webtest.Ana, webtest.Cleo} {
			b := h.SignedIn(who)
			var texts []string
			for _, slug := range []string{"cobalt", "nowher"} { // equally long
				a := b.Authorize(h.Insight, "team", slug).WantPage(http.StatusForbidden, "no access", who, slug, "Cancel", "another account").
					WantNothingOf("Cobalt Secret Project", "Atlas Research", `value="authorize"`)
				texts = append(texts, webtest.Neutral(a, slug))
				a.Decide("cancel", "").WantError(webtest.Callback, "access_denied")
				for _, chosen := range []team.ID{h.Cobalt.ID, h.Atlas.ID} {
					a.Decide("authorize", chosen).WantPage(http.StatusForbidden)
				}
				b.Authorize(h.Insight, "team", slug, "prompt", "none").WantError(webtest.Callback, "access_denied")
			}
			if texts[0] != texts[1] {
				h.Errorf("the pages differ:\n%s\n---\n%s", texts[0], texts[1])
			}
		}
		// Signing in as another person is the way on.
		b := h.SignedIn(webtest.Ben)
		refused := b.Authorize(h.Insight, "team", "borealis").WantPage(http.StatusForbidden)
		b.SignIn(webtest.Ana, url.Values{"request": {refused.Sealed()}}).Follow().WantConsent().WantPage(http.StatusOK, "Borealis")
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestOneOfSeveralTeamsIsChosen; a team whose admin blocks the application is shown with the reason and cannot be chosen.
func TestOneOfSeveralTeamsIsChosen(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		page := b.Authorize(h.Insight).WantConsent().WantPage(http.StatusOK, `type="radio"`, "Atlas Research", "Borealis").
			WantNothingOf("Cobalt Secret Project", " checked")
		page.Decide("authorize", "").WantPage(http.StatusUnprocessableEntity, "Choose a team")
		page.Decide("authorize", h.Cobalt.ID).WantPage(http.StatusUnprocessableEntity, `type="radio"`)
		page.Decide("authorize", "no such id").WantPage(http.StatusUnprocessableEntity, `type="radio"`)
		code := page.Decide("authorize", h.Borealis.ID).WantCode(webtest.Callback)
		if got := h.Redeem(h.Insight, code).WantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}

		h.Block("Not reviewed yet")
		blocked := b.Authorize(h.Insight).WantConsent().WantPage(http.StatusOK, "Atlas Research", "Not reviewed yet", " disabled")
		blocked.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "does not allow")
		page.Decide("authorize", h.Atlas.ID).WantPage(http.StatusUnprocessableEntity, "does not allow") // from before the block
		if got := h.Grants(); !slices.Equal(got, []string{"ana@example.org Insight borealis chatbot:read session:read"}) {
			h.Errorf("grants are %q", got)
		}
		b.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusOK, "Not reviewed yet").WantNothingOf(`value="authorize"`).
			Decide("cancel", "").WantError(webtest.Callback, "access_denied")
	})
}

// TestTheOnlyTeamIsNamedAndNotAskedFor.
func TestTheOnlyTeamIsNamedAndNotAskedFor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		page := h.SignedIn(webtest.Ben).Authorize(h.Insight).WantConsent().WantPage(http.StatusOK, "Atlas Research").WantNothingOf(`type="radio"`)
		// It is what the page stated that counts, also when another team has come since.
		_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "borealis", webtest.Ben, team.Member)
		h.OK(err)
		code := page.Decide("authorize", h.Borealis.ID).WantCode(webtest.Callback)
		if got := h.Redeem(h.Insight, code).WantTokens().Team; got != "atlas" {
			h.Errorf("the token is for %q, want atlas", got)
		}
	})
}

// TestNobodyWithoutATeamIsAsked: a page says so, with Cancel.
func TestNobodyWithoutATeamIsAsked(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		a := h.SignedIn(webtest.Cleo).Authorize(h.Insight).WantPage(http.StatusForbidden, "do not belong to a team", webtest.Cleo).WantNothingOf(`value="authorize"`)
		a.Decide("cancel", "").WantError(webtest.Callback, "access_denied")
		a.Decide("authorize", h.Atlas.ID).WantPage(http.StatusForbidden)
		h.SignedIn(webtest.Cleo).Authorize(h.Insight, "prompt", "none").WantError(webtest.Callback, "access_denied")
	})
}

// TestTeamClientDoesNotDiscloseItsTeamToStrangers.
func TestTeamClientDoesNotDiscloseItsTeamToStrangers(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		owned := h.Register(client.Registration{Name: "Periodic", Team: h.Cobalt, RedirectURIs: []string{"https://periodic.example/cb"}})
		for _, change := range [][]string{nil, {"team", "cobalt"}} {
			a := h.SignedIn(webtest.Ana).Authorize(owned, change...).WantPage(http.StatusForbidden, "Periodic", webtest.Ana).
				WantNothingOf("Cobalt Secret Project", "cobalt", `value="authorize"`)
			a.Decide("authorize", h.Cobalt.ID).WantPage(http.StatusForbidden)
			a.Decide("cancel", "").WantError(owned.RedirectURI, "access_denied")
		}
	})
}

// TestTwoTeamsAreTwoGrants; ending one leaves the other.
func TestTwoTeamsAreTwoGrants(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		inAtlas, inBorealis := b.Connect(h.Insight, h.Atlas), b.Connect(h.Insight, h.Borealis)
		details, err := h.DB.Grants(h.Context(), authz.GrantFilter{Team: h.Atlas.ID})
		h.OK(err)
		if len(details) != 1 {
			h.Fatalf("%d grants in atlas, want 1", len(details))
		}
		h.OK(h.DB.RevokeGrant(h.Context(), details[0].ID))
		h.Redeem(h.Insight, inAtlas).WantJSON(http.StatusBadRequest, "invalid_grant")
		if got := h.Redeem(h.Insight, inBorealis).WantTokens().Team; got != "borealis" {
			h.Errorf("the token is for %q, want borealis", got)
		}
		b.Authorize(h.Insight, "team", "atlas").WantConsent()
		b.Authorize(h.Insight, "team", "borealis").WantCode(webtest.Callback)
	})
}

// TestGrantsEndWithWhatJustifiesThem: between the code and the token, something ends. The other team's grant, or the other person's, lives on.
func TestGrantsEndWithWhatJustifiesThem(t *testing.T) {
	for _, row := range []struct {
		name    string
		end     func(h *webtest.House) error
		revive  func(h *webtest.House) error // what ended stays ended
		others  bool                         // Ben's grant in the same team lives on
		another bool                         // Ana's grant in the other team lives on
	}{
		{
			"membership ends",
			func(h *webtest.House) error {
				return h.Directory.RemoveMember(h.Context(), team.CommandLine, "atlas", webtest.Ana)
			},
			func(h *webtest.House) error {
				_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Member)
				return err
			}, true, true,
		},
		{
			"team removed",
			func(h *webtest.House) error {
				_, err := h.Directory.RemoveTeam(h.Context(), team.CommandLine, "atlas")
				return err
			},
			func(h *webtest.House) error { // a reused slug never revives anything
				h.Clock.Advance(team.SlugRest)
				if _, err := h.Directory.AddTeam(h.Context(), team.CommandLine, "atlas", "Atlas Research"); err != nil {
					return err
				}
				_, err := h.Directory.AddMember(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Member)
				return err
			}, false, false, // the other code is too old by then
		},
		{
			"person disabled",
			func(h *webtest.House) error {
				_, err := h.Directory.DisableUser(h.Context(), team.CommandLine, webtest.Ana)
				return err
			},
			func(h *webtest.House) error {
				_, err := h.Directory.EnableUser(h.Context(), team.CommandLine, webtest.Ana)
				return err
			}, true, false,
		},
		{
			"client disabled",
			func(h *webtest.House) error { return h.DB.DisableClient(h.Context(), h.Insight.ID, h.Clock.Now()) },
			func(h *webtest.House) error { return h.DB.EnableClient(h.Context(), h.Insight.ID) }, false, false,
		},
		{
			"client blocked by the team",
			func(h *webtest.House) error {
				h.Block("No")
				return nil
			},
			func(h *webtest.House) error {
				return h.Govern.Unblock(h.Context(), team.CommandLine, h.Atlas.ID, h.Insight.ID)
			}, false, true,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) {
				b := h.SignedIn(webtest.Ana)
				inAtlas, again, inBorealis := b.Connect(h.Insight, h.Atlas), b.Connect(h.Insight, h.Atlas), b.Connect(h.Insight, h.Borealis)
				bens := h.SignedIn(webtest.Ben).Connect(h.Insight, h.Atlas)
				h.OK(row.end(h))
				if a := h.Redeem(h.Insight, inAtlas); a.Status != http.StatusBadRequest && a.Status != http.StatusUnauthorized {
					h.Errorf("status %d, want a refusal", a.Status)
				}
				h.OK(row.revive(h))
				h.Redeem(h.Insight, again).WantJSON(http.StatusBadRequest, "invalid_grant")
				if a := h.Redeem(h.Insight, inBorealis); (a.Status == http.StatusOK) != row.another {
					h.Errorf("Ana's code for the other team: status %d, want it to live: %v", a.Status, row.another)
				}
				if a := h.Redeem(h.Insight, bens); (a.Status == http.StatusOK) != row.others {
					h.Errorf("Ben's code for the team: status %d, want it to live: %v", a.Status, row.others)
				}
				h.SignedIn(webtest.Ana).Authorize(h.Insight, "team", "atlas").WantConsent() // nothing is remembered
			})
		})
	}
}

// TestRemovedClientIsUnknown at both endpoints.
func TestRemovedClientIsUnknown(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		h.OK(h.DB.RemoveClient(h.Context(), h.Insight.ID))
		h.Redeem(h.Insight, code).WantJSON(http.StatusUnauthorized, "invalid_client")
		b.Authorize(h.Insight).WantPage(http.StatusBadRequest, "registered")
		if got := h.Grants(); len(got) != 0 {
			h.Errorf("grants are %q, want none", got)
		}
	})
}

// TestRenamedTeamKeepsItsGrants: team_id is stable, and the token names the new slug.
func TestRenamedTeamKeepsItsGrants(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		code := b.Connect(h.Insight, h.Atlas)
		_, err := h.Directory.RenameTeam(h.Context(), team.CommandLine, "atlas", "atlas-two", "")
		h.OK(err)
		h.Clock.Advance(time.Second)
		got := h.Redeem(h.Insight, code).WantTokens()
		if claims := h.Claims(got.AccessToken); got.Team != "atlas-two" || claims["team"] != "atlas-two" || claims["team_id"] != string(h.Atlas.ID) {
			h.Errorf("the token is for %q with %v", got.Team, claims)
		}
		b.Authorize(h.Insight, "team", "atlas-two").WantCode(webtest.Callback)
		b.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusForbidden)
		h.Reuse("atlas", "Another Atlas")
		b.Authorize(h.Insight, "team", "atlas").WantPage(http.StatusForbidden)
	})
}
