package oauth

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

// RFC 6749 §4.1.1 with the challenge of RFC 7636 Appendix B.
const rfcAuthorizationQuery = "response_type=code&client_id=s6BhdRkqt3&state=xyz&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb&code_challenge=" + rfcChallenge + "&code_challenge_method=S256"

func TestAuthorizationRequestOfRFC6749(t *testing.T) {
	got, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery))
	want := AuthorizationRequest{ClientID: "s6BhdRkqt3", RedirectURI: "https://client.example.com/cb", State: "xyz", CodeChallenge: rfcChallenge}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestAuthorizationRequestWithEverything(t *testing.T) {
	got, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery+"&scope=a+b&team=blue&prompt=login+consent+select_account&max_age=60&nonce=n-0S6_WzA2Mj&response_mode=query&display=page&unknown=1&unknown=2"))
	age := time.Minute
	want := AuthorizationRequest{
		ClientID: "s6BhdRkqt3", RedirectURI: "https://client.example.com/cb", State: "xyz", CodeChallenge: rfcChallenge,
		Scope: Scope{"a", "b"}, Team: "blue", Prompt: Prompt{Login: true, Consent: true, SelectAccount: true}, MaxAge: &age, Nonce: "n-0S6_WzA2Mj",
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back AuthorizationRequest
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, want) {
		t.Errorf("through JSON it became %+v, %v", back, err)
	}
}

func TestAuthorizationRequestRefuses(t *testing.T) {
	const twice = "\x02" // stands for a parameter that is sent twice
	for _, tt := range []struct {
		name, value string
		want        Code
		mentions    string
	}{
		{"client_id", "", InvalidRequest, "client_id is missing"},
		{"client_id", twice, InvalidRequest, "client_id was sent 2 times"},
		{"redirect_uri", "", InvalidRequest, "redirect_uri is missing"},
		{"response_type", "", InvalidRequest, "send response_type=code"},
		{"response_type", twice, InvalidRequest, "response_type was sent"},
		{"response_type", "token", UnsupportedResponseType, "token"},
		{"response_type", "code id_token", UnsupportedResponseType, "code id_token"},
		{"response_type", "Code", UnsupportedResponseType, "Code"},
		{"code_challenge", "", InvalidRequest, "PKCE"},
		{"code_challenge", "short", InvalidRequest, "43 characters"},
		{"code_challenge", rfcChallenge + "=", InvalidRequest, "43 characters"},
		{"code_challenge", twice, InvalidRequest, "code_challenge was sent"},
		{"code_challenge_method", "", InvalidRequest, "send code_challenge_method=S256"},
		{"code_challenge_method", "plain", InvalidRequest, "must be S256, not 'plain'"},
		{"code_challenge_method", "s256", InvalidRequest, "must be S256"},
		{"scope", `a b"c`, InvalidScope, "b?'c"},
		{"scope", " ", InvalidScope, "no value"},
		{"scope", twice, InvalidRequest, "scope was sent"},
		{"request", "eyJhbGciOiJub25lIn0.e30.", RequestNotSupported, "request objects"},
		{"request", twice, InvalidRequest, "request was sent"},
		{"request_uri", "https://client.example.com/r", RequestURINotSupported, "request_uri"},
		{"request_uri", "urn:ietf:params:oauth:request_uri:x", RequestURINotSupported, "request_uri"},
		{"prompt", "none login", InvalidRequest, "only value"},
		{"prompt", "consent none", InvalidRequest, "only value"},
		{"prompt", "create", InvalidRequest, "create"},
		{"prompt", "None", InvalidRequest, "None"},
		{"prompt", "login\tconsent", InvalidRequest, "prompt"},
		{"prompt", twice, InvalidRequest, "prompt was sent"},
		{"max_age", "-1", InvalidRequest, "max_age"},
		{"max_age", "+1", InvalidRequest, "max_age"},
		{"max_age", "1.5", InvalidRequest, "max_age"},
		{"max_age", "soon", InvalidRequest, "max_age"},
		{"max_age", "0x10", InvalidRequest, "max_age"},
		{"max_age", " 1", InvalidRequest, "max_age"},
		{"max_age", twice, InvalidRequest, "max_age was sent"},
		{"team", twice, InvalidRequest, "team was sent"},
		{"team", "\xff", InvalidRequest, "team is not valid UTF-8"},
		{"team", strings.Repeat("a", 256), InvalidRequest, "team is 256 bytes"},
		{"nonce", "a\x00", InvalidRequest, "nonce contains a NUL"},
		{"nonce", strings.Repeat("a", 1025), InvalidRequest, "nonce is 1025 bytes"},
		{"response_mode", "fragment", InvalidRequest, "response_mode must be query"},
		{"response_mode", "form_post", InvalidRequest, "response_mode must be query"},
	} {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		values.Set(tt.name, tt.value)
		if tt.value == twice {
			values[tt.name] = []string{"1", "2"}
		}
		r, err := ParseAuthorizationRequest(NewParams(values))
		wantCode(t, err, tt.want, tt.mentions)
		if r.State != "xyz" {
			t.Errorf("%s=%q: the error cannot carry the state, which is %q", tt.name, tt.value, r.State)
		}
	}
}

func TestErrorsComeInOrder(t *testing.T) {
	wrong := []struct {
		name, value string
		want        Code
	}{
		{"response_type", "token", UnsupportedResponseType},
		{"code_challenge", "short", InvalidRequest},
		{"code_challenge_method", "plain", InvalidRequest},
		{"scope", "\"", InvalidScope},
		{"request", "x", RequestNotSupported},
		{"request_uri", "x", RequestURINotSupported},
		{"prompt", "x", InvalidRequest},
		{"max_age", "x", InvalidRequest},
	}
	for first := range wrong {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		for _, w := range wrong[first:] {
			values.Set(w.name, w.value)
		}
		_, err := ParseAuthorizationRequest(NewParams(values))
		mentions := wrong[first].name
		if mentions == "request" || mentions == "scope" {
			mentions = ""
		}
		wantCode(t, err, wrong[first].want, mentions)
	}
}

func TestState(t *testing.T) {
	for _, state := range []string{"", "xyz", " +&=#?%20é\r\n\"<>", strings.Repeat("s", MaxStateLength)} {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		values.Set("state", state)
		if r, err := ParseAuthorizationRequest(NewParams(values)); err != nil || r.State != state {
			t.Errorf("state %q became %q, %v", state, r.State, err)
		}
	}
	for name, states := range map[string][]string{
		"too long": {strings.Repeat("s", MaxStateLength+1)}, "twice": {"a", "a"}, "NUL": {"\x00"}, "not UTF-8": {"\xff"},
	} {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		values["state"] = states
		r, err := ParseAuthorizationRequest(NewParams(values))
		wantCode(t, err, InvalidRequest, "state")
		if r.State != "" {
			t.Errorf("%s: %d bytes of state are returned with the error", name, len(r.State))
		}
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	for text, want := range map[string]Prompt{
		"none": {None: true}, "login": {Login: true}, "login login": {Login: true}, " consent  login": {Login: true, Consent: true}, "select_account": {SelectAccount: true}, "": {},
	} {
		if got, err := parsePrompt(NewParams(url.Values{"prompt": {text}})); err != nil || got != want {
			t.Errorf("prompt=%q: %+v, %v", text, got, err)
		}
	}
	const most = math.MaxInt64 / time.Second * time.Second
	for text, want := range map[string]time.Duration{
		"0": 0, "60": time.Minute, "0060": time.Minute, "9223372036": most, "9223372037": most, "18446744073709551615": most, "18446744073709551616": most, strings.Repeat("9", 99): most,
	} {
		if got, err := parseMaxAge(NewParams(url.Values{"max_age": {text}})); err != nil || got == nil || *got != want {
			t.Errorf("max_age=%q: %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := parseMaxAge(NewParams(url.Values{"max_age": {""}})); err != nil || got != nil {
		t.Errorf("max_age without a value: %v, %v", got, err)
	}
}

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

func TestAuthorizationResponseHidesCauses(t *testing.T) {
	got := AuthorizationResponse{RedirectURI: "https://a.example/", Err: errors.New("disk on fire"), State: "s"}.URL()
	if !strings.Contains(got, "error=server_error&") || strings.Contains(got, "fire") {
		t.Error(got)
	}
}

func FuzzAuthorizationRequest(f *testing.F) {
	f.Add(rfcAuthorizationQuery)
	f.Add(rfcAuthorizationQuery + "&prompt=none&max_age=1&scope=a+b&team=blue&nonce=n")
	f.Add(rfcAuthorizationQuery + "&state=again")
	f.Add("response_type=token&state=%00")
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw)
		r, err := ParseAuthorizationRequest(NewParams(values))
		if r.State != "" && (len(values["state"]) != 1 || r.State != values.Get("state") || len(r.State) > MaxStateLength) {
			t.Errorf("state %q became %q", values["state"], r.State)
		}
		if err != nil {
			if _, known := errors.AsType[*Error](err); !known {
				t.Errorf("the error %v has no code", err)
			}
			return
		}
		if values.Get("response_type") != "code" || values.Get("code_challenge_method") != "S256" || len(r.CodeChallenge) != 43 || values.Get("request") != "" || values.Get("request_uri") != "" {
			t.Errorf("accepted %q", raw)
		}
		if r.ClientID == "" || r.RedirectURI == "" || r.RedirectURI != values.Get("redirect_uri") || r.Team != values.Get("team") {
			t.Errorf("%q became %+v", raw, r)
		}
		if r.MaxAge != nil && *r.MaxAge < 0 || r.Prompt.None && r.Prompt != (Prompt{None: true}) {
			t.Errorf("%q became %+v with max_age %v", raw, r, r.MaxAge)
		}
		text, err := json.Marshal(r)
		var back AuthorizationRequest
		if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(r, back) {
			t.Errorf("%+v through JSON is %+v", r, back)
		}
	})
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
		want := url.Values{"iss": {issuer}}
		if r.Err != nil {
			want["error"], want["error_description"] = []string{"invalid_request"}, []string{SafeDescription(description)}
		} else if code != "" {
			want["code"] = []string{code}
		}
		if state != "" {
			want["state"] = []string{state}
		}
		if !reflect.DeepEqual(added, want) {
			t.Errorf("%q adds %v, want %v", got, added, want)
		}
		// Whoever reads the whole query finds each parameter of the response once.
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
