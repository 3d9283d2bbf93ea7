package authz

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/google/go-cmp/cmp"
)

// TestNext is the table of what happens next: sign-in, account, team, consent, and what prompt=none gets instead of each page.
func TestNext(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ago := func(id string, d time.Duration) *authn.Session {
		return &authn.Session{ID: id, User: team.User{ID: "ada"}, AuthTime: now.Add(-d)}
	}
	// since was started on the sign-in page of the request, elsewhere was not.
	earlier, since, elsewhere := ago("earlier", 11*time.Minute), ago("fresh", 30*time.Second), ago("elsewhere", time.Second)

	const callback = "https://app.example/cb"
	seen := Seen{Name: "App", Owner: "Makers", RedirectURIs: []string{callback}}
	grant := &Grant{Scope: oauth.Scope{"read", "write"}, Seen: seen}
	red := TeamStatus{Team: team.Team{ID: "1", Slug: "red"}}
	blue := TeamStatus{Team: team.Team{ID: "2", Slug: "blue"}}
	granted := func(s TeamStatus) TeamStatus { s.Grant = grant; return s }
	blocked := func(s TeamStatus) TeamStatus { s.Row = govern.Row{State: govern.Blocked}; return s }
	under := func(rule govern.Rule, s TeamStatus) TeamStatus { s.Policy.Rule = rule; return s }
	approveFirst := func(s TeamStatus) TeamStatus { return under(govern.ApproveFirst, s) }
	as := func(role team.Role, s TeamStatus) TeamStatus { s.Role = role; return s }
	approved := func(s TeamStatus, scope ...string) TeamStatus {
		s.Row = govern.Row{State: govern.Approved, Scope: scope}
		return approveFirst(s)
	}
	declined := func(s TeamStatus) TeamStatus {
		s.Row = govern.Row{State: govern.Declined, Scope: grant.Scope, At: now}
		return approveFirst(s)
	}
	suspended := func(s TeamStatus) TeamStatus {
		s.Grant = &Grant{Scope: grant.Scope, Seen: seen, SuspendedAt: now}
		return s
	}
	narrow := red
	narrow.Grant = &Grant{Scope: oauth.Scope{"read"}, Seen: seen}
	sawOther := func(change func(*Seen)) TeamStatus {
		s, other := red, *grant
		change(&other.Seen)
		s.Grant = &other
		return s
	}
	sawName := sawOther(func(s *Seen) { s.Name = "Old app" })

	strict := func(s TeamStatus) TeamStatus { s.NeedsFactor = true; return s }
	by := func(methods ...string) *authn.Session { s := *earlier; s.Methods = methods; return &s }
	sso := func(s TeamStatus) TeamStatus { s.Provider = "acme"; return s }
	at := func(id string) *authn.Session {
		s := *earlier
		s.Methods, s.Provider = []string{authn.MethodFederated}, id
		return &s
	}
	strong := by(authn.MethodPassword, authn.MethodCode, authn.MethodMFA)
	weak, byPasskey := by(authn.MethodPassword), by(authn.MethodSoftware, authn.MethodPresence, authn.MethodMFA)
	const aal1, aal2, phr = "urn:gatehouse:aal1", "urn:gatehouse:aal2", "urn:gatehouse:phr"

	ofRed := client.Client{Team: red.Team}
	withoutWrite := client.Client{OptionalScope: oauth.Scope{"write"}}
	none, login := oauth.Prompt{None: true}, oauth.Prompt{Login: true}
	consent, selectAccount := oauth.Prompt{Consent: true}, oauth.Prompt{SelectAccount: true}
	age := func(d time.Duration) *time.Duration { return &d }

	tests := []struct {
		name     string
		client   client.Client
		session  *authn.Session
		teams    []TeamStatus
		prompt   oauth.Prompt
		maxAge   *time.Duration
		team     string
		selected team.UserID
		asked    team.ID
		acr      string
		reach    authn.Level
		required bool
		want     Step
		wantErr  error
		open     []team.ID
	}{
		{name: "not signed in", want: SignIn},
		{name: "not signed in, prompt=none", prompt: none, wantErr: oauth.LoginRequired},
		{name: "signed in, one team, nothing granted", session: earlier, teams: []TeamStatus{red}, want: Consent, open: []team.ID{"1"}},
		{name: "… covered", session: earlier, teams: []TeamStatus{granted(red)}, want: Answer, open: []team.ID{"1"}},
		{name: "… covered, prompt=none", session: earlier, teams: []TeamStatus{granted(red)}, prompt: none, want: Answer, open: []team.ID{"1"}},
		{name: "… covered in part", session: earlier, teams: []TeamStatus{narrow}, want: Consent, open: []team.ID{"1"}},
		{name: "… covered in part, prompt=none", session: earlier, teams: []TeamStatus{narrow}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "… covered, and it has another name now", session: earlier, teams: []TeamStatus{sawName}, want: Consent, open: []team.ID{"1"}},
		{name: "… covered, and it has another name now, prompt=none", session: earlier, teams: []TeamStatus{sawName}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "… covered, and it has another owner now", session: earlier, teams: []TeamStatus{sawOther(func(s *Seen) { s.Owner = "" })}, want: Consent, open: []team.ID{"1"}},
		{name: "… covered, and it sends people elsewhere now", session: earlier, teams: []TeamStatus{sawOther(func(s *Seen) { s.RedirectURIs = []string{"https://old.example/cb"} })}, want: Consent, open: []team.ID{"1"}},
		{name: "… covered, and it sends people to another page of its site", session: earlier, teams: []TeamStatus{sawOther(func(s *Seen) { s.RedirectURIs = []string{"https://app.example/old"} })}, want: Answer, open: []team.ID{"1"}},
		{name: "… covered, for one of several places", session: earlier, teams: []TeamStatus{sawOther(func(s *Seen) { s.RedirectURIs = []string{callback, "https://old.example/cb"} })}, want: Answer, open: []team.ID{"1"}},
		{name: "… blocked", session: earlier, teams: []TeamStatus{blocked(red)}, want: Consent, open: []team.ID{"1"}},
		{name: "… blocked though granted", session: earlier, teams: []TeamStatus{blocked(granted(red))}, want: Consent, open: []team.ID{"1"}},

		{name: "prompt=login, signed in earlier", session: earlier, teams: []TeamStatus{granted(red)}, prompt: login, want: SignIn},
		{name: "prompt=login, signed in for something else since", session: elsewhere, teams: []TeamStatus{granted(red)}, prompt: login, want: SignIn},
		{name: "prompt=login, signed in at a server whose clock is ahead", session: ago("fresh", -15*time.Second), teams: []TeamStatus{granted(red)}, prompt: login, want: Answer, open: []team.ID{"1"}},
		{name: "prompt=login, signed in at a server whose clock is behind", session: ago("fresh", 15*time.Second), teams: []TeamStatus{granted(red)}, prompt: login, want: Answer, open: []team.ID{"1"}},
		{name: "prompt=login, signed in since", session: since, teams: []TeamStatus{granted(red)}, prompt: login, want: Answer, open: []team.ID{"1"}},
		{name: "max_age kept", session: earlier, teams: []TeamStatus{granted(red)}, maxAge: age(11 * time.Minute), want: Answer, open: []team.ID{"1"}},
		{name: "max_age exceeded", session: earlier, teams: []TeamStatus{granted(red)}, maxAge: age(11*time.Minute - time.Second), want: SignIn},
		{name: "max_age exceeded, prompt=none", session: earlier, teams: []TeamStatus{granted(red)}, prompt: none, maxAge: age(time.Minute), wantErr: oauth.LoginRequired},
		{name: "max_age, signed in by a clock that is a little ahead", session: ago("earlier", -time.Minute), teams: []TeamStatus{granted(red)}, maxAge: age(time.Minute), want: Answer, open: []team.ID{"1"}},
		{name: "max_age, signed in by a clock that is far ahead", session: ago("earlier", -time.Minute-time.Second), teams: []TeamStatus{granted(red)}, maxAge: age(time.Minute), want: SignIn},
		{name: "max_age, signed in since by a clock that is far ahead", session: ago("fresh", -time.Minute-time.Second), teams: []TeamStatus{granted(red)}, maxAge: age(time.Minute), want: SignIn},
		{name: "no max_age, signed in by a clock that is far ahead", session: ago("earlier", -time.Hour), teams: []TeamStatus{granted(red)}, want: Answer, open: []team.ID{"1"}},
		{name: "max_age=0", session: elsewhere, teams: []TeamStatus{granted(red)}, maxAge: age(0), want: SignIn},
		{name: "max_age=0, signed in since", session: since, teams: []TeamStatus{granted(red)}, maxAge: age(0), want: Answer, open: []team.ID{"1"}},
		{name: "max_age=1, signed in since", session: since, teams: []TeamStatus{granted(red)}, maxAge: age(time.Second), want: Answer, open: []team.ID{"1"}},
		{name: "max_age=1, signed in since, and read for long", session: ago("fresh", 5*time.Minute+time.Second), teams: []TeamStatus{granted(red)}, maxAge: age(time.Second), want: SignIn},
		{name: "max_age=1, signed in for something else in that second", session: elsewhere, teams: []TeamStatus{granted(red)}, maxAge: age(time.Second), want: Answer, open: []team.ID{"1"}},
		{name: "max_age of ten minutes, signed in since, and read for longer", session: ago("fresh", 11*time.Minute), teams: []TeamStatus{granted(red)}, maxAge: age(10 * time.Minute), want: SignIn},

		{name: "select_account", session: earlier, teams: []TeamStatus{granted(red)}, prompt: selectAccount, want: SelectAccount},
		{name: "select_account, chosen", session: earlier, teams: []TeamStatus{granted(red)}, prompt: selectAccount, selected: "ada", want: Answer, open: []team.ID{"1"}},
		{name: "select_account, another chosen", session: earlier, teams: []TeamStatus{granted(red)}, prompt: selectAccount, selected: "eve", want: SelectAccount},
		{name: "select_account, signed in since", session: since, teams: []TeamStatus{granted(red)}, prompt: selectAccount, want: Answer, open: []team.ID{"1"}},
		{
			name: "login and select_account, chosen but not signed in since", session: earlier, teams: []TeamStatus{granted(red)},
			prompt: oauth.Prompt{Login: true, SelectAccount: true}, selected: "ada", want: SignIn,
		},
		{name: "prompt=consent asks although covered", session: earlier, teams: []TeamStatus{granted(red)}, prompt: consent, want: Consent, open: []team.ID{"1"}},

		{name: "several teams", session: earlier, teams: []TeamStatus{red, blue}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "several teams, one covered: never silently", session: earlier, teams: []TeamStatus{red, granted(blue)}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "several teams, the first covered: never silently", session: earlier, teams: []TeamStatus{granted(red), blue}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "several teams, all covered: never silently", session: earlier, teams: []TeamStatus{granted(red), granted(blue)}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "several teams, one covered, prompt=none", session: earlier, teams: []TeamStatus{red, granted(blue)}, prompt: none, want: Answer, open: []team.ID{"2"}},
		{name: "several teams, two covered, prompt=none", session: earlier, teams: []TeamStatus{granted(red), granted(blue)}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "several teams, none covered, prompt=none", session: earlier, teams: []TeamStatus{red, blue}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "several teams, one covered in part, prompt=none", session: earlier, teams: []TeamStatus{narrow, blue}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "several teams, the others blocked", session: earlier, teams: []TeamStatus{blocked(red), granted(blue)}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "several teams, team= covered", session: earlier, teams: []TeamStatus{red, granted(blue)}, team: "blue", want: Answer, open: []team.ID{"2"}},
		{name: "several teams, team= not covered", session: earlier, teams: []TeamStatus{red, granted(blue)}, team: "red", want: Consent, open: []team.ID{"1"}},
		{name: "several teams, team= blocked", session: earlier, teams: []TeamStatus{red, blocked(blue)}, team: "blue", want: Consent, open: []team.ID{"2"}},

		{name: "team= not theirs, or unknown", session: earlier, teams: []TeamStatus{granted(red)}, team: "blue", want: NoAccess},
		{name: "team= not theirs, prompt=none", session: earlier, teams: []TeamStatus{granted(red)}, team: "blue", prompt: none, wantErr: oauth.AccessDenied},
		{name: "team= in another case", session: earlier, teams: []TeamStatus{granted(red)}, team: "RED", want: NoAccess},
		{name: "team=, and no team at all", session: earlier, team: "blue", want: NoAccess},
		{name: "no team", session: earlier, want: NoTeam},
		{name: "no team, prompt=none", session: earlier, prompt: none, wantErr: oauth.AccessDenied},

		{name: "second factor required", session: earlier, teams: []TeamStatus{strict(red)}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required, signed in with a password", session: by(authn.MethodPassword), teams: []TeamStatus{strict(red)}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required, signed in with a passkey that did not ask who holds it", session: by(authn.MethodHardware, authn.MethodPresence), teams: []TeamStatus{strict(red)}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required, though granted", session: earlier, teams: []TeamStatus{strict(granted(red))}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required, though granted, prompt=none", session: earlier, teams: []TeamStatus{strict(granted(red))}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "second factor required, though granted, team client", client: ofRed, session: earlier, teams: []TeamStatus{strict(granted(red)), blue}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required, though granted, team=", session: earlier, teams: []TeamStatus{strict(granted(red)), blue}, team: "red", want: NeedFactor, open: []team.ID{"1"}},
		{name: "second factor required by the other team", session: earlier, teams: []TeamStatus{strict(red), granted(blue)}, team: "blue", want: Answer, open: []team.ID{"2"}},
		{name: "second factor required by one of several", session: earlier, teams: []TeamStatus{strict(red), blue}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "second factor required by all of several", session: earlier, teams: []TeamStatus{strict(red), strict(blue)}, want: NeedFactor, open: []team.ID{"1", "2"}},
		{name: "second factor required by all of several, prompt=none", session: earlier, teams: []TeamStatus{strict(red), strict(blue)}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "second factor required by one, and the other blocked", session: earlier, teams: []TeamStatus{strict(red), blocked(blue)}, want: NeedFactor, open: []team.ID{"1", "2"}},
		{name: "second factor required, and blocked", session: earlier, teams: []TeamStatus{strict(blocked(red))}, want: Consent, open: []team.ID{"1"}},
		{name: "second factor required and used", session: strong, teams: []TeamStatus{strict(red)}, want: Consent, open: []team.ID{"1"}},
		{name: "second factor required and used, granted", session: strong, teams: []TeamStatus{strict(granted(red))}, prompt: none, want: Answer, open: []team.ID{"1"}},
		{name: "second factor required and used: a passkey that asked who holds it", session: by(authn.MethodSoftware, authn.MethodPresence, authn.MethodMFA), teams: []TeamStatus{strict(granted(red))}, want: Answer, open: []team.ID{"1"}},
		{name: "provider required", session: earlier, teams: []TeamStatus{sso(red)}, want: NeedProvider, open: []team.ID{"1"}},
		{name: "provider required, though granted", session: strong, teams: []TeamStatus{sso(granted(red))}, want: NeedProvider, open: []team.ID{"1"}},
		{name: "provider required, though granted, prompt=none", session: earlier, teams: []TeamStatus{sso(granted(red))}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "provider required, signed in at another one", session: at("other"), teams: []TeamStatus{sso(granted(red))}, want: NeedProvider, open: []team.ID{"1"}},
		{name: "provider required and used", session: at("acme"), teams: []TeamStatus{sso(granted(red))}, prompt: none, want: Answer, open: []team.ID{"1"}},
		{name: "provider required, though granted, team client", client: ofRed, session: earlier, teams: []TeamStatus{sso(granted(red)), blue}, want: NeedProvider, open: []team.ID{"1"}},
		{name: "provider required by the other team", session: earlier, teams: []TeamStatus{sso(red), granted(blue)}, team: "blue", want: Answer, open: []team.ID{"2"}},
		{name: "provider required by one of several", session: earlier, teams: []TeamStatus{sso(red), blue}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "provider required by one, a second factor by the other", session: earlier, teams: []TeamStatus{strict(red), sso(blue)}, want: NeedProvider, open: []team.ID{"1", "2"}},
		{name: "… in the other order", session: earlier, teams: []TeamStatus{sso(red), strict(blue)}, want: NeedProvider, open: []team.ID{"1", "2"}},
		{name: "provider and second factor required", session: earlier, teams: []TeamStatus{sso(strict(red))}, want: NeedProvider, open: []team.ID{"1"}},
		{name: "provider and second factor required, provider used", session: at("acme"), teams: []TeamStatus{sso(strict(red))}, want: NeedFactor, open: []team.ID{"1"}},
		{name: "provider required, and blocked", session: earlier, teams: []TeamStatus{sso(blocked(red))}, want: Consent, open: []team.ID{"1"}},
		{name: "second factor required, sign-in first", teams: []TeamStatus{strict(red)}, want: SignIn},

		{name: "to be approved", session: earlier, teams: []TeamStatus{approveFirst(red)}, want: NeedApproval, open: []team.ID{"1"}},
		{name: "to be approved, sign-in first", teams: []TeamStatus{approveFirst(red)}, want: SignIn},
		{name: "to be approved, prompt=none", session: earlier, teams: []TeamStatus{approveFirst(red)}, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "to be approved, second factor later", session: earlier, teams: []TeamStatus{strict(approveFirst(red))}, want: NeedApproval, open: []team.ID{"1"}},
		{name: "to be approved, by oneself", session: earlier, teams: []TeamStatus{as(team.Admin, approveFirst(red))}, want: Consent, open: []team.ID{"1"}},
		{name: "to be approved, by oneself, prompt=none", session: earlier, teams: []TeamStatus{as(team.Admin, approveFirst(red))}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "to be approved, the team's own", client: ofRed, session: earlier, teams: []TeamStatus{approveFirst(red)}, want: Consent, open: []team.ID{"1"}},
		{name: "to be approved, team=", session: earlier, teams: []TeamStatus{approveFirst(red), blue}, team: "red", want: NeedApproval, open: []team.ID{"1"}},
		{name: "to be approved in one of several", session: earlier, teams: []TeamStatus{approveFirst(red), blue}, want: Consent, open: []team.ID{"1", "2"}},
		{name: "to be approved in one of several, which was chosen", session: earlier, teams: []TeamStatus{approveFirst(red), blue}, asked: "1", want: NeedApproval, open: []team.ID{"1"}},
		{name: "chosen, and approved meanwhile", session: earlier, teams: []TeamStatus{approved(red, "read", "write"), blue}, asked: "1", want: Consent, open: []team.ID{"1", "2"}},
		{name: "chosen, and not theirs any more", session: earlier, teams: []TeamStatus{blue}, asked: "1", want: Consent, open: []team.ID{"2"}},
		{name: "approved", session: earlier, teams: []TeamStatus{approved(red, "read", "write")}, want: Consent, open: []team.ID{"1"}},
		{name: "approved and granted", session: earlier, teams: []TeamStatus{approved(granted(red), "read", "write")}, want: Answer, open: []team.ID{"1"}},
		{name: "approved in part", session: earlier, teams: []TeamStatus{approved(red, "read")}, want: NeedApproval, open: []team.ID{"1"}},
		{name: "approved in part, it can do without the rest", client: withoutWrite, session: earlier, teams: []TeamStatus{approved(red, "read")}, want: Consent, open: []team.ID{"1"}},
		{name: "… prompt=none", client: withoutWrite, session: earlier, teams: []TeamStatus{approved(red, "read")}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "… agreed to that", client: withoutWrite, session: earlier, teams: []TeamStatus{approved(narrow, "read")}, want: Answer, open: []team.ID{"1"}},
		{name: "declined", session: earlier, teams: []TeamStatus{declined(red)}, want: NeedApproval, open: []team.ID{"1"}},
		{name: "declined, prompt=none", session: earlier, teams: []TeamStatus{declined(red)}, prompt: none, wantErr: oauth.AccessDenied},
		{name: "blocked, prompt=none", session: earlier, teams: []TeamStatus{blocked(red)}, prompt: none, wantErr: oauth.AccessDenied},
		{name: "nobody", session: earlier, teams: []TeamStatus{under(govern.Nobody, red)}, want: Consent, open: []team.ID{"1"}},
		{name: "nobody, prompt=none", session: earlier, teams: []TeamStatus{under(govern.Nobody, red)}, prompt: none, wantErr: oauth.AccessDenied},
		{name: "not listed, an admin", session: earlier, teams: []TeamStatus{as(team.Admin, under(govern.ListedOnly, red))}, want: Consent, open: []team.ID{"1"}},
		{name: "suspended", session: earlier, teams: []TeamStatus{suspended(red)}, want: Consent, open: []team.ID{"1"}},
		{name: "suspended, prompt=none", session: earlier, teams: []TeamStatus{suspended(red)}, prompt: none, wantErr: oauth.ConsentRequired},
		{name: "acr_values: nothing that we know", session: earlier, teams: []TeamStatus{granted(red)}, acr: "urn:example:gold pwd", want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: one factor, signed in with a password", session: weak, teams: []TeamStatus{granted(red)}, acr: aal1, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: one factor, and how they signed in is not known", session: earlier, teams: []TeamStatus{granted(red)}, acr: aal1, reach: authn.OneFactor, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: two factors, signed in with one of two", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.TwoFactors, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: two factors, prompt=none", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.TwoFactors, prompt: none, wantErr: oauth.LoginRequired},
		{name: "acr_values: two factors, and the person has one", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.OneFactor, want: NeedFactor, open: []team.ID{"1"}},
		{name: "acr_values: two factors, and the person has one, prompt=none", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.OneFactor, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "acr_values: two factors, signed in with two", session: strong, teams: []TeamStatus{granted(red)}, acr: aal2, prompt: none, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: two factors, signed in with a passkey", session: byPasskey, teams: []TeamStatus{granted(red)}, acr: aal2, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: two factors, signed in with a passkey that did not ask who holds it", session: by(authn.MethodHardware, authn.MethodPresence), teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.PhishingResistant, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: a passkey, signed in with a code", session: strong, teams: []TeamStatus{granted(red)}, acr: phr, reach: authn.PhishingResistant, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: a passkey, and the person has none", session: strong, teams: []TeamStatus{granted(red)}, acr: phr, reach: authn.TwoFactors, want: NeedFactor, open: []team.ID{"1"}},
		{name: "acr_values: a passkey or two factors, the first that can be", session: strong, teams: []TeamStatus{granted(red)}, acr: phr + " " + aal2, reach: authn.PhishingResistant, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: a passkey or two factors, and there is no passkey", session: strong, teams: []TeamStatus{granted(red)}, acr: phr + " " + aal2, reach: authn.TwoFactors, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: two factors or a passkey, signed in with a code", session: strong, teams: []TeamStatus{granted(red)}, acr: aal2 + " " + phr, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: two factors or one, and the person has one", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2 + " " + aal1, reach: authn.OneFactor, want: Answer, open: []team.ID{"1"}},
		{name: "acr_values: two factors among what nobody knows", session: weak, teams: []TeamStatus{granted(red)}, acr: "gold " + aal2 + " silver", reach: authn.TwoFactors, want: StepUp, open: []team.ID{"1"}},
		{name: "acr_values: two factors, sign-in first", teams: []TeamStatus{granted(red)}, acr: aal2, want: SignIn},
		{name: "acr_values: two factors, and max_age exceeded", session: weak, teams: []TeamStatus{granted(red)}, acr: aal2, reach: authn.TwoFactors, maxAge: age(time.Minute), want: SignIn},
		{name: "acr_values: two factors, no team", session: weak, acr: aal2, reach: authn.TwoFactors, want: NoTeam},
		{name: "acr_values: two factors, consent comes after", session: weak, teams: []TeamStatus{red, blue}, acr: aal2, reach: authn.TwoFactors, want: StepUp, open: []team.ID{"1", "2"}},

		{name: "operator requires two factors, and the person has one", session: weak, teams: []TeamStatus{granted(red)}, required: true, reach: authn.OneFactor, want: NeedFactor, open: []team.ID{"1"}},
		{name: "operator requires two factors, and the person has one, prompt=none", session: weak, teams: []TeamStatus{granted(red)}, required: true, reach: authn.OneFactor, prompt: none, wantErr: oauth.InteractionRequired},
		{name: "operator requires two factors, signed in with one of two", session: weak, teams: []TeamStatus{granted(red)}, required: true, reach: authn.TwoFactors, want: StepUp, open: []team.ID{"1"}},
		{name: "operator requires two factors, signed in with one of two, prompt=none", session: weak, teams: []TeamStatus{granted(red)}, required: true, reach: authn.TwoFactors, prompt: none, wantErr: oauth.LoginRequired},
		{name: "operator requires two factors, and acr_values one", session: weak, teams: []TeamStatus{granted(red)}, required: true, acr: aal1, reach: authn.TwoFactors, want: StepUp, open: []team.ID{"1"}},
		{name: "operator requires two factors, signed in with two", session: strong, teams: []TeamStatus{granted(red)}, required: true, want: Answer, open: []team.ID{"1"}},
		{name: "operator requires two factors, no team", session: weak, required: true, want: NoTeam},

		{name: "team client, a member of more", client: ofRed, session: earlier, teams: []TeamStatus{red, blue}, want: Consent, open: []team.ID{"1"}},
		{name: "team client, covered", client: ofRed, session: earlier, teams: []TeamStatus{granted(red), blue}, want: Answer, open: []team.ID{"1"}},
		{name: "team client, not a member", client: ofRed, session: earlier, teams: []TeamStatus{granted(blue)}, want: NoAccess},
		{name: "team client, not a member, prompt=none", client: ofRed, session: earlier, teams: []TeamStatus{granted(blue)}, prompt: none, wantErr: oauth.AccessDenied},
		{name: "team client, no team", client: ofRed, session: earlier, want: NoAccess},
		{
			name: "team client, its old slug now another team's", client: ofRed, session: earlier, teams: []TeamStatus{red, granted(blue)}, team: "blue",
			want: Consent, open: []team.ID{"1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Request{FreshSession: "fresh", SelectedUser: tt.selected, AskedTeam: tt.asked}
			r.Scope, r.Prompt, r.MaxAge, r.Team = oauth.Scope{"read", "write"}, tt.prompt, tt.maxAge, tt.team
			r.ACRValues = strings.Fields(tt.acr)
			r.RedirectURI, tt.client.Name, tt.client.Owner = callback, "App", "Makers"
			d, err := next(r, tt.client, tt.session, strength{tt.reach, tt.required}, tt.teams, now)
			if !errors.Is(err, tt.wantErr) || d.step != tt.want {
				t.Fatalf("next = %v, %v; want %v, %v", d.step, err, tt.want, tt.wantErr)
			}
			var open []team.ID
			for _, status := range d.teams {
				open = append(open, status.Team.ID)
			}
			if diff := cmp.Diff(tt.open, open); diff != "" {
				t.Errorf("open teams (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepIsNamed(t *testing.T) {
	for step, want := range map[Step]string{SignIn: "SignIn", Answer: "Answer", 0: "none", -1: "Step(-1)", 9: "StepUp", 10: "NeedProvider", 11: "NeedApproval", 12: "Step(12)"} {
		if got := step.String(); got != want {
			t.Errorf("Step(%d) = %q, want %q", int(step), got, want)
		}
	}
}
