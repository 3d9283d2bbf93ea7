package oauth

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestCheckRedirectURI(t *testing.T) {
	const anyone, publicOnly, refused = "anyone", "public only", "refused"
	for _, tt := range []struct{ uri, want, mentions string }{
		{"https://client.example.com/cb", anyone, ""},
		{"https://client.example.com", anyone, ""},
		{"https://client.example.com:8443/cb/?tenant=7&x=%20", anyone, ""},
		{"https://client.example.com/cb?", anyone, ""},
		{"https://under_score.example/cb;v=1", anyone, ""},
		{"https://192.0.2.7/cb", anyone, ""},
		{"https://[2001:db8::1]:8443/cb", anyone, ""},
		{"http://127.0.0.1/cb", anyone, ""},
		{"http://127.0.0.1:7777/cb", anyone, ""},
		{"http://[::1]:7777/cb", anyone, ""},
		{"http://localhost:8001/callback", anyone, ""},
		{"com.example.app:/cb", publicOnly, "only public clients"},
		{"com.example.app://cb/path?x=1", publicOnly, "only public clients"},
		{"com.example.app:cb", publicOnly, "only public clients"},

		{"", refused, "empty"},
		{"https://a.example/" + strings.Repeat("a", 2000), refused, "at most 2000"},
		{"/cb", refused, "not absolute"},
		{"//client.example.com/cb", refused, "not absolute"},
		{"client.example.com/cb", refused, "not absolute"},
		{"https:/client.example.com/cb", refused, "no host"},
		{"https:client.example.com/cb", refused, "no host"},
		{"https:///cb", refused, "no host"},
		{"https://:443/cb", refused, "no host"},
		{"http://client.example.com/cb", refused, "must use https"},
		{"http://127.0.0.2/cb", refused, "must use https"},
		{"http://127.0.0.1.example.com/cb", refused, "must use https"},
		{"http://localhost.example.com/cb", refused, "must use https"},
		{"http://[::ffff:127.0.0.1]/cb", refused, "must use https"},
		{"http://%6cocalhost/cb", refused, "cannot be read"},
		{"https://client%2Eexample.com/cb", refused, "cannot be read"},
		{"https://user@client.example.com/cb", refused, "user name"},
		{"https://user:pw@client.example.com/cb", refused, "user name"},
		{"https://@client.example.com/cb", refused, "user name"},
		{"com.example.app://user@host/cb", refused, "user name"},
		{"https://client.example.com/cb#", refused, "fragment"},
		{"https://client.example.com/cb#part", refused, "fragment"},
		{"https://*.example.com/cb", refused, "wildcard"},
		{"https://client.example.com/*", refused, "wildcard"},
		{"https://client.example.com/c b", refused, "percent-encoded"},
		{" https://client.example.com/cb", refused, "percent-encoded"},
		{"https://client.example.com/cb\n", refused, "percent-encoded"},
		{"https://client.example.com\t/cb", refused, "percent-encoded"},
		{"https://client.example.com/\x00", refused, "percent-encoded"},
		{`https://client.example.com\@evil.example/cb`, refused, "percent-encoded"},
		{"https://client.example.com/caf\u00e9", refused, "the character 'é', which must be percent-encoded"},
		{"https://client.example.com/日本", refused, "the character '日', which must be percent-encoded"},
		{"https://Client.example.com/\xc3", refused, "which must be percent-encoded"}, // half a character
		{"https://b\u00fccher.example/cb", refused, `the character 'ü' in its host; give the host in its A-label form: "https://xn--bcher-kva.example/cb"`},
		{"https://b\u00fccher.example:8443/caf\u00e9", refused, `A-label form: "https://xn--bcher-kva.example:8443/caf`},
		{"https://-ü.example/cb", refused, "percent-encoded"}, // no host name in any form
		{"https://client.example.com/{id}", refused, "percent-encoded"},
		{"https://client.example.com/%zz", refused, "cannot be read"},
		{"https://client.example.com;script-src/cb", refused, "bad host"},
		{"https://client.example.com,evil.example/cb", refused, "bad host"},
		{"https://client..example.com/cb", refused, "bad host"},
		{"https://client.example.com./cb", refused, "bad host"},
		{"https://[fe80::1%25eth0]/cb", refused, "percent-encoded host"},
		{"https://[client.example.com]/cb", refused, "cannot be read"},
		{"https://[2001:db8::1;x]/cb", refused, "cannot be read"},
		{"https://[2001:db8::1, x]/cb", refused, ""},
		{"https://client.example.com:/cb", refused, "bad port"},
		{"https://client.example.com:0/cb", refused, "bad port"},
		{"https://client.example.com:65536/cb", refused, "bad port"},
		{"https://client.example.com:x/cb", refused, "cannot be read"},
		{"javascript:alert(1)", refused, "must use https"},
		{"JavaScript:alert(1)", refused, "must use https"},
		{"data:text/html,hello", refused, "must use https"},
		{"file:///etc/passwd", refused, "must use https"},
		{"vbscript:x", refused, "must use https"},
		{"myapp:/cb", refused, "dot in it"},
		{"urn:ietf:wg:oauth:2.0:oob", refused, "must use https"},
		{"https://client.example.com/cb?code=1", refused, `"code"`},
		{"https://client.example.com/cb?x=1&state=", refused, `"state"`},
		{"https://client.example.com/cb?x=1;%63ode=2", refused, `"code"`},
		{"https://client.example.com/cb?iss", refused, `"iss"`},
		{"https://client.example.com/cb?x=%zz", refused, "hexadecimal"},
	} {
		for _, public := range []bool{false, true} {
			err := CheckRedirectURI(tt.uri, public)
			if ok := tt.want == anyone || tt.want == publicOnly && public; ok {
				if err != nil {
					t.Errorf("%q (public %v) is refused: %v", tt.uri, public, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%q (public %v) is accepted", tt.uri, public)
			} else if !strings.Contains(err.Error(), tt.mentions) {
				t.Errorf("%q: the error %q does not mention %q", tt.uri, err, tt.mentions)
			}
		}
	}
}

func TestCharactersThatNoRedirectURIHas(t *testing.T) {
	for _, c := range "\"<>\\^`{|} \x7f" {
		uri := "https://client.example.com/cb?a=" + string(c)
		if err := CheckRedirectURI(uri, false); err == nil || !strings.Contains(err.Error(), "percent-encoded") {
			t.Errorf("%q: got %v, want an error that mentions percent-encoded", uri, err)
		}
	}
}

func TestMatchRedirectURI(t *testing.T) {
	const never, always, public = 0, 1, 2
	const web = "https://client.example.com/cb?a=1&b=2"
	for _, tt := range []struct {
		registered, received string
		want                 int
	}{
		{web, web, always},
		{web, "https://client.example.com/cb", never},
		{web, "https://client.example.com/cb?b=2&a=1", never},
		{web, "https://client.example.com/cb?a=1&b=2&c=3", never},
		{web, "https://client.example.com/cb/?a=1&b=2", never},
		{web, "https://client.example.com/CB?a=1&b=2", never},
		{web, "https://CLIENT.example.com/cb?a=1&b=2", never},
		{web, "HTTPS://client.example.com/cb?a=1&b=2", never},
		{web, "http://client.example.com/cb?a=1&b=2", never},
		{web, "https://client.example.com:443/cb?a=1&b=2", never},
		{web, "https://user@client.example.com/cb?a=1&b=2", never},
		{web, "https://client.example.com/%63b?a=1&b=2", never},
		{web, "https://client.example.com/cb;x?a=1&b=2", never},
		{web, "https://client.example.com/./cb?a=1&b=2", never},
		{web, "https://client.example.com/x/../cb?a=1&b=2", never},
		{web, "https://client.example.com/cb?a=1&b=2#", never},
		{web, "https://client.example.com.evil.example/cb?a=1&b=2", never},
		{web, "https://evil.example/?https://client.example.com/cb?a=1&b=2", never},
		{web, "", never},

		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", always},
		{"http://127.0.0.1:1234/cb", "http://127.0.0.1:51004/cb", always},
		{"http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", always},
		{"http://127.0.0.1:1234/cb?x=1", "http://127.0.0.1:1/cb?x=1", always},
		{"http://127.0.0.1", "http://127.0.0.1:51004", always},
		{"http://[::1]/cb", "http://[::1]:51004/cb", always},
		{"http://localhost/cb", "http://localhost:51004/cb", public},
		{"http://localhost:8001/cb", "http://localhost:8002/cb", public},
		{"http://localhost:8001/cb", "http://localhost:8001/cb", always},

		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/CB", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb/", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x=1", never},
		{"http://127.0.0.1/cb", "http://localhost:51004/cb", never},
		{"http://127.0.0.1/cb", "http://[::1]:51004/cb", never},
		{"http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:0/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:080/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1:80.evil.example/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", never},
		{"http://127.0.0.1/cb", "http://user@127.0.0.1:80/cb", never},
		{"http://127.0.0.1.evil.example/cb", "http://127.0.0.1:80.evil.example/cb", never}, // could not be registered, and does not match either
		{"http://127.0.0.1/cb", "http://127.1:80/cb", never},
		{"http://127.0.0.1/cb", "http://127.0.0.2:80/cb", never},
		{"https://127.0.0.1/cb", "https://127.0.0.1:80/cb", never},
		{"https://localhost/cb", "https://localhost:80/cb", never},
		{"com.example.app:/cb", "com.example.app:80/cb", never},
	} {
		for _, isPublic := range []bool{false, true} {
			want := tt.want == always || tt.want == public && isPublic
			if got := MatchRedirectURI(tt.registered, tt.received, isPublic); got != want {
				t.Errorf("registered %q, received %q, public %v: %v", tt.registered, tt.received, isPublic, got)
			}
		}
	}
}

func TestRedirectOrigin(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example/cb?x=1":          "https://app.example",
		"https://app.example:8443/cb":         "https://app.example:8443",
		"https://app.example?x":               "https://app.example",
		"http://localhost:8001/callback":      "http://localhost:8001",
		"http://[::1]:7777/cb":                "http://[::1]:7777",
		"https://[2001:db8::1]/cb":            "https://[2001:db8::1]",
		"com.example.app:/cb":                 "com.example.app:",
		"Com.Example.App://host/cb":           "com.example.app:",
		"https://a.example;script-src 'none'": "",
		"https://a.example,https://b.example": "",
		"javascript:alert(1)":                 "",
		"":                                    "",
	} {
		if got := RedirectOrigin(uri); got != want {
			t.Errorf("RedirectOrigin(%q) = %q, want %q", uri, got, want)
		}
	}
}

func TestSameRedirectPlace(t *testing.T) {
	const a = "https://app.example/cb"
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{a, a, true},
		{a, "https://app.example/other?x=1", true},
		{a, "https://app.example:8443/cb", false},
		{a, "https://www.app.example/cb", false},
		{a, "http://127.0.0.1/cb", false},
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:2/other", true},
		{"http://127.0.0.1:1/cb", "http://[::1]/cb", true},
		{"http://127.0.0.1:1/cb", "http://localhost/cb", true},
		{"https://localhost:1/cb", "https://localhost:2/cb", false},
		{"com.example.app:/cb", "com.example.app:/other", true},
		{"com.example.app:/cb", "com.example.other:/cb", false},
		{"javascript:x", "javascript:x", false},
		{"", "", false},
	} {
		if got := SameRedirectPlace(tt.a, tt.b); got != tt.want {
			t.Errorf("SameRedirectPlace(%q, %q) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
		if got := SameRedirectPlace(tt.b, tt.a); got != tt.want {
			t.Errorf("SameRedirectPlace(%q, %q) = %t, want %t", tt.b, tt.a, got, tt.want)
		}
	}
}

func FuzzCheckRedirectURI(f *testing.F) {
	for _, seed := range []string{"https://a.example/cb", "http://[::1]:80/", "com.example.app:/x?y=1", "https://a.example/?x;code=1", "https://u@a.example", "javascript:x", "https://a.example:1/%41?%41=%42"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		confidential, public := CheckRedirectURI(uri, false), CheckRedirectURI(uri, true)
		if confidential == nil && public != nil {
			t.Errorf("%q is for confidential clients but not for public ones", uri)
		}
		origin := RedirectOrigin(uri)
		if (origin == "") != (public != nil) {
			t.Errorf("%q has the origin %q, but its check says %v", uri, origin, public)
		}
		if strings.ContainsAny(origin, " ;,'\"\t\r\n*") {
			t.Errorf("%q has the origin %q, which would change a policy", uri, origin)
		}
		if public != nil {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || !u.IsAbs() || u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, " #*\\\r\n\t") {
			t.Errorf("%q is accepted (%v)", uri, err)
		}
		if confidential == nil && u.Scheme != "https" && !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()) {
			t.Errorf("%q is accepted without https", uri)
		}
		if !strings.HasPrefix(strings.ToLower(uri), strings.ToLower(origin)) {
			t.Errorf("%q has the origin %q, which is not how it begins", uri, origin)
		}
	})
}

func FuzzMatchRedirectURI(f *testing.F) {
	f.Add("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", false)
	f.Add("http://localhost:1/cb", "http://localhost:2/cb", true)
	f.Add("http://[::1]?x", "http://[::1]:9?x", false)
	f.Add("https://a.example/", "https://a.example:443/", false)
	f.Add("http://127.0.0.1:80/", "http://127.0.0.1:80@evil.example/", false)
	f.Fuzz(func(t *testing.T, registered, received string, public bool) {
		if !MatchRedirectURI(registered, registered, public) {
			t.Errorf("%q does not match itself", registered)
		}
		match := MatchRedirectURI(registered, received, public)
		if match != MatchRedirectURI(received, registered, public) {
			t.Errorf("%q and %q match one way only", registered, received)
		}
		if !match || registered == received {
			return
		}
		if CheckRedirectURI(registered, public) == nil && CheckRedirectURI(received, public) != nil {
			t.Errorf("%q stands in for %q, but could not be registered", received, registered)
		}
		a, errA := url.Parse(registered)
		b, errB := url.Parse(received)
		if errA != nil || errB != nil {
			return // not something that could have been registered
		}
		if a.Scheme != "http" || a.Hostname() != b.Hostname() || a.User != nil || b.User != nil || !slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, a.Hostname()) {
			t.Errorf("%q matches %q", registered, received)
		}
		if a.Hostname() == "localhost" && !public {
			t.Errorf("%q matches %q for a confidential client", registered, received)
		}
		a.Host, b.Host = a.Hostname(), b.Hostname()
		if a.String() != b.String() {
			t.Errorf("%q matches %q, and they differ in more than the port", registered, received)
		}
	})
}
