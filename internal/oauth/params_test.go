package oauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// wantCode fails unless err has the code (or is nil for "") and a description that mentions what it is about.
func wantCode(t *testing.T, err error, code Code, mentions string) {
	t.Helper()
	if code == "" {
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		return
	}
	if !errors.Is(err, code) {
		t.Fatalf("got error %v, want %s", err, code)
	}
	if _, description := Outside(err); !strings.Contains(description, mentions) {
		t.Errorf("the description %q does not mention %q", description, mentions)
	}
}

func query(t *testing.T, raw string) Params {
	t.Helper()
	values, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	return NewParams(values)
}

func TestParameters(t *testing.T) {
	for _, tt := range []struct {
		name, query         string
		want                string
		optional, required  Code
		mentions, mentions2 string
	}{
		{name: "one value", query: "team=blue", want: "blue"},
		{name: "omitted", query: "other=1", required: InvalidRequest, mentions2: "team is missing"},
		{name: "without a value counts as omitted", query: "team=", required: InvalidRequest, mentions2: "team is missing"},
		{name: "without an equals sign counts as omitted", query: "team", required: InvalidRequest, mentions2: "team is missing"},
		{name: "repeated", query: "team=a&team=b", optional: InvalidRequest, mentions: "team was sent 2 times"},
		{name: "repeated, the same", query: "team=a&team=a", optional: InvalidRequest, mentions: "team was sent 2 times"},
		{name: "repeated, once empty", query: "team=a&team=", optional: InvalidRequest, mentions: "team was sent 2 times"},
		{name: "repeated, both empty", query: "team=&team=", optional: InvalidRequest, mentions: "team was sent 2 times"},
		{name: "not UTF-8", query: "team=%FF", optional: InvalidRequest, mentions: "team is not valid UTF-8"},
		{name: "NUL", query: "team=a%00b", optional: InvalidRequest, mentions: "team contains a NUL"},
		{name: "another parameter is broken", query: "team=a&x=%FF&x=2", want: "a"},
		{name: "any text", query: "team=%C3%A9%0A%22+%2B", want: "é\n\" +"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := query(t, tt.query)
			if tt.optional != "" {
				tt.required, tt.mentions2 = tt.optional, tt.mentions
			}
			got, err := p.Optional("team")
			wantCode(t, err, tt.optional, tt.mentions)
			if got != tt.want {
				t.Errorf("Optional = %q, want %q", got, tt.want)
			}
			got, err = p.Required("team")
			wantCode(t, err, tt.required, tt.mentions2)
			if got != tt.want {
				t.Errorf("Required = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestZeroParamsHaveNothing(t *testing.T) {
	if got, err := (Params{}).Optional("x"); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Nothing that carries a secret shows it, by whichever verb and however deep it lies.
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "hushhushhushhushhushhushhushhushhushhushhushhush"
	p := query(t, "grant_type=authorization_code&client_id=app&client_secret="+secret+"&code="+secret+"&token="+secret+"&refresh_token="+secret+"&redirect_uri=https://a.example/&code_verifier="+secret)
	request, err := ParseTokenRequest("", p)
	if err != nil {
		t.Fatal(err)
	}
	exchange, err := request.CodeExchange()
	if err != nil {
		t.Fatal(err)
	}
	if exchange.CodeVerifier != secret || request.Client.Secret != secret {
		t.Fatal("the secrets were not parsed at all")
	}
	refresh, err := request.RefreshExchange()
	if err != nil || refresh.RefreshToken != secret {
		t.Fatalf("the refresh token was not parsed: %v", err)
	}
	parameter, err := ParseTokenParameter("", p)
	if err != nil || parameter.Token != secret {
		t.Fatalf("the token was not parsed: %v", err)
	}
	pushed, err := ParsePushedRequest("", p)
	if err != nil || pushed.Client.Secret != secret {
		t.Fatalf("the pushed request was not parsed: %v", err)
	}
	for _, v := range []any{
		p, request, &request, request.Client, exchange,
		TokenResponse{AccessToken: secret, RefreshToken: secret, IDToken: secret},
		AuthorizationResponse{Code: secret},
		ClientAuthentication{Assertion: secret},
		refresh, parameter, &parameter, pushed, &pushed,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			holder := struct{ V any }{v}
			for _, text := range []string{fmt.Sprintf(verb, v), fmt.Sprintf(verb, holder)} {
				if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%T prints its secret with %s: %s", v, verb, text)
				}
			}
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("text", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "v", v)
		if strings.Contains(log.String(), secret) {
			t.Errorf("%T logs its secret: %s", v, log.String())
		}
	}
}

func FuzzParams(f *testing.F) {
	for _, seed := range []string{"a=1", "a=1&a=2", "a=", "a=%00", "a=%ff", "a", "b=1", "a=&a=", "%61=1&a=2", "a=1;a=2", "a=%zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values, _ := url.ParseQuery(raw)
		p := NewParams(values)
		optional, err := p.Optional("a")
		required, err2 := p.Required("a")
		if err == nil && (!utf8.ValidString(optional) || strings.Contains(optional, "\x00") || len(values["a"]) > 1) {
			t.Errorf("accepted %q", values["a"])
		}
		if err == nil && len(values["a"]) == 1 && optional != values["a"][0] {
			t.Errorf("%q became %q", values["a"], optional)
		}
		if optional != required || (err2 == nil) != (err == nil && optional != "") {
			t.Errorf("Optional %q, %v; Required %q, %v", optional, err, required, err2)
		}
		for _, err := range []error{err, err2} {
			if err != nil && !errors.Is(err, InvalidRequest) {
				t.Errorf("the error %v is not invalid_request", err)
			}
		}
	})
}
