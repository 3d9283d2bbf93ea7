package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/gatehouse-auth/gatehouse/internal/config"
)

const guidePath = "docs/guide.md"

// guideBlocks are the blocks that the guide must have. The tests run each of them unchanged.
var guideBlocks = []string{
	"register", "pkce-python", "pkce-node", "pkce-go", "authorization-url", "exchange", "exchange-basic", "call", "me",
	"refresh", "revoke", "userinfo", "machine", "introspect", "par",
}

func readGuide(t *testing.T) document {
	t.Helper()
	return readDocument(t, guidePath, guideBlocks...)
}

// credentialLine matches the lines in which client add prints the credentials.
var credentialLine = regexp.MustCompile(`(?m)^(client_id|client_secret)\s+(\S+)$`)

// credentials reads the output of client add.
func credentials(t *testing.T, output string) (id, secret string) {
	t.Helper()
	found := map[string]string{}
	for _, m := range credentialLine.FindAllStringSubmatch(output, -1) {
		found[m[1]] = m[2]
	}
	if found["client_id"] == "" || found["client_secret"] == "" {
		t.Fatalf("client add prints no credentials:\n%s", output)
	}
	return found["client_id"], found["client_secret"]
}

// pkce is the output of the guide's PKCE snippets.
type pkce struct{ verifier, challenge, state string }

// codeVerifier is RFC 7636 §4.1.
var codeVerifier = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

// pkce runs the guide's snippet for a language.
func (s shell) pkce(guide document, language string) pkce {
	s.t.Helper()
	snippet := guide.blocks["pkce-"+language]
	run := map[string]struct {
		language, file string
		argv           []string
	}{
		"python": {"python", "pkce.py", []string{"/usr/bin/python3", "pkce.py"}},
		"node":   {"javascript", "pkce.js", []string{"node", "pkce.js"}},
		"go":     {"go", "pkce.go", []string{"go", "run", "pkce.go"}},
	}[language]
	if snippet.language != run.language {
		s.t.Fatalf("the block pkce-%s is marked as %q, want %q", language, snippet.language, run.language)
	}
	if err := os.WriteFile(filepath.Join(s.dir, run.file), []byte(snippet.text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	words := strings.Fields(s.run(run.argv))
	if len(words) != 3 {
		s.t.Fatalf("pkce-%s printed %q, want a verifier, a challenge and a state", language, words)
	}
	p := pkce{words[0], words[1], words[2]}
	if !codeVerifier.MatchString(p.verifier) {
		s.t.Errorf("pkce-%s: %q is no code_verifier (RFC 7636 §4.1)", language, p.verifier)
	}
	if want := oauth2.S256ChallengeFromVerifier(p.verifier); p.challenge != want {
		s.t.Errorf("pkce-%s: the challenge of %s is %s, want %s", language, p.verifier, p.challenge, want)
	}
	if len(p.state) < 22 {
		s.t.Errorf("pkce-%s: the state %q has less than 128 random bits", language, p.state)
	}
	return p
}

// authorizationURL returns the guide's URL with placeholders and challenge replaced, and otherwise unchanged.
func authorizationURL(t *testing.T, guide document, issuer, clientID string, p pkce) string {
	t.Helper()
	text := strings.TrimSpace(guide.filled("authorization-url", issuer, issuer))
	for placeholder, value := range map[string]string{
		"CLIENT_ID": clientID, "RANDOM_STATE": p.state, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM": p.challenge,
	} {
		if strings.Count(text, placeholder) != 1 {
			t.Fatalf("the guide's authorization URL has %d times %s, want once: %s", strings.Count(text, placeholder), placeholder, text)
		}
		text = strings.Replace(text, placeholder, value, 1)
	}
	return text
}

// guideHouse returns a house, and a shell whose gatehouse command uses the same database.
func guideHouse(t *testing.T) (*house, shell) {
	t.Helper()
	h := newHouse(t)
	return h, newShell(t, "GATEHOUSE_DATABASE_URL="+h.Config.DatabaseURL, "GATEHOUSE_PUBLIC_URL="+h.url)
}

func TestGuideWorksAsWritten(t *testing.T) {
	guide := readGuide(t)
	house, sh := guideHouse(t)
	id, secret := credentials(t, sh.bash(guide.blocks["register"].text))
	ann := house.person()
	for language, exchange := range map[string]string{"python": "exchange", "node": "exchange-basic", "go": "exchange"} {
		t.Run(language, func(t *testing.T) {
			h := house.in(t)
			sh := sh
			sh.t, ann.t = t, t
			p := sh.pkce(guide, language)
			answer := ann.connect(authorizationURL(t, guide, h.url, id, p))
			if !strings.HasPrefix(answer.String(), "https://app.example/callback/?code=gh_ac_") || parameter(answer, "state") != p.state || parameter(answer, "iss") != h.url {
				t.Fatalf("the browser came back to %s", answer)
			}
			output := sh.bash(guide.filled(exchange, h.url, h.url), "CLIENT_ID="+id, "CLIENT_SECRET="+secret,
				"REDIRECT_URI=https://app.example/callback/", "CODE="+parameter(answer, "code"), "CODE_VERIFIER="+p.verifier)
			token := checkExchange(t, guide, output)

			var chatbots struct{ Results []struct{ Name string } }
			h.ok(json.Unmarshal([]byte(sh.bash(guide.filled("call", h.url, h.url), "ACCESS_TOKEN="+token)), &chatbots))
			if len(chatbots.Results) == 0 {
				t.Error("the call shows no chatbots")
			}
			var who me
			h.ok(json.Unmarshal([]byte(sh.bash(guide.filled("me", h.url, h.url), "ACCESS_TOKEN="+token)), &who))
			if want := (me{Team: "acme", ClientID: id, Scopes: []string{"chatbot:read", "session:read"}}); !reflect.DeepEqual(who, want) {
				t.Errorf("me shows %+v, want %+v", who, want)
			}
		})
	}
}

// checkExchange checks that a token response is the one that the guide shows, apart from the tokens. It returns the access token.
func checkExchange(t *testing.T, guide document, output string) string {
	t.Helper()
	var got, want map[string]any
	if err := json.Unmarshal([]byte(output), &got); err != nil {
		t.Fatalf("the exchange answers %s", output)
	}
	_, example, _ := strings.Cut(guide.section("Step 4: Exchange the code"), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	if err := json.Unmarshal([]byte(example), &want); err != nil {
		t.Fatalf("the guide's example of an answer: %v", err)
	}
	token, ok := got["access_token"].(string)
	if !ok {
		t.Fatalf("the exchange answers %s", output)
	}
	for _, name := range []string{"access_token", "refresh_token"} {
		text, _ := got[name].(string)
		if beginning, _ := strings.CutSuffix(want[name].(string), "…"); !strings.HasPrefix(text, beginning) {
			t.Errorf("%s is %s, and the guide's begins with %s", name, text, beginning)
		}
		delete(got, name)
		delete(want, name)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the exchange answers %v, and the guide shows %v", got, want)
	}
	return token
}

// Claims of the guide that are not in its blocks.
func TestGuidePromises(t *testing.T) {
	guide := readGuide(t)
	h, sh := guideHouse(t)
	id, _ := credentials(t, sh.bash(guide.blocks["register"].text))
	ann := h.person()
	target := authorizationURL(t, guide, h.url, id, pkce{"", oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43)), "st+te"})
	ann.connect(target)

	shown := ann.pages
	if answer := ann.connect(target + "&team=acme"); parameter(answer, "code") == "" || ann.pages != shown {
		t.Errorf("renewing a connection showed %d pages and led to %s", ann.pages-shown, answer)
	}
	endpoint, query, _ := strings.Cut(target, "?")
	parameters, err := url.ParseQuery(query)
	h.ok(err)
	if answer := ann.connectByForm(endpoint, parameters); parameter(answer, "code") == "" {
		t.Errorf("the parameters in a form led to %s", answer)
	}
	// Claims of step 1 about the command.
	sh.bash(`gatehouse client add "In a browser" --public --redirect-uri https://app.example/callback`)
	team := sh.bash(`gatehouse client add "Of a team" --team acme --redirect-uri https://app.example/callback/ --json`)
	var own struct {
		ID string `json:"client_id"`
	}
	h.ok(json.Unmarshal([]byte(team), &own))
	if answer := ann.connect(strings.Replace(target, id, own.ID, 1) + "&team=harbour"); parameter(answer, "error") != "invalid_request" {
		t.Errorf("a team client in another team led to %s", answer)
	}
}

// endpointPath matches an address of the server or the API in a document.
var endpointPath = regexp.MustCompile("https://(?:auth|api)\\.example\\.com(/[^\\s`?)\"]*)")

func TestGuideNamesEndpointsThatExist(t *testing.T) {
	guide := readGuide(t)
	h := newHouse(t)
	var paths []string
	for _, m := range endpointPath.FindAllStringSubmatch(guide.text, -1) {
		paths = append(paths, m[1])
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) < 6 {
		t.Fatalf("the guide names only %v", paths)
	}
	for _, path := range paths {
		if status := h.call(path, "", nil); status == http.StatusNotFound {
			t.Errorf("%s, which the guide names, does not exist", path)
		}
	}
}

func TestServedGuideHasTheServersOwnAddresses(t *testing.T) {
	guide := readGuide(t)
	for name, tt := range map[string]struct {
		docs func(issuer string) string
		api  func(issuer string) string
	}{
		"API beside":    {func(issuer string) string { return issuer + "/api/docs/" }, func(issuer string) string { return issuer }},
		"API elsewhere": {func(string) string { return "https://chats.test/reference/" }, func(string) string { return "https://chats.test" }},
		"API unknown":   {func(string) string { return "" }, func(issuer string) string { return issuer }},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(cfg *config.Config) { cfg.APIDocsURL = tt.docs(cfg.PublicURL) })
			response, err := h.server.Client().Get(h.url + "/docs/guide/")
			h.ok(err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			h.ok(err)
			text := html.UnescapeString(string(body))
			if at := strings.Index(text, "example.com"); at >= 0 {
				t.Errorf("an example's address is left: …%s…", text[max(0, at-60):min(len(text), at+40)])
			}
			for id := range guide.blocks {
				if !strings.Contains(text, guide.filled(id, h.url, tt.api(h.url))) {
					t.Errorf("the page has no block %s with the addresses %s and %s", id, h.url, tt.api(h.url))
				}
			}
			if docs := tt.docs(h.url); docs != "" && !strings.Contains(text, fmt.Sprintf(`href="%s"`, docs)) {
				t.Errorf("the page has no link to %s", docs)
			}
		})
	}
}
