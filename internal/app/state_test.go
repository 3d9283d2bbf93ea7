package app

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// A state of 4 KiB survives the sign-in page. It travels sealed in a URL, whose length is limited, and its characters may
// become longer when they are encoded.
func TestLongestStateComesBackWhateverItIsMadeOf(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	const callback = "https://app.example/callback"
	client, _, err := a.Registry.AddClient(t.Context(), team.CommandLine, client.Registration{Name: "App", RedirectURIs: []string{callback}})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, a)
	sealed := regexp.MustCompile(`name="request" value="([^"]*)"`)
	for _, unit := range []string{"x", "&", "<", `"`, "\x01", "é", "\u2028"} {
		state := strings.Repeat(unit, 4096/len(unit))
		b := newVisitor(t)
		page := b.get("http://" + r.public + "/o/authorize/?" + url.Values{
			"response_type": {"code"}, "client_id": {string(client.ID)}, "redirect_uri": {callback}, "state": {state},
			"nonce": {strings.Repeat("<", 1024)}, "code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
		}.Encode())
		match := sealed.FindStringSubmatch(page.body)
		if page.status != http.StatusOK || match == nil {
			t.Errorf("%q: the sign-in page: status %d: %.200s", unit, page.status, page.body)
			continue
		}
		answer := b.post("http://"+r.public+"/o/consent/", url.Values{"request": {match[1]}, "decision": {"cancel"}})
		u, err := url.Parse(answer.location)
		if err != nil || u.Query().Get("state") != state {
			t.Errorf("%q: status %d to %.200q, want the state that was sent", unit, answer.status, answer.location)
		}
	}
}

// The state of a sign-out survives too.
func TestLongestStateOfASignOutFitsAnAddress(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	const after = "https://app.example/bye"
	client, _, err := a.Registry.AddClient(t.Context(), team.CommandLine, client.Registration{
		Name: "App", RedirectURIs: []string{"https://app.example/callback"}, PostLogoutRedirectURIs: []string{after},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, a)
	for _, unit := range []string{"x", "&", "<", "\x01"} {
		state := strings.Repeat(unit, 4096)
		b := newVisitor(t)
		answer := b.post("http://"+r.public+"/o/logout/", url.Values{
			"client_id": {string(client.ID)}, "post_logout_redirect_uri": {after}, "state": {state},
		})
		if len(answer.location) > 24<<10 {
			t.Errorf("%q: the next address is %d bytes long", unit, len(answer.location))
		}
		if answer.status == http.StatusSeeOther {
			answer = b.get("http://" + r.public + answer.location)
		}
		u, err := url.Parse(answer.location)
		if err != nil || !strings.HasPrefix(answer.location, after) || u.Query().Get("state") != state {
			t.Errorf("%q: status %d to %.200q, want the state that was sent", unit, answer.status, answer.location)
		}
	}
}

// visitor is a browser that follows this server's redirects only.
type visitor struct {
	*testing.T
	client *http.Client
}

type visited struct {
	status         int
	location, body string
}

func newVisitor(t *testing.T) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{t, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(to *http.Request, from []*http.Request) error {
		if to.Method == http.MethodGet && to.URL.Host == from[0].URL.Host && from[0].Method == http.MethodGet {
			return nil
		}
		return http.ErrUseLastResponse
	}}}
}

func (v visitor) get(address string) visited {
	v.Helper()
	response, err := v.client.Get(address)
	return v.read(response, err)
}

func (v visitor) post(address string, form url.Values) visited {
	v.Helper()
	response, err := v.client.PostForm(address, form)
	return v.read(response, err)
}

func (v visitor) read(response *http.Response, err error) visited {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.Fatal(err)
	}
	return visited{response.StatusCode, response.Header.Get("Location"), string(body)}
}
