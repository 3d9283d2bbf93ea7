package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// TestAttackOneValueForAnother presents every sealed value, token and secret wherever one of them is read. Each is accepted
// where it belongs, and everywhere else it is answered like a text that anybody could make up.
func TestAttackOneValueForAnother(t *testing.T) {
	webtest.OnBoth(t, func(h *webtest.House) {
		values := h.ValuesOfEveryKind()
		for purpose := token.Purpose(1); purpose.String() != ""; purpose++ {
			if values[purpose.String()] == "" {
				t.Errorf("there is no value of the purpose %s", purpose)
			}
		}
		for name, place := range h.PlacesForValues() {
			madeUp := outcome(place.Present("AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))
			for _, kind := range slices.Sorted(maps.Keys(values)) {
				if kind == place.Takes {
					continue
				}
				if got := outcome(place.Present(values[kind])); got != madeUp {
					h.Errorf("%s takes a value for %s: got %q, want %q as for a made-up one", name, kind, got, madeUp)
				}
			}
			// Last, because it may be used up.
			if got := outcome(place.Present(values[place.Takes])); got == madeUp {
				h.Errorf("%s refuses its own value, for %s: %q", name, place.Takes, got)
			}
		}
	})
}

var heading = regexp.MustCompile(`(?s)<h1>.*?</h1>|role="status".{0,200}`)

// outcome is what tells answers of one place apart: no ids, no times, and nothing that the request brought.
func outcome(a *webtest.Answer) string {
	location, err := url.Parse(a.Location())
	a.OK(err)
	var body struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Active      *bool  `json:"active"`
	}
	text := strings.Join(heading.FindAllString(a.Body, -1), " ")
	if json.Unmarshal([]byte(a.Body), &body) == nil {
		text = fmt.Sprint(body.Error, body.Description, body.Active != nil && *body.Active)
	}
	return fmt.Sprint(a.Status, " ", location.Path, " ", location.Query().Get("error"), " ", text)
}
