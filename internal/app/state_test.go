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
		b := newBrowser(t)
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
		b := newBrowser(t)
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

// browser is a browser that follows this server's redirects only.
type browser struct {
	*testing.T
	client *http.Client
}

type page struct {
	status         int
	location, body string
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(to *http.Request, from []*http.Request) error {
		if to.Method == http.MethodGet && to.URL.Host == from[0].URL.Host && from[0].Method == http.MethodGet {
			return nil
		}
		return http.ErrUseLastResponse
	}}}
}

func (b browser) get(address string) page {
	b.Helper()
	response, err := b.client.Get(address)
	return b.read(response, err)
}

func (b browser) post(address string, form url.Values) page {
	b.Helper()
	response, err := b.client.PostForm(address, form)
	return b.read(response, err)
}

func (b browser) read(response *http.Response, err error) page {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.Fatal(err)
	}
	return page{response.StatusCode, response.Header.Get("Location"), string(body)}
}
