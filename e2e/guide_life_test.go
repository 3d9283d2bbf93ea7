package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// tokens is a response of the token endpoint.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	Team         string `json:"team"`
	Scope        string `json:"scope"`
}

// run runs a block of the guide unchanged and decodes its output.
func (d document) run(h *house, sh shell, id string, into any, vars ...string) {
	d.t.Helper()
	output := sh.bash(d.filled(id, h.url, h.url), vars...)
	if into == nil {
		if strings.TrimSpace(output) != "" {
			d.t.Errorf("%s answers %s, want nothing", id, output)
		}
		return
	}
	if err := json.Unmarshal([]byte(output), into); err != nil {
		d.t.Fatalf("%s answers %s", id, output)
	}
}

// Refreshes, introspects and revokes a connection with the guide's own commands.
func TestGuideLeadsThroughTheLifeOfAConnection(t *testing.T) {
	guide := readGuide(t)
	h, sh := guideHouse(t)
	client, ann := h.register(callback, false), h.person()
	credentials := []string{"CLIENT_ID=" + client.id, "CLIENT_SECRET=" + client.secret, "REDIRECT_URI=" + callback}
	with := func(vars ...string) []string { return append(vars, credentials...) }

	code := parameter(ann.connect(h.authorizeURL(request(client, "scope", "openid profile email chatbot:read"))), "code")
	var first, second tokens
	guide.run(h, sh, "exchange", &first, with("CODE="+code, "CODE_VERIFIER="+verifier)...)
	if first.IDToken == "" {
		t.Error("there is no ID token with openid")
	}
	var person map[string]any
	guide.run(h, sh, "userinfo", &person, "ACCESS_TOKEN="+first.AccessToken)
	for _, claim := range []string{"sub", "team", "team_id", "name", "email", "email_verified"} {
		if person[claim] == nil {
			t.Errorf("UserInfo has no %s: %v", claim, person)
		}
	}

	guide.run(h, sh, "refresh", &second, with("REFRESH_TOKEN="+first.RefreshToken)...)
	var again tokens
	guide.run(h, sh, "refresh", &again, with("REFRESH_TOKEN="+first.RefreshToken)...)
	if second.RefreshToken == first.RefreshToken || again.RefreshToken != second.RefreshToken || second.Team != "acme" {
		t.Errorf("refreshing gave %+v and, asked again, %+v", second, again)
	}

	active := func(token string) bool {
		var answer struct{ Active bool }
		guide.run(h, sh, "introspect", &answer, with("TOKEN="+token)...)
		return answer.Active
	}
	if !active(second.AccessToken) {
		t.Error("a token that lives is not active")
	}
	guide.run(h, sh, "revoke", nil, with("TOKEN="+second.RefreshToken)...)
	if active(second.AccessToken) {
		t.Error("a token is active after its connection was ended")
	}
	var refused struct{ Error string }
	guide.run(h, sh, "refresh", &refused, with("REFRESH_TOKEN="+second.RefreshToken)...)
	if refused.Error != "invalid_grant" {
		t.Errorf("refreshing after the end answers %q, want invalid_grant", refused.Error)
	}
}

func TestGuideLeadsAMachineToItsToken(t *testing.T) {
	guide := readGuide(t)
	h, sh := guideHouse(t)
	output := sh.bash(`gatehouse client add "Night Report" --machine --team acme`)
	id, secret := credentials(t, output)
	var got tokens
	guide.run(h, sh, "machine", &got, "CLIENT_ID="+id, "CLIENT_SECRET="+secret)
	if got.Team != "acme" || got.Scope != "chatbot:read" || got.RefreshToken != "" {
		t.Errorf("the machine got %+v", got)
	}
	if status := h.call("/api/chatbots/", got.AccessToken, nil); status != http.StatusOK {
		t.Errorf("its call answers %d", status)
	}
	sh.bash(`gatehouse client add "Chat API" --machine --team acme --resource-server https://api.example`) // as the guide says about resource servers
}

func TestGuideLeadsThroughAPushedRequest(t *testing.T) {
	guide := readGuide(t)
	h, sh := guideHouse(t)
	client, ann := h.register(callback, false), h.person()
	var pushed oauth.PushedResponse
	guide.run(h, sh, "par", &pushed, "CLIENT_ID="+client.id, "CLIENT_SECRET="+client.secret, "REDIRECT_URI="+callback,
		"CODE_CHALLENGE="+oauth2.S256ChallengeFromVerifier(verifier), "STATE=st")
	if pushed.ExpiresIn != 90 {
		t.Errorf("the request_uri works for %d seconds, and the guide says 90", pushed.ExpiresIn)
	}
	answer := ann.connect(h.authorizeURL(map[string][]string{"client_id": {client.id}, "request_uri": {pushed.RequestURI}}))
	if parameter(answer, "code") == "" || parameter(answer, "state") != "st" {
		t.Errorf("the pushed request led to %s", answer)
	}
}

// The lifetimes that the guide names are the defaults.
func TestGuideNumbersAreTheDefaults(t *testing.T) {
	cfg := config.Default()
	for what, hours := range map[string][2]float64{
		"refresh_idle_lifetime":     {cfg.Authz.Refresh.Idle.Hours(), 30 * 24},
		"refresh_absolute_lifetime": {cfg.Authz.Refresh.Absolute.Hours(), 365 * 24},
		"refresh_grace":             {cfg.Authz.Refresh.Grace.Hours() * 3600, 60},
		"access_token_lifetime":     {cfg.Authz.AccessTokenLifetime.Hours(), 1},
		"code_lifetime":             {cfg.Authz.CodeLifetime.Hours() * 3600, 60},
	} {
		if hours[0] != hours[1] {
			t.Errorf("%s is %v, and the guide says %v", what, hours[0], hours[1])
		}
	}
}
