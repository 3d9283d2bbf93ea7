package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// TestMessagesStayOnTheirPage: what was done in one team is said to the admin who did it, on that team's page, and nowhere else. The
// address of a page can be sent to anybody, and a message that anyone could bring along would be a way to deceive.
func TestMessagesStayOnTheirPage(t *testing.T) {
	onBoth(t, func(h *house) {
		dora, other := h.admin("atlas"), h.admin("borealis")
		for slug, email := range map[string]string{"borealis": dora.email, "atlas": other.email} {
			_, err := h.directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Admin)
			h.ok(err)
		}
		h.signedIn(ben).connection(h.insight, h.atlas)
		done := dora.govern("atlas", "decision", "end", "grant", string(h.grantOf(ben, h.insight, h.atlas))).wantStatus(http.StatusSeeOther)
		path, message, _ := strings.Cut(done.location(), "?")
		const said = "has stopped working"
		dora.get(path+"?"+message).wantPage(http.StatusOK, said)
		for _, page := range []string{"/teams/borealis/applications/", "/account/", "/account/applications/"} {
			dora.get(page + "?" + message).wantPage(http.StatusOK).wantNothingOf(said)
		}
		other.get(path + "?" + message).wantPage(http.StatusOK).wantNothingOf(said)

		// And the other way round: a message of the account is none of a team.
		dora.connection(h.insight, h.atlas)
		own := dora.endOwn(h.grantOf(dora.email, h.insight, h.atlas)).wantStatus(http.StatusSeeOther)
		_, message, _ = strings.Cut(own.location(), "?")
		dora.get(own.location()).wantPage(http.StatusOK, said)
		dora.get("/teams/atlas/applications/?" + message).wantPage(http.StatusOK).wantNothingOf(said)

		h.clock.advance(5*time.Minute - time.Millisecond)
		dora.get(own.location()).wantPage(http.StatusOK, said)
		h.clock.advance(time.Millisecond)
		dora.get(own.location()).wantPage(http.StatusOK).wantNothingOf(said)
	})
}
