package account_test

import (
	"database/sql"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// kept says of each table which members of the download have what it keeps about a person. Those that are in none have a reason in notInDownload.
var kept = map[string][]string{
	"gh_users":                {"account", "sign_in"},
	"gh_profiles":             {"profile"},
	"gh_pictures":             {"profile"},
	"gh_memberships":          {"teams"},
	"gh_grants":               {"connections"},
	"gh_sessions":             {"sessions"},
	"gh_apps":                 {"sign_in"},
	"gh_passkeys":             {"sign_in"},
	"gh_recovery_codes":       {"sign_in"},
	"gh_identities":           {"sign_in"},
	"gh_invitations":          {"invitations_received", "invitations_sent"},
	"gh_links":                {"links"},
	"gh_application_requests": {"application_requests"},
	"gh_notices":              {"messages_waiting"},
	"gh_audit":                {"events"},
}

// notInDownload says why a table is not in the download.
var notInDownload = map[string]string{
	"gh_families":          "the credentials of a connection; that it exists, and its last use, are with the connection",
	"gh_sign_ups":          "who asks to sign up has no account; it goes with the link, after 24 hours",
	"gh_throttle":          "the names of counters are MACs: nobody can say whose they are",
	"gh_endings":           "ids of what has ended, until its tokens have expired; no person",
	"gh_used_requests":     "ids of requests, for minutes; no person",
	"gh_pushed_requests":   "requests of applications, for 90 seconds; no person is known yet",
	"gh_assertions":        "of applications",
	"gh_request_failures":  "of applications",
	"gh_clients":           "of applications",
	"gh_client_secrets":    "of applications",
	"gh_team_applications": "of teams; it has the id of who decided, and the event is with the team's",
	"gh_teams":             "of teams; those of the person are with their memberships",
	"gh_former_slugs":      "of teams",
	"gh_keyring":           "of the server",
	"gh_revisions":         "of the server",
	"gh_schema_version":    "of the server",
}

// TestDownloadKnowsEveryTable: a new table is in the download, or has a reason why it is not.
func TestDownloadKnowsEveryTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "g.db")
	db, err := store.Open(t.Context(), "sqlite:"+file, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	rows, err := raw.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	there := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		there[name] = true
		if in, reason := len(kept[name]) > 0, notInDownload[name] != ""; in == reason {
			t.Errorf("%s: in the download %t, a reason why not %t", name, in, reason)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(kept)), slices.Collect(maps.Keys(notInDownload))) {
		if !there[name] {
			t.Errorf("there is no table %s", name)
		}
	}
}

// TestDownloadHasAllThatIsKept of each table, nothing of other people, and no secret.
func TestDownloadHasAllThatIsKept(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		b := h.SignedIn(webtest.Ana)
		h.Directory.TeamCreation = team.CreationAnyone
		b.Connection(h.Insight, h.Atlas)
		h.SignedIn(webtest.Ben).Connection(h.Pocket, h.Atlas)
		ana, err := h.DB.UserByEmail(h.Context(), webtest.Ana)
		h.OK(err)
		_, err = h.Directory.SetRole(h.Context(), team.CommandLine, "atlas", webtest.Ana, team.Admin)
		h.OK(err)
		b.Post("/teams/atlas/invitations/", webtest.Pairs("decision", "invite", "email", "guest@example.org", "role", "member")).WantStatus(http.StatusSeeOther)
		h.OK(h.DB.UpdateProfile(h.Context(), ana.ID, func(name string, _ team.Profile) (string, team.Profile) {
			return name, team.Profile{Language: "en", Zone: "Europe/Vienna"}
		}))
		picture := team.Picture{Name: "PICTURENAME"}
		picture.Type, picture.Content = "image/png", []byte("pixels")
		h.OK(h.DB.SavePicture(h.Context(), ana.ID, picture))
		app := b.AddApp()
		b.Post("/account/email/", webtest.Pairs("decision", "change", "new", "other@example.org")).WantStatus(http.StatusSeeOther)
		_, err = h.Directory.Invite(h.Context(), team.CommandLine, "cobalt", webtest.Ana, team.Member)
		h.OK(err)
		actor, _, err := h.Directory.Acting(h.Context(), ana)
		h.OK(err)
		h.OK(h.Govern.AskFor(h.Context(), actor, h.Atlas.ID, h.Pocket.ID, nil, "for the reports"))
		h.Clock.Advance(time.Minute)

		b.Get("/account/data/").WantPage(http.StatusOK, "Download")
		a := b.Post("/account/data/", url.Values{}).WantStatus(http.StatusOK)
		for name, want := range map[string]string{
			"Content-Type": "application/json", "Content-Disposition": `attachment; filename="account.json"`, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		} {
			if got := a.Header.Get(name); got != want {
				h.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		var members map[string]json.RawMessage
		h.OK(json.Unmarshal([]byte(a.Body), &members))
		for table, names := range kept {
			for _, name := range names {
				if text := string(members[name]); text == "" || text == "[]" || text == "null" {
					h.Errorf("%s: %s is %q", table, name, text)
				}
			}
		}
		for _, says := range []string{
			webtest.Ana, string(ana.ID), `"email_verified"`, "Europe/Vienna", "cGl4ZWxz", "Atlas Research", "Borealis", `"role": "admin"`, "Insight", "chatbot:read", "guest@example.org", "Cobalt", "for the reports",
			"other@example.org", `"kind": "sign_in.succeeded"`, `"kind": "authenticator_app.added"`, "127.0.0.1", "127.0.0.0/24", `"authenticator_app": {`, `"left": 10`, `"password_set_at": "2026-`,
		} {
			if !strings.Contains(a.Body, says) {
				h.Errorf("the download does not say %s:\n%s", says, a.Body)
			}
		}
		hash := func() string { _, hash, err := h.DB.Password(h.Context(), webtest.Ana); h.OK(err); return hash }()
		a.WantNothingOf(hash, "argon2", webtest.Ben, "Ben", "Pocket", b.SessionOf(), app.Secret, "gh_", "depends")

		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			b.Post("/account/data/", url.Values{}, headers...).WantStatus(http.StatusForbidden)
		}
		ben := h.SignedIn(webtest.Ben).Post("/account/data/", url.Values{}).WantStatus(http.StatusOK)
		ben.WantNothingOf(webtest.Ana, "Cobalt", "guest@example.org", "cGl4ZWxz")
		var sent struct{ Events []struct{ Kind string } }
		h.OK(json.Unmarshal([]byte(ben.Body), &sent))
		if !slices.ContainsFunc(sent.Events, func(e struct{ Kind string }) bool { return e.Kind == "consent.given" }) {
			h.Errorf("Ben's events: %+v", sent.Events)
		}
	})
}
