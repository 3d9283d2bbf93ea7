package account_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestHomeWithFortyTeams: those that were used last come first, and the others are found by name.
func TestHomeWithFortyTeams(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		for i := range 38 {
			h.Clock.Advance(time.Minute)
			slug := fmt.Sprintf("team-%02d", i)
			h.AddTeam(slug, fmt.Sprintf("Team %02d", i))
			_, err := h.Directory.AddMember(h.Context(), team.CommandLine, slug, webtest.Ana, team.Member)
			h.OK(err)
		}
		b := h.SignedIn(webtest.Ana)
		h.Clock.Advance(time.Minute)
		b.Connect(h.Insight, h.Borealis)
		page := b.Get("/").WantPage(http.StatusOK).InOrder("Find a team", "Borealis", "Team 37", "Team 36", "Team 35", "Team 34", "All 40 teams", "one connection").
			WantNothingOf("Team 33", "Atlas")
		if n := strings.Count(page.Body, "/members/"); n != 5 {
			h.Errorf("%d teams are shown, want 5", n)
		}
		b.Get("/?team=+ATLAS").WantPage(http.StatusOK, "Atlas Research", `value=" ATLAS"`, "All 40 teams").WantNothingOf("Borealis")
		b.Get("/?team=team-0").WantPage(http.StatusOK, "Team 00", "Team 09").WantNothingOf("Team 10")
		b.Get("/?team=cobalt").WantPage(http.StatusOK, "no team of this name").WantNothingOf("Cobalt Secret")
		b.Get("/?team=a&team=b").WantStatus(http.StatusBadRequest)
		b.Get("/account/").WantPage(http.StatusOK).InOrder("Borealis", "Team 37", "All 40 teams").WantNothingOf("Find a team")
		h.SignedIn(webtest.Ben).Get("/?team=x").WantPage(http.StatusOK, "Atlas Research").WantNothingOf("Find a team", "All ")
		h.SignedIn(webtest.Cleo).Get("/").WantPage(http.StatusOK, "do not belong to a team").WantNothingOf("Find a team")
	})
}
