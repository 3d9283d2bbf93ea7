package oauth

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAuthorizationResponse(t *testing.T) {
	const cb = "https://client.example.com/cb"
	for _, tt := range []struct {
		name string
		r    AuthorizationResponse
		want string
	}{
		{"RFC 6749 §4.1.2", AuthorizationResponse{RedirectURI: cb, Code: "SplxlOBeZQQYbYS6WxSbIA", State: "xyz"}, cb + "?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz"},
		{"RFC 6749 §4.1.2.1", AuthorizationResponse{RedirectURI: cb, Err: AccessDenied, State: "xyz"}, cb + "?error=access_denied&state=xyz"},
		{
			"RFC 9207 §2.1",
			AuthorizationResponse{RedirectURI: "https://client.example/cb", Issuer: "https://honest.as.example", State: "ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI", Code: "x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58"},
			"https://client.example/cb?code=x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58&state=ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI&iss=https%3A%2F%2Fhonest.as.example",
		},
		{"no state", AuthorizationResponse{RedirectURI: cb, Code: "c"}, cb + "?code=c"},
		{"a query of its own", AuthorizationResponse{RedirectURI: cb + "?b=%7e&a=+", Code: "c"}, cb + "?b=%7e&a=+&code=c"},
		{"an empty query", AuthorizationResponse{RedirectURI: cb + "?", Code: "c"}, cb + "?code=c"},
		{"a query that ends in &", AuthorizationResponse{RedirectURI: cb + "?a=1&", Code: "c"}, cb + "?a=1&code=c"},
		{"a query that ends in ?", AuthorizationResponse{RedirectURI: cb + "?a=1?", Code: "c"}, cb + "?a=1?&code=c"},
		{"a private-use scheme", AuthorizationResponse{RedirectURI: "com.example.app:/cb", Code: "c"}, "com.example.app:/cb?code=c"},
		{"state with everything", AuthorizationResponse{RedirectURI: cb, Code: "c", State: "a b+c&code=x#é\r\n"}, cb + "?code=c&state=a%20b%2Bc%26code%3Dx%23%C3%A9%0D%0A"},
		{"a description", AuthorizationResponse{RedirectURI: cb, Err: InvalidScope.Errorf("the scope %q", "x\\")}, cb + "?error=invalid_scope&error_description=the%20scope%20%27x%3F%3F%27"},
		{"an error with a code beside it", AuthorizationResponse{RedirectURI: cb, Err: AccessDenied, Code: "c"}, cb + "?error=access_denied"},
	} {
		if got := tt.r.URL(); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestAuthorizationResponseFields(t *testing.T) {
	r := AuthorizationResponse{RedirectURI: "https://client.example.com/cb", Issuer: "https://id.example", Code: "c", State: "a b", Mode: ModeFormPost}
	if got, want := r.Fields(), [][2]string{{"code", "c"}, {"state", "a b"}, {"iss", "https://id.example"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Err = AccessDenied.Errorf("no")
	if got, want := r.Fields(), [][2]string{{"error", "access_denied"}, {"error_description", "no"}, {"state", "a b"}, {"iss", "https://id.example"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAuthorizationResponseHidesCauses(t *testing.T) {
	got := AuthorizationResponse{RedirectURI: "https://a.example/", Err: errors.New("disk on fire"), State: "s"}.URL()
	if !strings.Contains(got, "error=server_error&") || strings.Contains(got, "fire") {
		t.Error(got)
	}
}

func FuzzAuthorizationResponse(f *testing.F) {
	f.Add("https://client.example.com/cb", "SplxlOBeZQQYbYS6WxSbIA", "xyz", "")
	f.Add("https://client.example.com/cb?a=1", "c", "a b&code=2", "the scope \"x\"")
	f.Add("com.example.app:/cb?", "c", "", "é\r\nLocation: x")
	f.Add("http://[::1]:80?x=1&", "c", "\xff", "")
	f.Fuzz(func(t *testing.T, uri, code, state, description string) {
		if CheckRedirectURI(uri, true) != nil {
			return
		}
		const issuer = "https://gatehouse.example"
		r := AuthorizationResponse{RedirectURI: uri, Issuer: issuer, State: state, Code: code}
		if description != "" {
			r.Err = InvalidRequest.Errorf("%s", description)
		}
		got := r.URL()
		rest, kept := strings.CutPrefix(got, uri)
		u, err := url.Parse(got)
		if err != nil || !kept || u.Fragment != "" || strings.ContainsAny(rest[1:], " \r\n\"<>#?") {
			t.Fatalf("%q: %q, %v", uri, got, err)
		}
		added, err := url.ParseQuery(strings.TrimLeft(rest, "?&"))
		if err != nil {
			t.Fatalf("%q cannot be read: %v", rest, err)
		}
		for _, field := range r.Fields() {
			if !reflect.DeepEqual(added[field[0]], []string{field[1]}) && utf8.ValidString(field[1]) {
				t.Errorf("the field %q is %q in the URL and %q in the form", field[0], added[field[0]], field[1])
			}
		}
		want := url.Values{"iss": {issuer}}
		if r.Err != nil {
			want["error"], want["error_description"] = []string{"invalid_request"}, []string{safeDescription(description)}
		} else if code != "" {
			want["code"] = []string{code}
		}
		if state != "" {
			want["state"] = []string{state}
		}
		if !reflect.DeepEqual(added, want) {
			t.Errorf("%q adds %v, want %v", got, added, want)
		}
		// Each parameter of the response is in the query once.
		pairs := strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' })
		seen := map[string]int{}
		for _, pair := range pairs {
			name, _, _ := strings.Cut(pair, "=")
			name, _ = url.QueryUnescape(name)
			seen[name]++
		}
		for name := range want {
			if seen[name] != 1 {
				t.Errorf("%q has %s %d times", got, name, seen[name])
			}
		}
	})
}
