package oauth

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// RFC 6749 §4.1.3, with the verifier of RFC 7636 Appendix B.
const (
	rfcTokenHeader = "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
	rfcTokenBody   = "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb&code_verifier=" + rfcVerifier
)

func TestTokenRequestOfRFC6749(t *testing.T) {
	r, err := ParseTokenRequest(rfcTokenHeader, query(t, rfcTokenBody))
	if err != nil {
		t.Fatal(err)
	}
	if r.GrantType != GrantAuthorizationCode || r.Client.ClientID != "s6BhdRkqt3" || r.Client.Secret != "gX1fBat3bV" || r.Client.Method != AuthBasic {
		t.Errorf("got %v", r)
	}
	x, err := r.CodeExchange()
	if err != nil {
		t.Fatal(err)
	}
	if x.Code != "SplxlOBeZQQYbYS6WxSbIA" || x.RedirectURI != "https://client.example.com/cb" || x.CodeVerifier != rfcVerifier {
		t.Errorf("got %q %q %q", x.Code, x.RedirectURI, x.CodeVerifier)
	}
}

func TestGrantTypes(t *testing.T) {
	for _, tt := range []struct {
		body     string
		want     Code
		mentions string
	}{
		{"", InvalidRequest, "grant_type is missing"},
		{"grant_type=", InvalidRequest, "grant_type is missing"},
		{"grant_type=authorization_code&grant_type=authorization_code", InvalidRequest, "grant_type was sent 2 times"},
		{"grant_type=password&username=a&password=b", UnsupportedGrantType, "password"},
		{"grant_type=implicit", UnsupportedGrantType, "implicit"},
		{"grant_type=urn:ietf:params:oauth:grant-type:device_code", UnsupportedGrantType, "device_code"},
		{"grant_type=Authorization_Code", UnsupportedGrantType, "Authorization_Code"},
		{"grant_type=authorization_code+", UnsupportedGrantType, "authorization_code "},
	} {
		_, err := ParseTokenRequest("", query(t, tt.body))
		wantCode(t, err, tt.want, tt.mentions)
	}
}

func TestTokenRequestSaysHowTheClientTried(t *testing.T) {
	r, err := ParseTokenRequest("Basic !", query(t, rfcTokenBody))
	wantCode(t, err, InvalidClient, "base64")
	if r.Client.Method != AuthBasic {
		t.Errorf("the method tried is %q: the answer could not ask for Basic", r.Client.Method)
	}
	_, err = ParseTokenRequest("", query(t, rfcTokenBody))
	wantCode(t, err, InvalidClient, "client_id")
}

func TestCodeExchangeNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, value, mentions string }{
		{"code", "", "code is missing"},
		{"redirect_uri", "", "redirect_uri is missing"},
		{"code_verifier", "too-short", "43 to 128"},
		{"code", "a\x00", "code contains a NUL"},
		{"redirect_uri", "\xff", "redirect_uri is not valid UTF-8"},
	} {
		values, _ := url.ParseQuery(rfcTokenBody)
		values.Set(tt.name, tt.value)
		r, err := ParseTokenRequest(rfcTokenHeader, NewParams(values))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.CodeExchange()
		wantCode(t, err, InvalidRequest, tt.mentions)

		values.Set(tt.name, "x")
		values.Add(tt.name, "")
		if r, err = ParseTokenRequest(rfcTokenHeader, NewParams(values)); err != nil {
			t.Fatal(err)
		}
		_, err = r.CodeExchange()
		wantCode(t, err, InvalidRequest, tt.name+" was sent 2 times")
	}
}

// RFC 6749 §6.
func TestRefreshRequestOfRFC6749(t *testing.T) {
	r, err := ParseTokenRequest(rfcTokenHeader, query(t, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA"))
	if err != nil || r.GrantType != GrantRefreshToken || r.Client.ClientID != "s6BhdRkqt3" {
		t.Fatalf("got %v, %v", r, err)
	}
	x, err := r.RefreshExchange()
	if err != nil || !reflect.DeepEqual(x, RefreshExchange{RefreshToken: "tGzv3JOkF0XG5Qx2TlKWIA"}) {
		t.Errorf("got %q %q %q, %v", x.RefreshToken, x.Scope, x.Resource, err)
	}
}

// RFC 6749 §4.4.2, and RFC 8707 §2.2.
func TestClientCredentialsRequestOfRFC6749(t *testing.T) {
	r, err := ParseTokenRequest(rfcTokenHeader, query(t, "grant_type=client_credentials"))
	if err != nil || r.GrantType != GrantClientCredentials {
		t.Fatalf("got %v, %v", r, err)
	}
	if x, err := r.ClientCredentials(); err != nil || !reflect.DeepEqual(x, ClientCredentials{}) {
		t.Errorf("got %+v, %v", x, err)
	}
	r, err = ParseTokenRequest(rfcTokenHeader, query(t, "grant_type=client_credentials&scope=a+b&resource=https%3A%2F%2Fcal.example.com%2F&resource=https%3A%2F%2Fcontacts.example.com%2F"))
	if err != nil {
		t.Fatal(err)
	}
	want := ClientCredentials{Scope: Scope{"a", "b"}, Resource: []string{"https://cal.example.com/", "https://contacts.example.com/"}}
	if x, err := r.ClientCredentials(); err != nil || !reflect.DeepEqual(x, want) {
		t.Errorf("got %+v, %v, want %+v", x, err, want)
	}
}

func TestNarrowingNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		params   string
		want     Code
		mentions string
	}{
		{"scope=%22", InvalidScope, "scope value"},
		{"scope=+", InvalidScope, "no value"},
		{"scope=a&scope=b", InvalidRequest, "scope was sent 2 times"},
		{"resource=api", InvalidTarget, "not an absolute URI"},
		{"resource=https://a.example/&resource=/b", InvalidTarget, "'/b'"},
	} {
		body := rfcTokenBody + "&refresh_token=x&" + tt.params
		r, err := ParseTokenRequest(rfcTokenHeader, query(t, body))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.RefreshExchange()
		wantCode(t, err, tt.want, tt.mentions)
		_, err = r.ClientCredentials()
		wantCode(t, err, tt.want, tt.mentions)
		if tt.want == InvalidTarget {
			_, err = r.CodeExchange()
			wantCode(t, err, tt.want, tt.mentions)
		}
	}
	for params, mentions := range map[string]string{"": "refresh_token is missing", "&refresh_token=": "refresh_token is missing", "&refresh_token=a&refresh_token=a": "refresh_token was sent 2 times", "&refresh_token=%00": "NUL"} {
		r, err := ParseTokenRequest(rfcTokenHeader, query(t, "grant_type=refresh_token"+params))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.RefreshExchange()
		wantCode(t, err, InvalidRequest, mentions)
	}
}

func TestTokenResponseHasTheStandardsNames(t *testing.T) {
	got, err := json.Marshal(TokenResponse{AccessToken: "at", TokenType: "Bearer", ExpiresIn: 3600, Scope: "chatbot:read", Team: "blue"})
	want := `{"access_token":"at","token_type":"Bearer","expires_in":3600,"scope":"chatbot:read","team":"blue"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestTokenResponseWithEverything(t *testing.T) {
	got, err := json.Marshal(TokenResponse{AccessToken: "at", TokenType: "DPoP", ExpiresIn: 3600, Scope: "openid", Team: "blue", RefreshToken: "rt", IDToken: "it"})
	want := `{"access_token":"at","token_type":"DPoP","expires_in":3600,"scope":"openid","team":"blue","refresh_token":"rt","id_token":"it"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func FuzzTokenRequest(f *testing.F) {
	f.Add(rfcTokenHeader, rfcTokenBody)
	f.Add("", "grant_type=password&client_id=a")
	f.Add("", "grant_type=authorization_code&client_id=a&code=b&code=c")
	f.Add(rfcTokenHeader, "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&scope=a&resource=https://a.example")
	f.Add(rfcTokenHeader, "grant_type=client_credentials&resource=a&resource=b")
	f.Fuzz(func(t *testing.T, header, body string) {
		values, _ := url.ParseQuery(body)
		r, err := ParseTokenRequest(header, NewParams(values))
		if err != nil {
			if _, known := errors.AsType[*Error](err); !known {
				t.Errorf("the error %v has no code", err)
			}
			return
		}
		if !slices.Contains([]GrantType{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials}, r.GrantType) || values.Get("grant_type") != string(r.GrantType) || r.Client.ClientID == "" {
			t.Errorf("%q was accepted as %v", body, r)
		}
		refresh, err := r.RefreshExchange()
		if err == nil && (refresh.RefreshToken == "" || refresh.RefreshToken != values.Get("refresh_token")) || err != nil && !reflect.DeepEqual(refresh, RefreshExchange{}) {
			t.Errorf("%q became the refresh token %q with error %v", body, refresh.RefreshToken, err)
		}
		x, err := r.CodeExchange()
		if err != nil {
			if !errors.Is(err, InvalidRequest) && !errors.Is(err, InvalidTarget) || !reflect.DeepEqual(x, CodeExchange{}) {
				t.Errorf("got %q with error %v", x.Code, err)
			}
			return
		}
		if x.Code == "" || x.Code != values.Get("code") || x.RedirectURI == "" || x.RedirectURI != values.Get("redirect_uri") || x.CodeVerifier != values.Get("code_verifier") || len(x.CodeVerifier) < 43 || strings.Contains(x.Code+x.RedirectURI, "\x00") {
			t.Errorf("%q became %q %q %q", body, x.Code, x.RedirectURI, x.CodeVerifier)
		}
	})
}

func BenchmarkParseTokenRequest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		values, err := url.ParseQuery(rfcTokenBody)
		if err != nil {
			b.Fatal(err)
		}
		r, err := ParseTokenRequest(rfcTokenHeader, NewParams(values))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.CodeExchange(); err != nil {
			b.Fatal(err)
		}
	}
}
