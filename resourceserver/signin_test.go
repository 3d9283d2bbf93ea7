package resourceserver_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

func TestRequireFresh(t *testing.T) {
	i := newIssuer(t)
	guard := i.guard(t, nil)
	ago := func(d time.Duration) any { return i.now().Add(-d).Unix() }
	for name, tt := range map[string]struct {
		needs    resourceserver.SignIn
		authTime any
		acr      any
		want     string // parameters of the refusal; "" when it passes
	}{
		"nothing needed":            {resourceserver.SignIn{}, ago(24 * time.Hour), nil, ""},
		"just now":                  {resourceserver.SignIn{MaxAge: 5 * time.Minute}, ago(0), nil, ""},
		"within the leeway":         {resourceserver.SignIn{MaxAge: 5 * time.Minute}, ago(5*time.Minute + 10*time.Second), nil, ""},
		"too long ago":              {resourceserver.SignIn{MaxAge: 5 * time.Minute}, ago(5*time.Minute + 11*time.Second), nil, `max_age="300"`},
		"a clock a little ahead":    {resourceserver.SignIn{MaxAge: time.Minute}, ago(-10 * time.Second), nil, ""},
		"a clock far ahead":         {resourceserver.SignIn{MaxAge: time.Minute}, ago(-11 * time.Second), nil, `max_age="60"`},
		"far ahead, at any time":    {resourceserver.SignIn{}, ago(-time.Hour), nil, ""},
		"strong enough":             {resourceserver.SignIn{ACR: []string{"mfa", "pwd"}}, ago(time.Hour), "pwd", ""},
		"not strong enough":         {resourceserver.SignIn{ACR: []string{"mfa", "hwk"}}, ago(0), "pwd", `acr_values="mfa hwk"`},
		"a level":                   {resourceserver.SignIn{ACR: []string{resourceserver.TwoFactors}}, ago(time.Hour), "urn:gatehouse:aal2", ""},
		"a higher level":            {resourceserver.SignIn{ACR: []string{resourceserver.TwoFactors}}, ago(time.Hour), "urn:gatehouse:phr", ""},
		"a lower level":             {resourceserver.SignIn{ACR: []string{resourceserver.TwoFactors}}, ago(0), "urn:gatehouse:aal1", `acr_values="urn:gatehouse:aal2"`},
		"no level":                  {resourceserver.SignIn{ACR: []string{resourceserver.OneFactor}}, ago(0), "pwd", `acr_values="urn:gatehouse:aal1"`},
		"another accepted way":      {resourceserver.SignIn{ACR: []string{"mfa"}}, ago(0), "urn:gatehouse:phr", `acr_values="mfa"`},
		"strength unknown":          {resourceserver.SignIn{ACR: []string{"pwd"}}, ago(0), nil, `acr_values="pwd"`},
		"strong, but too long ago":  {resourceserver.SignIn{MaxAge: time.Minute, ACR: []string{"pwd"}}, ago(time.Hour), "pwd", `max_age="60", acr_values="pwd"`},
		"nobody signed in":          {resourceserver.SignIn{MaxAge: time.Hour}, nil, nil, `max_age="3600"`},
		"nobody signed in, any way": {resourceserver.SignIn{}, nil, nil, `error_description=`},
	} {
		handler := guard.RequireFresh(tt.needs, "chatbot:read")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Header.Set("Authorization", "Bearer "+i.token(claim("auth_time", tt.authTime), claim("acr", tt.acr)))
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)
		challenge := recorder.Header().Get("WWW-Authenticate")
		switch {
		case tt.want == "" && recorder.Code != http.StatusOK:
			t.Errorf("%s: got %d %s, want 200", name, recorder.Code, challenge)
		case tt.want != "" && (recorder.Code != http.StatusUnauthorized || !strings.Contains(challenge, `error="insufficient_user_authentication"`) || !strings.Contains(challenge, tt.want)):
			t.Errorf("%s: got %d %s, want 401 with %s", name, recorder.Code, challenge, tt.want)
		}
	}
}

// A missing scope is said first: signing in again would not help.
func TestRequireFreshNeedsTheScopesToo(t *testing.T) {
	i := newIssuer(t)
	handler := i.guard(t, nil).RequireFresh(resourceserver.SignIn{MaxAge: time.Second}, "other")(http.NotFoundHandler())
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+i.token())
	recorder := httptest.NewRecorder()
	if handler.ServeHTTP(recorder, request); recorder.Code != http.StatusForbidden {
		t.Errorf("got %d, want 403", recorder.Code)
	}
}

func TestACRThatCannotStandInAHeader(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error(`the ACR x" is accepted`)
		}
	}()
	newIssuer(t).guard(t, nil).RequireFresh(resourceserver.SignIn{ACR: []string{`x"`}})
}
