package flow

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

// TestFormsKeepTheNamesThatProgramsUse: conformance suites and other people's browser tests find the fields by their ids, and the buttons by
// the form's action with their names and values. What a person presses on the consent page has no id, see TestConsentHasNoControlThatALinkCanFocus.
func TestFormsKeepTheNamesThatProgramsUse(t *testing.T) {
	for page, parts := range map[string][]string{
		"login_request":      {`<form class="sheet" method="post" action="/login/">`, `<input id="email" name="email"`, `<input id="password" name="password" type="password"`, `<button class="button full" type="submit">`},
		"login_error":        {`<input id="email" name="email"`, `<input id="password" name="password" type="password"`},
		"login_again":        {`<input id="email" name="email"`, `<input id="password" name="password" type="password"`},
		"consent_one":        {`method="post" action="/o/consent/">`, `name="decision" value="authorize">`, `name="decision" value="cancel"`},
		"consent_teams":      {`method="post" action="/o/consent/">`, `<input type="radio" name="team" value="t1"`, `name="decision" value="authorize">`, `name="decision" value="cancel"`},
		"select_account":     {`action="/o/select-account/">`, `name="decision" value="continue">`, `name="decision" value="another">`, `name="decision" value="cancel">`},
		"logout":             {`<form class="sheet" method="post" action="/logout/">`, `<button class="choice"`},
		"logout_application": {`<form class="sheet" method="post" action="/o/logout/">`, `<button class="choice"`},
		"form_post":          {`<form class="sheet" method="post" action="https://`, `<input type="hidden" name="code"`, `<input type="hidden" name="state"`},
	} {
		html := uitest.HTML(t, samples[page])
		for _, part := range parts {
			if !strings.Contains(html, part) {
				t.Errorf("%s has no %s", page, part)
			}
		}
	}
}
