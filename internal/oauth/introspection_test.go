package oauth

import (
	"encoding/json"
	"testing"
)

func TestIntrospectionOfADeadTokenSaysNothing(t *testing.T) {
	if got, err := json.Marshal(Introspection{}); err != nil || string(got) != `{"active":false}` {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestIntrospectionHasTheStandardsNames(t *testing.T) {
	got, err := json.Marshal(Introspection{
		Active: true, Scope: "a b", ClientID: "c", Username: "u", Subject: "s", Team: "acme", TeamID: "t", TokenType: "DPoP", Expires: 2, IssuedAt: 1, Issuer: "i",
		Audience: []string{"x", "y"}, ID: "j", AuthTime: 1, ACR: "pwd", Confirmation: &Confirmation{Thumbprint: "k"},
	})
	want := `{"active":true,"scope":"a b","client_id":"c","username":"u","sub":"s","team":"acme","team_id":"t","token_type":"DPoP","exp":2,"iat":1,"iss":"i",` +
		`"aud":["x","y"],"jti":"j","auth_time":1,"acr":"pwd","cnf":{"jkt":"k"}}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestMetadataWithoutOptionalMembers(t *testing.T) {
	got, err := json.Marshal(Metadata{Issuer: "https://id.example", GrantTypesSupported: []GrantType{GrantRefreshToken}})
	want := `{"issuer":"https://id.example","authorization_endpoint":"","token_endpoint":"","jwks_uri":"","scopes_supported":null,"response_types_supported":null,` +
		`"response_modes_supported":null,"grant_types_supported":["refresh_token"],"code_challenge_methods_supported":null,"authorization_response_iss_parameter_supported":false,"token_endpoint_auth_methods_supported":null}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// What OpenID Connect Discovery §3 takes for true when it is absent is said.
func TestOpenIDConfigurationIsOneObject(t *testing.T) {
	text, err := json.Marshal(OpenIDConfiguration{Metadata: Metadata{Issuer: "https://id.example"}, UserInfoEndpoint: "https://id.example/o/userinfo/"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got["issuer"] != "https://id.example" || got["userinfo_endpoint"] != "https://id.example/o/userinfo/" || got["request_uri_parameter_supported"] != false {
		t.Errorf("got %s", text)
	}
}
