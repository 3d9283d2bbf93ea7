package oauth

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// RFC 6749 §4.1.1 with the challenge of RFC 7636 Appendix B.
const rfcAuthorizationQuery = "response_type=code&client_id=s6BhdRkqt3&state=xyz&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb&code_challenge=" + rfcChallenge + "&code_challenge_method=S256"

func TestAuthorizationRequestOfRFC6749(t *testing.T) {
	got, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery), PKCERequired)
	want := AuthorizationRequest{ClientID: "s6BhdRkqt3", RedirectURI: "https://client.example.com/cb", State: "xyz", CodeChallenge: rfcChallenge}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestAuthorizationRequestWithEverything(t *testing.T) {
	got, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery+"&scope=a+b&team=blue&prompt=login+consent+select_account&max_age=60&nonce=n-0S6_WzA2Mj&response_mode=query&display=page&unknown=1&unknown=2"), PKCERequired)
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
		{"response_mode", "Form_Post", InvalidRequest, "response_mode must be query"},
		{"response_mode", "query form_post", InvalidRequest, "response_mode must be query"},
		{"response_mode", twice, InvalidRequest, "response_mode was sent"},
		{"resource", "api", InvalidTarget, "not an absolute URI"},
		{"resource", "https://api.example/#a", InvalidTarget, "fragment"},
		{"login_hint", strings.Repeat("a", 256), InvalidRequest, "login_hint is 256 bytes"},
		{"login_hint", twice, InvalidRequest, "login_hint was sent"},
		{"id_token_hint", strings.Repeat("a", 4097), InvalidRequest, "id_token_hint is 4097 bytes"},
		{"acr_values", strings.Repeat("a", 1025), InvalidRequest, "acr_values is 1025 bytes"},
		{"acr_values", twice, InvalidRequest, "acr_values was sent"},
		{"ui_locales", strings.Repeat("a", 256), InvalidRequest, "ui_locales is 256 bytes"},
		{"dpop_jkt", "short", InvalidRequest, "thumbprint"},
		{"dpop_jkt", rfcChallenge + "=", InvalidRequest, "thumbprint"},
		{"dpop_jkt", rfcChallenge[:42] + "\n", InvalidRequest, "thumbprint"},
		{"dpop_jkt", twice, InvalidRequest, "dpop_jkt was sent"},
	} {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		values.Set(tt.name, tt.value)
		if tt.value == twice {
			values[tt.name] = []string{"1", "2"}
		}
		r, err := ParseAuthorizationRequest(NewParams(values), PKCERequired)
		wantCode(t, err, tt.want, tt.mentions)
		if r.State != "xyz" {
			t.Errorf("%s=%q: the error cannot carry the state, which is %q", tt.name, tt.value, r.State)
		}
	}
}

func TestAuthorizationRequestWithANonceForPKCE(t *testing.T) {
	const plain = "response_type=code&client_id=s6BhdRkqt3&state=xyz&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb"
	got, err := ParseAuthorizationRequest(query(t, plain+"&scope=openid+a&nonce=n"), PKCENonce)
	want := AuthorizationRequest{ClientID: "s6BhdRkqt3", RedirectURI: "https://client.example.com/cb", State: "xyz", Scope: Scope{"openid", "a"}, Nonce: "n"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, tt := range []struct {
		query    string
		pkce     PKCE
		mentions string
	}{
		{plain + "&scope=openid&nonce=n", PKCERequired, "every client must use PKCE"},
		{plain + "&scope=openid&nonce=n", "something else", "every client must use PKCE"},
		{plain + "&scope=openid", PKCENonce, "nonce"},
		{plain + "&scope=openid&nonce=", PKCENonce, "nonce"},
		{plain + "&nonce=n", PKCENonce, "openid"},
		{plain + "&scope=openid&nonce=n&code_challenge_method=S256", PKCENonce, "sent without code_challenge"},
		{plain + "&scope=openid&nonce=n&code_challenge=" + rfcChallenge, PKCENonce, "code_challenge_method is missing"},
		{plain + "&scope=openid&nonce=n&code_challenge=short&code_challenge_method=S256", PKCENonce, "43 characters"},
		{plain + "&scope=openid&nonce=n&code_challenge=" + rfcChallenge + "&code_challenge_method=plain", PKCENonce, "must be S256"},
	} {
		r, err := ParseAuthorizationRequest(query(t, tt.query), tt.pkce)
		wantCode(t, err, InvalidRequest, tt.mentions)
		if r.State != "xyz" {
			t.Errorf("%s: the error cannot carry the state, which is %q", tt.query, r.State)
		}
	}
}

func TestAuthorizationRequestWithHints(t *testing.T) {
	got, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery+"&response_mode=form_post&resource=https://a.example/&resource=urn:b&resource=https://a.example/&resource="+
		"&login_hint=ann@acme.example&id_token_hint=a.b.c&acr_values=mfa++pwd+mfa&ui_locales=de+en&dpop_jkt=0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"), PKCERequired)
	want := AuthorizationRequest{
		ClientID: "s6BhdRkqt3", RedirectURI: "https://client.example.com/cb", State: "xyz", CodeChallenge: rfcChallenge,
		ResponseMode: ModeFormPost, Resource: []string{"https://a.example/", "urn:b"}, LoginHint: "ann@acme.example", IDTokenHint: "a.b.c",
		ACRValues: []string{"mfa", "pwd"}, UILocales: "de en", DPoPKey: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", // RFC 9449 §10
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

// A client that asked for form_post gets errors in that mode too.
func TestErrorsCarryTheResponseMode(t *testing.T) {
	for _, wrong := range []string{"&scope=%22", "&prompt=x", "&nonce=%00", "&request=x", "&resource=x", "&state=a&state=b"} {
		r, err := ParseAuthorizationRequest(query(t, strings.Replace(rfcAuthorizationQuery, "&state=xyz", "", 1)+wrong+"&response_mode=form_post"), PKCERequired)
		if err == nil || r.ResponseMode != ModeFormPost {
			t.Errorf("%s: got the mode %q with error %v, want form_post", wrong, r.ResponseMode, err)
		}
	}
	if r, err := ParseAuthorizationRequest(query(t, rfcAuthorizationQuery+"&response_mode=fragment"), PKCERequired); err == nil || r.ResponseMode != "" {
		t.Errorf("a mode that does not exist is to be answered by %q, want query", r.ResponseMode)
	}
}

func TestPushedRequestURIs(t *testing.T) {
	for _, tt := range []struct {
		name, query, want string
		pushed            bool
		code              Code
	}{
		{"none", "a=1", "", false, ""},
		{"ours", "request_uri=urn:ietf:params:oauth:request_uri:k1.abc", "k1.abc", true, ""},
		{"ours and empty", "request_uri=urn:ietf:params:oauth:request_uri:", "", true, ""},
		{"another kind", "request_uri=https://client.example/r", "", false, ""},
		{"another case", "request_uri=URN:ietf:params:oauth:request_uri:a", "", false, ""},
		{"two", "request_uri=urn:ietf:params:oauth:request_uri:a&request_uri=urn:ietf:params:oauth:request_uri:a", "", false, InvalidRequest},
	} {
		got, pushed, err := query(t, tt.query).PushedRequest()
		wantCode(t, err, tt.code, "")
		if got != tt.want || pushed != tt.pushed {
			t.Errorf("%s: got %q, %v, want %q, %v", tt.name, got, pushed, tt.want, tt.pushed)
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
		_, err := ParseAuthorizationRequest(NewParams(values), PKCERequired)
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
		if r, err := ParseAuthorizationRequest(NewParams(values), PKCERequired); err != nil || r.State != state {
			t.Errorf("state %q became %q, %v", state, r.State, err)
		}
	}
	for name, states := range map[string][]string{
		"too long": {strings.Repeat("s", MaxStateLength+1)}, "twice": {"a", "a"}, "NUL": {"\x00"}, "not UTF-8": {"\xff"},
	} {
		values, _ := url.ParseQuery(rfcAuthorizationQuery)
		values["state"] = states
		r, err := ParseAuthorizationRequest(NewParams(values), PKCERequired)
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

func FuzzAuthorizationRequest(f *testing.F) {
	f.Add(rfcAuthorizationQuery)
	f.Add(rfcAuthorizationQuery + "&prompt=none&max_age=1&scope=a+b&team=blue&nonce=n")
	f.Add(rfcAuthorizationQuery + "&state=again")
	f.Add("response_type=token&state=%00")
	f.Add(rfcAuthorizationQuery + "&response_mode=form_post&resource=https://a.example&resource=urn:b&acr_values=a+b&login_hint=l&ui_locales=de&dpop_jkt=" + rfcChallenge)
	f.Add("response_type=code&client_id=s6BhdRkqt3&redirect_uri=https://client.example/cb&scope=openid&nonce=n")
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw)
		r, err := ParseAuthorizationRequest(NewParams(values), PKCERequired)
		loose, looseErr := ParseAuthorizationRequest(NewParams(values), PKCENonce)
		switch {
		case err == nil && (looseErr != nil || !reflect.DeepEqual(r, loose)):
			t.Errorf("%q is %+v with PKCE required and %+v, %v with a nonce", raw, r, loose, looseErr)
		case err != nil && looseErr == nil && (loose.CodeChallenge != "" || values.Get("code_challenge") != "" || loose.Nonce == "" || !loose.Scope.Contains(ScopeOpenID)):
			t.Errorf("accepted %q without PKCE", raw)
		}
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
		if mode := values.Get("response_mode"); r.ResponseMode != ModeFormPost && r.ResponseMode != "" || mode != string(r.ResponseMode) && mode != "query" {
			t.Errorf("response_mode %q became %q", mode, r.ResponseMode)
		}
		for _, resource := range r.Resource {
			if !slices.Contains(values["resource"], resource) || strings.Contains(resource, "#") {
				t.Errorf("%q became the resource %q", values["resource"], resource)
			}
		}
		text, err := json.Marshal(r)
		var back AuthorizationRequest
		if err != nil || json.Unmarshal(text, &back) != nil || !reflect.DeepEqual(r, back) {
			t.Errorf("%+v through JSON is %+v", r, back)
		}
	})
}

func BenchmarkParseAuthorizationRequest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		values, err := url.ParseQuery(rfcAuthorizationQuery + "&scope=a+b&team=blue")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ParseAuthorizationRequest(NewParams(values), PKCERequired); err != nil {
			b.Fatal(err)
		}
	}
}
