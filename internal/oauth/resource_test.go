package oauth

import (
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
)

func TestResource(t *testing.T) {
	for _, tt := range []struct {
		sent, want []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"https://rs.example.com/"}, []string{"https://rs.example.com/"}}, // RFC 8707 §2.1
		{[]string{"https://rs.example.com"}, []string{"https://rs.example.com"}},
		{[]string{"https://b.example", "https://a.example:8443/x?y=z", "https://b.example"}, []string{"https://b.example", "https://a.example:8443/x?y=z"}},
		{[]string{"HTTPS://A.example/%7e"}, []string{"HTTPS://A.example/%7e"}}, // as it was sent
		{[]string{"urn:example:api", "com.example:/api", "http://[::1]:80"}, []string{"urn:example:api", "com.example:/api", "http://[::1]:80"}},
	} {
		if got, err := parseResource(NewParams(url.Values{"resource": tt.sent})); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %q, %v, want %q", tt.sent, got, err, tt.want)
		}
	}
	for _, value := range []string{
		"api", "/api", "//api.example/x", "?x", "https:", "https://", "https:///path", "https:api.example", "urn:", ":", "https://a.example/#", "https://a.example#b", "https://a.example/ b",
		"https://a.example/\n", "https://a.example/\x00", "https://a.example/\xff", "https://\u00e9.example/", "https://b\u00fccher.example/x", "https://a.example/<", "https://a.example/%zz", "https://[::1", "https://a.example/" + strings.Repeat("a", 500),
	} {
		_, err := parseResource(NewParams(url.Values{"resource": {"https://ok.example", value}}))
		wantCode(t, err, InvalidTarget, "resource")
		if host := strings.HasPrefix(value, "https://b\u00fccher"); host != strings.Contains(err.Error(), "https://xn--bcher-kva.example/x") {
			t.Errorf("%q: %v; want the A-label form: %v", value, err, host)
		}
	}
	var many []string
	for i := range 11 {
		many = append(many, "urn:api:"+string(rune('a'+i)))
	}
	if _, err := parseResource(NewParams(url.Values{"resource": many[:10]})); err != nil {
		t.Error(err)
	}
	_, err := parseResource(NewParams(url.Values{"resource": many}))
	wantCode(t, err, InvalidTarget, "more than 10")
}

func TestSameResource(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"https://api.example", "https://api.example/", true},
		{"https://api.example", "HTTPS://API.Example:443", true},
		{"http://api.example:80/", "http://api.example", true},
		{"https://api.example?x=1", "https://api.example/?x=1", true},
		{"https://api.example:8443", "https://api.example:8443/", true},
		{"https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x", true},
		{"https://u@API.example/x", "https://u@api.example/x", true},
		{"URN:example:api", "urn:example:api", true},
		{"com.example://API/x", "com.example://api/x", true},

		{"https://api.example/mcp", "https://api.example/mcp/", false},
		{"https://api.example/", "https://api.example//", false},
		{"https://api.example/A", "https://api.example/a", false},
		{"https://api.example/%7e", "https://api.example/~", false},
		{"https://api.example/%7E", "https://api.example/%7e", false},
		{"https://api.example/x?A", "https://api.example/x?a", false},
		{"https://api.example/./x", "https://api.example/x", false},
		{"https://U@api.example/x", "https://u@api.example/x", false},
		{"http://api.example", "https://api.example", false},
		{"http://api.example:443", "http://api.example", false},
		{"https://api.example:80", "https://api.example", false},
		{"https://api.example:8443", "https://api.example", false},
		{"https://api.example:4430", "https://api.example", false},
		{"https://api.example.evil", "https://api.example", false},
		{"https://api.example/:443", "https://api.example/", false},
		{"urn:example:API", "urn:example:api", false},
		{"com.example://api", "com.example://api/", false},
		{"api", "API", false},
		{"", "https://", false},
	} {
		if got := SameResource(tt.a, tt.b); got != tt.same {
			t.Errorf("%q and %q: got %v, want %v", tt.a, tt.b, got, tt.same)
		}
		if got := SameResource(tt.b, tt.a); got != tt.same {
			t.Errorf("%q and %q: got %v, want %v", tt.b, tt.a, got, tt.same)
		}
	}
}

func FuzzResource(f *testing.F) {
	for _, seed := range []string{"", "https://rs.example.com/", "urn:example:api", "//a", "https://a.example/#b", "https:a", "http://[::1]:80/?a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, err := parseResource(NewParams(url.Values{"resource": {value, value}}))
		if err != nil {
			if !errors.Is(err, InvalidTarget) || got != nil {
				t.Errorf("%q: got %q, %v", value, got, err)
			}
			return
		}
		if value == "" {
			return
		}
		u, err := url.Parse(value)
		if err != nil || !u.IsAbs() || strings.ContainsAny(value, "# \r\n\x00\"<>") || !reflect.DeepEqual(got, []string{value}) {
			t.Errorf("accepted %q as %q", value, got)
		}
	})
}
