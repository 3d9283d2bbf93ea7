package app

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// BCP 195 (RFC 9325 §3.1.1): "Implementations MUST NOT negotiate TLS version 1.0 [...] 1.1".
func TestOldTLSIsRefused(t *testing.T) {
	cfg := tlsConfig(t)
	writeCertificate(t, cfg, 1)
	r := start(t, open(t, cfg, Deps{}))
	for version, accepted := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		conn, err := tls.Dial("tcp", r.public, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != accepted {
			t.Errorf("%s: got %v, want acceptance: %v", tls.VersionName(version), err, accepted)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// A person who connected one application in two teams is told of each team by its name.
func TestMailIsAboutItsTeam(t *testing.T) {
	clock, box := testkit.NewClock(noon), &mailbox{}
	a := open(t, testConfig(t), Deps{Now: clock.Now, Mail: box.send})
	c := connect(t, a, client.Registration{})
	other := team.Team{ID: "t-zenith", Slug: "zenith", Name: "Zenith", CreatedAt: clock.Now()}
	clock.Advance(time.Minute)
	for _, err := range []error{
		a.Store.AddTeam(t.Context(), other),
		a.Store.AddMember(t.Context(), team.Membership{User: c.user.ID, Team: other, Role: team.Member, CreatedAt: clock.Now()}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Store.SaveGrant(t.Context(), authz.Grant{
		ID: authz.GrantID(token.NewID()), User: c.user.ID, Client: c.client.ID, Team: other.ID, Scope: oauth.Scope{"chatbot:read"}, CreatedAt: clock.Now(), UpdatedAt: clock.Now(),
	}, false); err != nil {
		t.Fatal(err)
	}
	a.deliver(t.Context())
	var subjects []string
	for _, m := range box.mails {
		subjects = append(subjects, m.Subject)
		if strings.Contains(m.Subject, "Zenith") == strings.Contains(m.Text, "Acme") {
			t.Errorf("the mail %q names the other team:\n%s", m.Subject, m.Text)
		}
	}
	slices.Sort(subjects) // mails are sent side by side
	if got := strings.Join(subjects, "; "); got != "Weather Bot was connected to Acme; Weather Bot was connected to Zenith" {
		t.Errorf("got the mails %s", got)
	}
}
