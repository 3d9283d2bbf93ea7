package browser

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// family is a family of browsers or systems: the word that we keep, and what a User-Agent has that says so.
type family struct{ word, token string }

// Of several that match, the first one counts: every browser claims to be those before it, too. The texts are "browser.WORD" and "system.WORD".
var (
	browsers = []family{
		{"edge", "Edg"},
		{"opera", "OPR/"},
		{"samsung", "SamsungBrowser/"},
		{"firefox", "Firefox/"},
		{"firefox", "FxiOS/"},
		{"chrome", "CriOS/"},
		{"chrome", "Chrome/"},
		{"safari", "Safari/"},
	}
	systems = []family{
		{"ios", "iPhone"}, {"ios", "iPad"}, {"android", "Android"}, {"windows", "Windows"}, {"macos", "Macintosh"}, {"chromeos", "CrOS"}, {"linux", "Linux"},
	}
)

// maxUserAgent is how much of a User-Agent is looked at.
const maxUserAgent = 512

// DeviceOf is what is known of the browser of a request.
func DeviceOf(r *http.Request) authn.Device {
	agent := r.UserAgent()
	agent = agent[:min(len(agent), maxUserAgent)]
	return authn.Device{Browser: known(browsers, agent), System: known(systems, agent), Network: authn.NetworkOf(route.TraceOf(r.Context()).Address)}
}

func known(families []family, agent string) string {
	for _, f := range families {
		if strings.Contains(agent, f.token) {
			return f.word
		}
	}
	return ""
}
