package authz_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

const elsewhere = "https://elsewhere.example/callback"

// change changes the registration of a client.
func (w *world) change(c app, change client.Change) {
	w.Helper()
	_, err := w.registry.UpdateClient(w.ctx(), team.CommandLine, c.ID, change)
	w.ok(err)
}

// differs is what the consent page of a request says that is new of the client.
func (w *world) differs(changes ...string) (authz.Next, []authz.Difference) {
	w.Helper()
	n := w.page(params(w.app, append(changes, "team", "blue")...), w.session(w.ada))
	if len(n.Teams) != 1 {
		w.Fatalf("teams %+v, want blue alone", n.Teams)
	}
	return n, n.Teams[0].Differs
}

// TestClientThatLooksDifferentIsAskedFor: a remembered consent is to what the person saw. It answers again once they have seen what is new.
func TestClientThatLooksDifferentIsAskedFor(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		session := w.session(w.ada)
		answers := func(what string, changes ...string) {
			t.Helper()
			if n := w.next(w.begin(params(w.app, append(changes, "team", "blue")...)), session); n.Step != authz.Answer {
				t.Fatalf("%s: next is %v, want Answer", what, n.Step)
			}
		}
		agree := func(n authz.Next) {
			t.Helper()
			if n := w.approve(n.Sealed, session, w.blue.ID); n.Step != authz.Answer {
				t.Fatalf("approval leads to %v, want Answer", n.Step)
			}
		}
		w.connect(w.app, w.blue)
		answers("at first")
		answers("another page of the same site", "redirect_uri", "https://app.example/other")

		name := "Another app"
		w.change(w.app, client.Change{Name: &name, RedirectURIs: []string{callback, elsewhere}})
		n, got := w.differs()
		if diff := cmp.Diff([]authz.Difference{{What: authz.NameDiffers, Before: "App"}}, got); diff != "" {
			t.Errorf("after another name (-want +got):\n%s", diff)
		}
		if _, err := w.server.Begin(w.ctx(), params(w.app, "team", "blue", "prompt", "none"), w.browser(session)); !errors.Is(err, oauth.ConsentRequired) {
			t.Errorf("prompt=none: %v, want consent_required", err)
		}
		agree(n)
		answers("the new name was seen")

		n, got = w.differs("redirect_uri", elsewhere)
		if diff := cmp.Diff([]authz.Difference{{What: authz.PlaceDiffers, Before: "https://app.example"}}, got); diff != "" {
			t.Errorf("at another host (-want +got):\n%s", diff)
		}
		answers("at the first host meanwhile")
		agree(n)
		answers("at the new host", "redirect_uri", elsewhere)
		answers("at the first host")
	})
}

// TestClientThatChangesWhileItsConsentPageIsOpen: nobody agrees to a name that they have not seen.
func TestClientThatChangesWhileItsConsentPageIsOpen(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	page := w.page(params(w.app, "team", "blue"), session)
	name := "Another app"
	w.change(w.app, client.Change{Name: &name})
	again := w.approve(page.Sealed, session, w.blue.ID)
	if again.Step != authz.Consent || again.Client.Name != name {
		t.Fatalf("approval leads to %v of %s, want Consent of %s", again.Step, again.Client.Name, name)
	}
	if n := w.count(`SELECT COUNT(*) FROM gh_grants`); n != 0 {
		t.Errorf("there are %d grants", n)
	}
	if n := w.approve(again.Sealed, session, w.blue.ID); n.Step != authz.Answer {
		t.Errorf("the second approval leads to %v, want Answer", n.Step)
	}
}

// TestPortsOfADeviceAreOnePlace: a native application takes whatever port is free (RFC 8252 §7.3).
func TestPortsOfADeviceAreOnePlace(t *testing.T) {
	w := onSQLite(t)
	session := w.session(w.ada)
	at := func(uri string) authz.Step {
		return w.next(w.begin(params(w.public, "team", "blue", "redirect_uri", uri)), session).Step
	}
	w.connect(w.public, w.blue, "redirect_uri", "http://127.0.0.1:50001/cb")
	if got := at("http://127.0.0.1:50002/cb"); got != authz.Answer {
		t.Errorf("another port: %v, want Answer", got)
	}
	if got := at(callback); got != authz.Consent {
		t.Errorf("a web site: %v, want Consent", got)
	}
	if n := w.count(`SELECT COUNT(*) FROM gh_grants WHERE seen_redirect_uris = '["http://127.0.0.1:50001/cb"]'`); n != 1 {
		t.Error("the grant does not have the place where the person went")
	}
}
