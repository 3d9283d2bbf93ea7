package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestMessagesStayOnTheirPage: what was done in one team is said to the admin who did it, on that team's page, and nowhere else. The
// address of a page can be sent to anybody, and a message that anyone could bring along would be a way to deceive.
func TestMessagesStayOnTheirPage(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora, other := h.Admin("atlas"), h.Admin("borealis")
		for slug, email := range map[string]string{"borealis": dora.Email, "atlas": other.Email} {
			_, err := h.Directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Admin)
			h.OK(err)
		}
		h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		done := dora.Govern("atlas", "decision", "end", "grant", string(h.GrantOf(webtest.Ben, h.Insight, h.Atlas))).WantStatus(http.StatusSeeOther)
		path, message, _ := strings.Cut(done.Location(), "?")
		const said = "has stopped working"
		dora.Get(path+"?"+message).WantPage(http.StatusOK, said)
		for _, page := range []string{"/teams/borealis/applications/", "/account/", "/account/applications/"} {
			dora.Get(page + "?" + message).WantPage(http.StatusOK).WantNothingOf(said)
		}
		other.Get(path + "?" + message).WantPage(http.StatusOK).WantNothingOf(said)

		// And the other way round: a message of the account is none of a team.
		dora.Connection(h.Insight, h.Atlas)
		own := dora.EndOwn(h.GrantOf(dora.Email, h.Insight, h.Atlas)).WantStatus(http.StatusSeeOther)
		_, message, _ = strings.Cut(own.Location(), "?")
		dora.Get(own.Location()).WantPage(http.StatusOK, said)
		dora.Get("/teams/atlas/applications/?" + message).WantPage(http.StatusOK).WantNothingOf(said)

		h.Clock.Advance(5*time.Minute - time.Millisecond)
		dora.Get(own.Location()).WantPage(http.StatusOK, said)
		h.Clock.Advance(time.Millisecond)
		dora.Get(own.Location()).WantPage(http.StatusOK).WantNothingOf(said)
	})
}
