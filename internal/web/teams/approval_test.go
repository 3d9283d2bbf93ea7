package teams_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

const takeBackPath = "/teams/atlas/applications/take-back/"

// An admin sees what is approved, and takes an approval back after a page that says how many connections end.
func TestAdminTakesBackAnApproval(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		dora := h.Admin("atlas")
		tokens := h.SignedIn(webtest.Ben).Connection(h.Insight, h.Atlas)
		h.SetPolicy(govern.ApproveFirst)
		path := takeBackPath + "?client=" + string(h.Insight.ID)
		dora.Get("/teams/atlas/applications/").WantPage(http.StatusOK, path).
			InOrder("Insight", "Approved because it was in use", "See the team's chatbots · Read the team's conversations", "To be looked at again on 31 March 2026", "Take back the approval", "Ben Bakker")
		dora.Get(path).WantPage(http.StatusOK, "Take back the approval of", "1 connection ends at once")
		if !h.Live(h.Insight, tokens.AccessToken) {
			h.Fatal("asking has ended it")
		}
		for _, id := range []string{"nothing", string(h.Pocket.ID), ""} {
			dora.Get(takeBackPath + "?client=" + id).WantPage(http.StatusNotFound)
			dora.Post(takeBackPath+"?client="+id, nil).WantPage(http.StatusNotFound)
		}
		h.Clock.Advance(11 * time.Minute)
		dora.Post(path, nil).WantStatus(http.StatusSeeOther) // to sign in again
		if rowOf(h, h.Insight).State != govern.Approved {
			h.Fatal("an old sign-in has taken it back")
		}
		dora.SignIn(dora.Email, nil).WantStatus(http.StatusSeeOther)
		dora.Post(path, nil).Follow().WantPage(http.StatusOK).InOrder("Insight is no longer approved in Atlas Research.").WantNothingOf("Ben Bakker")
		if h.Live(h.Insight, tokens.AccessToken) || rowOf(h, h.Insight).State != "" {
			h.Errorf("the token lives: %t, the row is %+v", h.Live(h.Insight, tokens.AccessToken), rowOf(h, h.Insight))
		}
		dora.Post(path, nil).WantPage(http.StatusNotFound)
		h.SignedIn(webtest.Ben).Authorize(h.Insight).WantPage(http.StatusOK, `value="ask"`)
	})
}
