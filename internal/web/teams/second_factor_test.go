package teams_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestAdminRequiresASecondFactor: the page counts the members without one, wants a fresh sign-in, and says what is so now.
func TestAdminRequiresASecondFactor(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		admin := h.Admin("atlas")
		h.SignedIn(webtest.Ben).AddApp()
		const path = "/teams/atlas/settings/second-factor/"
		required := func() team.SecondFactor {
			now, err := h.Directory.SecondFactor(h.Context(), team.CommandLine, "atlas")
			h.OK(err)
			return now
		}
		admin.Get("/teams/atlas/settings/").WantPage(http.StatusOK, "with a password alone", "Require a second factor")
		admin.Get(path).WantPage(http.StatusOK, "Require a second factor in", "2 of 3 members have no second factor yet", "Connections that exist go on")
		admin.Post(path, webtest.Pairs("required", "maybe")).WantStatus(http.StatusBadRequest)
		if now := required(); now.Required || now.Without != 2 || now.Members != 3 {
			h.Errorf("before: %+v", now)
		}
		admin.Post(path, webtest.Pairs("required", "on")).Follow().WantPage(http.StatusOK, "Members need a second factor now", "Stop requiring a second factor")
		if now := required(); !now.Required {
			h.Errorf("after: %+v", now)
		}
		if got := h.Happened(audit.TeamFactor); got != 1 {
			h.Errorf("%d events, want 1", got)
		}
		admin.Get(path).WantPage(http.StatusOK, "Stop requiring a second factor in")
		h.Clock.Advance(11 * time.Minute)
		admin.Get(path).WantStatus(http.StatusSeeOther)
		admin.Post(path, webtest.Pairs("required", "off")).WantStatus(http.StatusSeeOther)
		if now := required(); !now.Required {
			h.Error("an old sign-in has taken it back")
		}
		admin.SignIn(admin.Email, nil).WantStatus(http.StatusSeeOther)
		admin.Post(path, webtest.Pairs("required", "off")).Follow().WantPage(http.StatusOK, "Members need no second factor any more")
		if now := required(); now.Required {
			h.Errorf("in the end: %+v", now)
		}
	})
}
