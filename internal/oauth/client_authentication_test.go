package oauth

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func basic(userinfo string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
}

// assertionBody is a form with an assertion of these claims. Nobody verifies its signature here.
func assertionBody(claims string) string {
	return "client_assertion_type=" + assertionType + "&client_assertion=e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestParseClientAuthentication(t *testing.T) {
	for _, tt := range []struct {
		name, header, body string
		want               ClientAuthentication
		code               Code
		mentions           string
	}{
		{
			name: "RFC 6749 §2.3.1 Basic", header: "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
			want: ClientAuthentication{ClientID: "s6BhdRkqt3", Secret: "7Fjfp0ZBr1KtDRbnfVdmIw", Method: AuthBasic},
		},
		{
			name: "RFC 6749 §2.3.1 body", body: "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw",
			want: ClientAuthentication{ClientID: "s6BhdRkqt3", Secret: "7Fjfp0ZBr1KtDRbnfVdmIw", Method: AuthPost},
		},
		{
			name: "RFC 6749 Appendix B", header: basic("+%25%26%2B%C2%A3%E2%82%AC:+%25%26%2B%C2%A3%E2%82%AC"),
			want: ClientAuthentication{ClientID: " %&+£€", Secret: " %&+£€", Method: AuthBasic},
		},
		{name: "a colon in the secret", header: basic("app:a:b"), want: ClientAuthentication{ClientID: "app", Secret: "a:b", Method: AuthBasic}},
		{name: "an encoded colon in the id", header: basic("https%3A//app.example:s"), want: ClientAuthentication{ClientID: "https://app.example", Secret: "s", Method: AuthBasic}},
		{name: "the scheme in any case", header: "bASIC  " + base64.StdEncoding.EncodeToString([]byte("app:s")), want: ClientAuthentication{ClientID: "app", Secret: "s", Method: AuthBasic}},
		{name: "Basic without a secret", header: basic("app:"), want: ClientAuthentication{ClientID: "app", Secret: "", Method: AuthBasic}},
		{name: "Basic and the same client_id in the body", header: basic("app:s"), body: "client_id=app", want: ClientAuthentication{ClientID: "app", Secret: "s", Method: AuthBasic}},
		{name: "Basic and an empty client_secret in the body", header: basic("app:s"), body: "client_secret=", want: ClientAuthentication{ClientID: "app", Secret: "s", Method: AuthBasic}},
		{name: "public", body: "client_id=app", want: ClientAuthentication{ClientID: "app", Secret: "", Method: AuthNone}},
		{name: "public, with a client_secret without a value", body: "client_id=app&client_secret=", want: ClientAuthentication{ClientID: "app", Secret: "", Method: AuthNone}},

		{name: "nothing", code: InvalidClient, want: ClientAuthentication{Method: AuthNone}, mentions: "did not say who it is"},
		{name: "a secret without an id", body: "client_secret=s", code: InvalidRequest, want: ClientAuthentication{Method: AuthPost}, mentions: "without client_id"},
		{name: "two ways", header: basic("app:s"), body: "client_id=app&client_secret=s", code: InvalidRequest, want: ClientAuthentication{Method: AuthBasic}, mentions: "more than one way"},
		{name: "another scheme and a secret", header: "Bearer x", body: "client_id=app&client_secret=s", code: InvalidRequest, want: ClientAuthentication{Method: AuthBasic}, mentions: "more than one way"},
		{name: "another client_id in the body", header: basic("app:s"), body: "client_id=other", code: InvalidRequest, want: ClientAuthentication{Method: AuthBasic}, mentions: "not the one"},
		{name: "client_id twice", body: "client_id=app&client_id=app", code: InvalidRequest, want: ClientAuthentication{Method: AuthNone}, mentions: "client_id was sent 2 times"},
		{name: "client_secret twice", body: "client_id=app&client_secret=a&client_secret=", code: InvalidRequest, want: ClientAuthentication{Method: AuthNone}, mentions: "client_secret was sent 2 times"},
		{name: "an assertion", body: assertionBody(`{"sub":"app"}`), want: ClientAuthentication{ClientID: "app", Method: AuthPrivateKeyJWT}},
		{name: "an assertion and the same client_id", body: "client_id=app&" + assertionBody(`{"sub":"app"}`), want: ClientAuthentication{ClientID: "app", Method: AuthPrivateKeyJWT}},
		{name: "an assertion and another client_id", body: "client_id=other&" + assertionBody(`{"sub":"app"}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "client_id is not the sub"},
		{name: "an assertion of no type", body: "client_id=app&client_assertion=x", code: InvalidRequest, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		{name: "an assertion of another type", body: "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer&client_assertion=x", code: InvalidRequest, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "client_assertion_type"},
		{name: "an assertion that is no JWT", body: "client_id=app&client_assertion_type=" + assertionType + "&client_assertion=x", code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "signed JWT"},
		{name: "an assertion without sub", body: "client_id=app&" + assertionBody(`{"iss":"app"}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "sub is the client_id"},
		{name: "an assertion whose sub is no text", body: assertionBody(`{"sub":["app"]}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "sub is the client_id"},
		{name: "an assertion with NUL", body: assertionBody(`{"sub":"a\u0000"}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "sub is the client_id"},
		{name: "an assertion with a long sub", body: assertionBody(`{"sub":"` + strings.Repeat("a", 256) + `"}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "sub is the client_id"},
		{name: "a long assertion", body: assertionBody(`{"sub":"app","x":"` + strings.Repeat("a", 8192) + `"}`), code: InvalidClient, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "at most 8192"},
		{name: "two assertions", body: "client_assertion=x&client_assertion=y", code: InvalidRequest, want: ClientAuthentication{Method: AuthNone}, mentions: "client_assertion was sent 2 times"},
		{name: "two types", body: assertionBody(`{"sub":"app"}`) + "&client_assertion_type=x", code: InvalidRequest, want: ClientAuthentication{Method: AuthPrivateKeyJWT}, mentions: "client_assertion_type was sent 2 times"},
		{name: "Basic and an assertion", header: basic("app:s"), body: assertionBody(`{"sub":"app"}`), code: InvalidRequest, want: ClientAuthentication{Method: AuthBasic}, mentions: "more than one way"},
		{name: "an assertion and a secret", body: "client_id=app&client_assertion=x&client_secret=s", code: InvalidRequest, want: ClientAuthentication{Method: AuthNone}, mentions: "more than one way"},
		{name: "another scheme", header: "Bearer x", body: "client_id=app", code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "must be Basic"},
		{name: "no credentials", header: "Basic", code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "no colon"},
		{name: "no base64", header: "Basic app:s", code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "base64"},
		{name: "no colon", header: basic("app"), code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "no colon"},
		{name: "no id", header: basic(":s"), code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "no client_id"},
		{name: "bad encoding", header: basic("app:50%"), code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "form-urlencoded"},
		{name: "NUL", header: basic("a%00b:s"), code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "characters"},
		{name: "not UTF-8", header: basic("app:\xff"), code: InvalidClient, want: ClientAuthentication{Method: AuthBasic}, mentions: "characters"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseClientAuthentication(tt.header, query(t, tt.body))
			wantCode(t, err, tt.code, tt.mentions)
			if sent := query(t, tt.body).values.Get("client_assertion"); got.Assertion != "" && got.Assertion != sent || (got.Assertion != "") != (err == nil && sent != "") {
				t.Errorf("got the assertion %q, sent was %q", got.Assertion, sent)
			}
			if got.ClientID != tt.want.ClientID || got.Secret != tt.want.Secret || got.Method != tt.want.Method {
				t.Errorf("got %q %q %q, want %q %q %q", got.ClientID, got.Secret, got.Method, tt.want.ClientID, tt.want.Secret, tt.want.Method)
			}
		})
	}
}

func TestErrorsOfClientAuthenticationDoNotEchoSecrets(t *testing.T) {
	for _, header := range []string{"Basic hush:hush", basic("app:hush%"), "Bearer hush", basic("hush")} {
		if _, err := parseClientAuthentication(header, Params{}); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func FuzzClientAuthentication(f *testing.F) {
	f.Add("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3", "")
	f.Add("", "client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw")
	f.Add("", "client_id=app")
	f.Add("Bearer x", "client_id=app&client_assertion=y")
	f.Add("", assertionBody(`{"sub":"app"}`))
	f.Add("", "client_id=other&"+assertionBody(`{"sub":"app"}`))
	f.Fuzz(func(t *testing.T, header, body string) {
		values, _ := url.ParseQuery(body)
		got, err := parseClientAuthentication(header, NewParams(values))
		if err != nil {
			if got.ClientID != "" || got.Secret != "" || got.Assertion != "" || !errors.Is(err, InvalidClient) && !errors.Is(err, InvalidRequest) {
				t.Errorf("got %v with error %v", got, err)
			}
			return
		}
		if got.ClientID == "" || !utf8.ValidString(got.ClientID+got.Secret) || strings.Contains(got.ClientID+got.Secret, "\x00") {
			t.Errorf("accepted the id %q with the secret %q", got.ClientID, got.Secret)
		}
		if (got.Method == AuthBasic) != (header != "") || (got.Method == AuthPost) != (values.Get("client_secret") != "") || got.Method == AuthNone && got.Secret != "" {
			t.Errorf("%q and %q were taken for %s", header, body, got.Method)
		}
		if (got.Method == AuthPrivateKeyJWT) != (got.Assertion != "") || got.Assertion != values.Get("client_assertion") || got.Assertion != "" && values.Get("client_assertion_type") != assertionType {
			t.Errorf("%q was taken for %s with the assertion %q", body, got.Method, got.Assertion)
		}
		if id := values.Get("client_id"); id != "" && id != got.ClientID {
			t.Errorf("client_id is %q, and %q was taken", id, got.ClientID)
		}
	})
}

// What a library writes into the header is what we read from it.
func FuzzBasicRoundTrip(f *testing.F) {
	f.Add("app", "secret")
	f.Add(" %&+£€", "a:b%+ ")
	f.Fuzz(func(t *testing.T, id, secret string) {
		got, err := parseClientAuthentication(basic(url.QueryEscape(id)+":"+url.QueryEscape(secret)), Params{})
		if id == "" || !isText(id) || !isText(secret) {
			if err == nil {
				t.Errorf("accepted %q with %q", id, secret)
			}
			return
		}
		if err != nil || got.ClientID != id || got.Secret != secret {
			t.Errorf("%q with %q became %q with %q, %v", id, secret, got.ClientID, got.Secret, err)
		}
	})
}
