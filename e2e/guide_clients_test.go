package e2e_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// tested is how a client of the guide is tested: by which test, and where its settings are.
type tested struct {
	by     func(t *testing.T)
	source string
}

// clientsOfTheGuide are the clients of the guide. Those that are applications are tested by TestApplicationsOfOthers.
var clientsOfTheGuide = map[string]tested{
	"Auth.js":                             {TestApplicationsOfOthers, "node/web/auth.js.mjs"},
	"Authlib":                             {TestStrangersGetToken, "python/connect.py"},
	"express-openid-connect":              {TestApplicationsOfOthers, "node/web/express-openid-connect.mjs"},
	"go-oidc and golang.org/x/oauth2":     {TestGoOIDCSignsIn, "openid_test.go"},
	"hashicorp/cap":                       {TestApplicationsOfOthers, "strangers/cap/main.go"},
	"mcp-remote":                          {TestMCPRemoteConnects, "node/mcp_remote.mjs"},
	"MCP SDK (TypeScript)":                {TestMCPTransportConnects, "node/mcp_call.mjs"},
	"mod_auth_openidc":                    {TestApplicationsOfOthers, "apache/httpd.conf"},
	"oauth2-proxy":                        {TestApplicationsOfOthers, "applications_helper_test.go"},
	"oauth4webapi":                        {TestOAuth4WebAPIStartsFromTheAPI, "node/browser.mjs"},
	"oidc-client-ts":                      {TestOIDCClientTSInABrowser, "node/page/oidc-client-ts.html"},
	"openid-client":                       {TestStrangersGetToken, "node/connect.mjs"},
	"passport-oauth2":                     {TestApplicationsOfOthers, "node/web/passport-oauth2.mjs"},
	"passport-openidconnect":              {TestApplicationsOfOthers, "node/web/passport-openidconnect.mjs"},
	"python-social-auth (OpenID Connect)": {TestApplicationsOfOthers, "python/social.py"},
	"simple-oauth2":                       {TestApplicationsOfOthers, "node/web/simple-oauth2.mjs"},
	"zitadel/oidc":                        {TestApplicationsOfOthers, "strangers/zitadel/main.go"},
}

// Each client of the guide's table has a test, which uses the settings of the table and no others; and each application that is tested is in the table.
func TestTheGuidesClientsAreTested(t *testing.T) {
	guide, err := os.ReadFile("../" + guidePath)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(guide), "\n## Common clients\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \|$`).FindAllStringSubmatch(section, -1)
	listed := map[string]bool{}
	for _, row := range rows[1:] {
		name, setting := row[1], row[2]
		client, known := clientsOfTheGuide[name]
		if !known || client.by == nil {
			t.Errorf("the guide lists %q, which no test runs", name)
			continue
		}
		listed[name] = true
		source, err := os.ReadFile(client.source)
		if err != nil {
			t.Error(err)
		}
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(setting, -1) {
			if !strings.Contains(string(source), span[1]) {
				t.Errorf("the guide gives %q the setting %s, which %s does not use", name, span[1], client.source)
			}
		}
		short, _, _ := strings.Cut(name, " (")
		if a, ok := applications[short]; ok && (a.pkce == oauth.PKCENonce) != strings.Contains(setting, "#clients-without-pkce") {
			t.Errorf("the guide says of %q: %s; it is tested with PKCE %s", name, setting, a.pkce)
		}
	}
	for name := range clientsOfTheGuide {
		if !listed[name] {
			t.Errorf("%q is tested, and not in the guide", name)
		}
	}
	for name := range applications {
		if !listed[name] && !listed[name+" (OpenID Connect)"] {
			t.Errorf("the application %q is tested, and not in the guide", name)
		}
	}
}
