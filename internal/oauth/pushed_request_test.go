package oauth

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
)

// RFC 9126 §2.1, with client_secret_basic.
func TestPushedRequestOfRFC9126(t *testing.T) {
	values, _ := url.ParseQuery(rfcAuthorizationQuery + "&resource=urn:a&resource=urn:b")
	r, err := ParsePushedRequest("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3", NewParams(values))
	if err != nil {
		t.Fatal(err)
	}
	if r.Client.ClientID != "s6BhdRkqt3" || r.Client.Method != AuthBasic {
		t.Errorf("got the client %v", r.Client)
	}
	if !reflect.DeepEqual(r.Params.values, values) {
		t.Errorf("got the parameters %q, want those that were sent, %q", r.Params.values, values)
	}
	if _, err := ParseAuthorizationRequest(r.Params, PKCERequired); err != nil {
		t.Error(err)
	}
}

func TestPushedRequestLosesTheAuthentication(t *testing.T) {
	for name, authentication := range map[string]string{
		"secret":    "client_id=s6BhdRkqt3&client_secret=hush",
		"assertion": assertionBody(`{"sub":"s6BhdRkqt3"}`),
		"public":    "client_id=s6BhdRkqt3",
	} {
		sent := query(t, authentication+"&state=xyz")
		before := len(sent.values)
		r, err := ParsePushedRequest("", sent)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := (url.Values{"client_id": {"s6BhdRkqt3"}, "state": {"xyz"}}); !reflect.DeepEqual(r.Params.values, want) {
			t.Errorf("%s: got %q, want %q", name, r.Params.values, want)
		}
		if len(sent.values) != before {
			t.Errorf("%s: the parameters that were sent have been changed", name)
		}
	}
	// The client is known by its header alone.
	r, err := ParsePushedRequest(basic("app:s"), Params{})
	if err != nil || r.Params.values.Get("client_id") != "app" {
		t.Errorf("got %q, %v", r.Params.values, err)
	}
}

func TestPushedRequestRefuses(t *testing.T) {
	for _, tt := range []struct {
		body     string
		want     Code
		method   AuthMethod
		mentions string
	}{
		{"client_id=app&request_uri=urn:ietf:params:oauth:request_uri:x", InvalidRequest, AuthNone, "request_uri must not be pushed"},
		{"client_id=app&request_uri=x&request_uri=y", InvalidRequest, AuthNone, "request_uri was sent 2 times"},
		{"client_id=app&client_assertion=x&client_assertion_type=" + assertionType, InvalidClient, AuthPrivateKeyJWT, "client_assertion"},
		{"", InvalidClient, AuthNone, "did not say who it is"},
	} {
		r, err := ParsePushedRequest("", query(t, tt.body))
		wantCode(t, err, tt.want, tt.mentions)
		if r.Client.Method != tt.method || r.Params.values != nil {
			t.Errorf("%s: got %v with the method %s, want nothing with %s", tt.body, r, r.Client.Method, tt.method)
		}
	}
}

// RFC 7009 §2.1.
func TestTokenParameterOfRFC7009(t *testing.T) {
	r, err := ParseTokenParameter(rfcTokenHeader, query(t, "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token"))
	if err != nil || r.Token != "45ghiukldjahdnhzdauz" || r.Client.ClientID != "s6BhdRkqt3" {
		t.Errorf("got %q for %v, %v", r.Token, r.Client, err)
	}
	for _, tt := range []struct {
		header, body string
		want         Code
		mentions     string
	}{
		{rfcTokenHeader, "", InvalidRequest, "token is missing"},
		{rfcTokenHeader, "token=", InvalidRequest, "token is missing"},
		{rfcTokenHeader, "token=a&token=b", InvalidRequest, "token was sent 2 times"},
		{"", "token=a", InvalidClient, "did not say who it is"},
		{"Basic !", "token=a", InvalidClient, "base64"},
	} {
		r, err := ParseTokenParameter(tt.header, query(t, tt.body))
		wantCode(t, err, tt.want, tt.mentions)
		if want := AuthBasic; strings.HasPrefix(tt.header, "Basic") && r.Client.Method != want {
			t.Errorf("the method tried is %q: the answer could not ask for Basic", r.Client.Method)
		}
	}
}
