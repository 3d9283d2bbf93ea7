package config

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// inDir puts files into a directory and makes it the working directory, so that errors name files shortly.
func inDir(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var compareConfigs = cmp.Options{
	cmpopts.EquateComparable(netip.Prefix{}),
	cmp.Comparer(func(a, b token.MasterKey) bool { return a.Text() == b.Text() }),
	cmp.Comparer(func(a, b token.Secret) bool { return a.Reveal() == b.Reveal() }),
}

func TestConfigWithoutAnythingIsTheDefault(t *testing.T) {
	for name, file := range map[string]string{"no file": "", "empty": "\n", "comments": "# nothing\n", "null": "---\n", "no limits": "limits:\n"} {
		inDir(t, map[string]string{"gatehouse.yaml": file})
		path := "gatehouse.yaml"
		if name == "no file" {
			path = ""
		}
		got, err := Load(path, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(Default(), got, compareConfigs); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestConfigReadsEveryKindOfField(t *testing.T) {
	key := token.NewMasterKey()
	inDir(t, map[string]string{
		"key":  key.Text() + "\n",
		"smtp": "smtps://us:hunter2@mail.example.com:2465\n",
		"gatehouse.yaml": `
public_url: HTTPS://Auth.Example.com:443/
listen: ":8443"
ops_listen: off
ops_pprof: true
database_url: postgres://gatehouse@db/gatehouse
master_key_file: key
server_name: "  Example  "
audience: https://api.example.com
trusted_proxies: [10.1.2.3/8, "::1"]
session_lifetime: 12h
refresh_grace: 30s
profile: fapi2
id_token_algorithm: ES256
key_rotation_interval: 0s
smtp_url_file: smtp
mail_from: Gatehouse <no-reply@auth.example.com>
insecure_internal_networks: [10.9.0.0/16]
limits:
  client_failures: 5
  connections_per_grant: 7
  concurrent_password_hashes: 2
log_level: warn
log_format: text
scopes:
  - {name: "bot:read", description: See bots, access: read}
  - name: bot:write
    description: Change bots
    access: write
`,
	})
	got, err := Load("gatehouse.yaml", []string{"HOME=/", "GATEHOUSE_ACCESS_TOKEN_LIFETIME=15m"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := mail.ParseServer("smtps://us:hunter2@mail.example.com:2465")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.PublicURL = "https://auth.example.com"
	want.Listen = ":8443"
	want.OpsListen = "off"
	want.OpsPprof = true
	want.Authz.Profile = oauth.ProfileFAPI2
	want.DatabaseURL = "postgres://gatehouse@db/gatehouse"
	want.MasterKey = key
	want.ServerName = "Example"
	want.Authz.Audience = "https://api.example.com"
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	want.Authn.SessionLifetime = 12 * time.Hour
	want.Authz.AccessTokenLifetime = 15 * time.Minute
	want.Authz.Refresh.Grace = 30 * time.Second
	want.Authz.IDTokenAlgorithm = "ES256"
	want.KeyRotationInterval = 0
	want.Mail.Server = server
	want.Mail.From = "Gatehouse <no-reply@auth.example.com>"
	want.Outbound.InternalNetworks = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}
	want.ClientFailures = 5
	want.Authz.ConnectionsPerGrant = 7
	want.Authn.ConcurrentHashes = 2
	want.LogLevel = slog.LevelWarn
	want.LogFormat = "text"
	want.SecretFiles = []string{"key", "smtp"}
	want.Authz.Catalogue = scope.Catalogue{
		{Name: "bot:read", Description: "See bots", Access: scope.Read},
		{Name: "bot:write", Description: "Change bots", Access: scope.Write},
	}
	if diff := cmp.Diff(want, got, compareConfigs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestEnvironmentWinsOverFile(t *testing.T) {
	inDir(t, map[string]string{
		"gatehouse.yaml": "listen: :1\nserver_name: File\nmaster_key_file: not-there\ncode_lifetime: nonsense\n",
		"listen":         " :3 \n",
		"scopes.yaml":    "- {name: a, description: A, access: read}\n",
	})
	key := token.NewMasterKey()
	got, err := Load("gatehouse.yaml", []string{
		"GATEHOUSE_LISTEN_FILE=listen",
		"GATEHOUSE_MASTER_KEY=" + key.Text(),
		"GATEHOUSE_CODE_LIFETIME=30s",
		"GATEHOUSE_SCOPES_FILE=scopes.yaml",
		"GATEHOUSE_TRUSTED_PROXIES=10.0.0.1, 192.168.0.0/16",
		"GATEHOUSE_LIMITS_CLIENT_FAILURES=7",
		"GATEHOUSE_AUDIENCE=", // empty counts as not set
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Listen, want.ServerName, want.MasterKey, want.Authz.CodeLifetime = ":3", "File", key, 30*time.Second
	want.Authz.Catalogue = scope.Catalogue{{Name: "a", Description: "A", Access: scope.Read}}
	want.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("192.168.0.0/16")}
	want.ClientFailures = 7
	if diff := cmp.Diff(want, got, compareConfigs); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestConfigScopesFromVariableAsJSON(t *testing.T) {
	got, err := Load("", []string{`GATEHOUSE_SCOPES=[{"name":"a:b","description":"A","access":"write"}]`})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scope.Catalogue{{Name: "a:b", Description: "A", Access: scope.Write}}, got.Authz.Catalogue); diff != "" {
		t.Error(diff)
	}
}

func TestConfigIgnoresVariablesOfKubernetes(t *testing.T) {
	_, err := Load("", []string{"GATEHOUSE_SERVICE_HOST=10.0.0.1", "GATEHOUSE_PORT=tcp://10.0.0.1:80", "GATEHOUSE_PORT_80_TCP_ADDR=10.0.0.1", "GATEHOUSE_CONFIG=x"})
	if err != nil {
		t.Error(err)
	}
}

// Each error begins with the place of the problem: the file and line, or the variable.
func TestConfigErrorsNameTheLine(t *testing.T) {
	tests := []struct {
		name, file string
		env        []string
		want       []string // the lines of the error, from their beginning
	}{
		{"unknown field", "listen: :1\nlissten: :2\n", nil, []string{`g.yaml:2: unknown field "lissten"; did you mean listen?`}},
		{"unknown field in a group", "limits:\n  client_failure: 3\n", nil, []string{`g.yaml:2: unknown field "limits.client_failure"; did you mean limits.client_failures?`}},
		{"unknown field far from all", "colour: blue\n", nil, []string{`g.yaml:1: unknown field "colour"; docs/configuration.md lists`}},
		{"group without fields", "limits: 5\n", nil, []string{`g.yaml:1: limits has to hold fields of its own`}},
		{"twice", "listen: :1\n\nlisten: :2\n", nil, []string{`g.yaml:3: listen is set before, in line 1`}},
		{"twice by file", "master_key_file: a\nmaster_key: b\n", nil, []string{`g.yaml:1: open a:`, `g.yaml:2: master_key is set before, in line 1`}},
		{"no value", "listen:\n", nil, []string{`g.yaml:1: listen has no value`}},
		{"list for a text", "listen:\n  - a\n", nil, []string{`g.yaml:2: listen has to be a single value`}},
		{"not a mapping", "- listen\n", nil, []string{`g.yaml:1: expected fields`}},
		{"broken YAML", "listen: :1\nscopes: [a\n", nil, []string{`g.yaml:3: did not find`}},
		{"two documents", "listen: :1\n---\nlisten: :2\n", nil, []string{`g.yaml: more than one YAML document`}},
		{"duration without unit", "\ncode_lifetime: 60\n", nil, []string{`g.yaml:2: code_lifetime is "60"; it has to be a duration with its unit`}},
		{"duration too long", "code_lifetime: 1h\n", nil, []string{`g.yaml:1: code_lifetime is 1h; it has to be from 5s to 10m`}},
		{"duration negative", "shutdown_delay: -1s\n", nil, []string{`g.yaml:1: shutdown_delay is -1s; it has to be from 0s to 5m`}},
		{"number", "limits: {client_failures: many}\n", nil, []string{`g.yaml:1: limits.client_failures is "many"; it has to be a whole number`}},
		{"number zero", "limits: {client_failures: 0}\n", nil, []string{`g.yaml:1: limits.client_failures is "0"`}},
		{"flag", "ops_pprof: yes\n", nil, []string{`g.yaml:1: ops_pprof is "yes"; it has to be true or false`}},
		{"proxy", "trusted_proxies:\n  - 10.0.0.0/8\n  - everyone\n", nil, []string{`g.yaml:3: trusted_proxies has "everyone"`}},
		{"scope name", "scopes:\n  - {name: a, description: A, access: read}\n  - {name: \"b c\", description: B, access: read}\n", nil, []string{`g.yaml:3: scopes has the name "b c"`}},
		{"scope field", "scopes:\n  - name: a\n    title: A\n", nil, []string{`g.yaml:3: scopes has an entry with the unknown field "title"`}},
		{"scope access", "scopes: [{name: a, description: A, access: all}]\n", nil, []string{`g.yaml:1: scopes has "a" with access "all"`}},
		{"scope without description", "scopes: [{name: a, access: read}]\n", nil, []string{`g.yaml:1: scopes has "a" without a description`}},
		{"scope in an unknown language", "scopes: [{name: a, description: {en: A, xx: B}, access: read}]\n", nil, []string{`g.yaml:1: scopes has a description in the language "xx"; there are en and de`}},
		{"scope without English", "scopes: [{name: a, description: {de: A}, access: read}]\n", nil, []string{`g.yaml:1: scopes has a description without English`}},
		{"scope in a language twice", "scopes: [{name: a, description: {en: A, en: B}, access: read}]\n", nil, []string{`g.yaml:1: scopes has`}},
		{"language", "language: xx\n", nil, []string{`g.yaml:1: language is "xx"; it has to be en or de`}},
		{"scope twice", "scopes:\n- {name: a, description: A, access: read}\n- {name: a, description: A, access: read}\n", nil, []string{`g.yaml:3: scopes has "a" twice`}},
		{"scope of OpenID Connect", "scopes: [{name: openid, description: A, access: read}]\n", nil, []string{`g.yaml:1: scopes has "openid", which is not the API's`}},
		{"no scopes", "scopes: []\n", nil, []string{`g.yaml:1: scopes has to be a list`}},
		{"log level", "log_level: loud\n", nil, []string{`g.yaml:1: log_level is "loud"; it has to be debug, info, warn or error`}},
		{"log format", "log_format: xml\n", nil, []string{`g.yaml:1: log_format is "xml"; it has to be json or text`}},
		{"listen without port", "listen: localhost\n", nil, []string{`g.yaml:1: listen is "localhost"; it has to be host:port`}},
		{"port out of range", "listen: :70000\n", nil, []string{`g.yaml:1: listen has the port "70000"`}},
		{"certificates of the database", "listen: :1\ndatabase_url: postgres://u:hunter2@h/d?sslrootcert=/nope\n", nil, []string{`g.yaml:2: database_url has sslrootcert=/nope; it has to be the path of a file that is there`}},
		{"client certificate for the database", "database_url: postgres://u:hunter2@h/d?sslcert=g.yaml&sslkey=/nope\n", nil, []string{`g.yaml:1: database_url has sslkey=/nope; it has to be the path`}},
		{"TLS to the database", "database_url: postgres://u:hunter2@h/d?sslmode=verify\n", nil, []string{`g.yaml:1: database_url has sslmode=verify; it has to be disable or allow or`}},
		{"time to connect to the database", "database_url: postgres://u:hunter2@h/d?connect_timeout=abc\n", nil, []string{`g.yaml:1: database_url has connect_timeout=abc; it has to be a whole number`}},
		{"which database", "database_url: postgres://u:hunter2@h/d?target_session_attrs=first\n", nil, []string{`g.yaml:1: database_url has target_session_attrs=first; it has to be any or`}},
		{"channel binding", "database_url: postgres://u:hunter2@h/d?channel_binding=yes\n", nil, []string{`g.yaml:1: database_url has channel_binding=yes; it has to be`}},
		{"port of the database", "database_url: postgres://u:hunter2@h:99999/d\n", nil, []string{`g.yaml:1: database_url has a port that is not a number from 1 to 65535`}},
		{"port of the second database", "database_url: postgres://u:hunter2@[::1]:5432,b:x/d\n", nil, []string{`g.yaml:1: database_url has a port that is not`}},
		{"port as a parameter", "database_url: postgres://u:hunter2@/d?host=a,b&port=5432,0\n", nil, []string{`g.yaml:1: database_url has port=5432,0; it has to be`}},
		{"database by variable", "", []string{"GATEHOUSE_DATABASE_URL=postgres://u:hunter2@h:99999/d"}, []string{`GATEHOUSE_DATABASE_URL: database_url has a port`}},
		{"database", "database_url: mysql://u:hunter2@h/d\n", nil, []string{`g.yaml:1: database_url has to be sqlite:PATH`}},
		{"master key", "master_key: c2hvcnQ=\n", nil, []string{`g.yaml:1: master_key has to be the base64 text of 32 bytes`}},
		{"file that is not there", "database_url_file: nowhere\n", nil, []string{`g.yaml:1: open nowhere`}},
		{"public URL without scheme", "public_url: auth.example.com\n", nil, []string{`g.yaml:1: public_url has to be a URL such as`}},
		{"public URL with path", "public_url: https://example.com/auth\n", nil, []string{`g.yaml:1: public_url has to be scheme, host and port only`}},
		{"public URL with query", "public_url: https://example.com?\n", nil, []string{`g.yaml:1: public_url has to be scheme, host and port only`}},
		{"public URL with fragment", "public_url: \"https://example.com#\"\n", nil, []string{`g.yaml:1: public_url has to be scheme, host and port only`}},
		{"public URL with user", "public_url: https://a@example.com\n", nil, []string{`g.yaml:1: public_url has to be scheme, host and port only`}},
		{"public URL without port number", "public_url: \"https://example.com:\"\n", nil, []string{`g.yaml:1: public_url has the port ""`}},
		{"public URL in Unicode", "public_url: https://bücher.example:8443\n", nil, []string{`g.yaml:1: public_url has a host in Unicode; give its A-label form, https://xn--bcher-kva.example:8443`}},
		{"public URL in the clear", "server_name: A\npublic_url: http://example.com\n", nil, []string{`g.yaml:2: public_url is http://example.com: over plain HTTP everyone`}},
		{"a host that only begins like loopback", "public_url: http://localhost.example.com\n", nil, []string{`g.yaml:1: public_url is http://localhost.example.com: over plain HTTP`}},
		{"certificate without key", "public_url: https://a.example\ntls_cert_file: g.yaml\n", nil, []string{`g.yaml:2: tls_cert_file and tls_key_file belong together`}},
		{"key without certificate", "public_url: https://a.example\ntls_key_file: g.yaml\n", nil, []string{`g.yaml:2: tls_cert_file and tls_key_file belong together`}},
		{"certificate that is not there", "public_url: https://a.example\ntls_cert_file: c.pem\ntls_key_file: g.yaml\n", nil, []string{`g.yaml:2: tls_cert_file names a file that is not there: c.pem`}},
		{"key that is not there", "public_url: https://a.example\ntls_cert_file: g.yaml\ntls_key_file: k.pem\n", nil, []string{`g.yaml:3: tls_key_file names a file that is not there: k.pem`}},
		{"idle longer than absolute", "listen: :1\nrefresh_idle_lifetime: 10000h\n", nil, []string{`g.yaml:2: refresh_idle_lifetime is 10000h, longer than refresh_absolute_lifetime (8760h)`}},
		{"absolute shorter than idle", "refresh_absolute_lifetime: 24h\n", nil, []string{`g.yaml:1: refresh_idle_lifetime is 720h, longer than refresh_absolute_lifetime (24h)`}},
		{"access token longer than idle", "refresh_idle_lifetime: 30m\naccess_token_lifetime: 31m\n", nil, []string{`g.yaml:2: access_token_lifetime is 31m, longer than refresh_idle_lifetime (30m)`}},
		{"idle shorter than access token", "", []string{"GATEHOUSE_REFRESH_IDLE_LIFETIME=30m"}, []string{`GATEHOUSE_REFRESH_IDLE_LIFETIME: access_token_lifetime is 1h, longer than refresh_idle_lifetime (30m)`}},
		{"grace longer than idle", "refresh_idle_lifetime: 2m\naccess_token_lifetime: 2m\nrefresh_grace: 3m\n", nil, []string{`g.yaml:3: refresh_grace is 3m, longer than refresh_idle_lifetime (2m)`}},
		{"pool that is no number", "listen: :1\ndatabase_url: postgres://u:hunter2@h/d?sslmode=require&pool_max_conns=many\n", nil, []string{`g.yaml:2: database_url has pool_max_conns=many; it has to be a whole number, 2 or more`}},
		{"pool of none", "database_url: postgres://u:hunter2@h:1,i:2/d?pool_max_conns=0\n", nil, []string{`g.yaml:1: database_url has pool_max_conns=0; it has to be a whole number, 2 or more`}},
		{"pool time without a unit", "database_url: postgres://h/d?pool_max_conn_idle_time=30\n", nil, []string{`g.yaml:1: database_url has pool_max_conn_idle_time=30; it has to be a duration`}},
		{"unknown parameter of the pool", "", []string{"GATEHOUSE_DATABASE_URL=postgres://h/d?pool_max_con=3"}, []string{`GATEHOUSE_DATABASE_URL: database_url has the unknown parameter pool_max_con; did you mean pool_max_conns?`}},
		{"certificate with a plain URL", "tls_cert_file: g.yaml\ntls_key_file: g.yaml\n", nil, []string{`g.yaml:1: tls_cert_file is set, so this server speaks https, but public_url is http://localhost:8000`}},
		{"one address for both listeners", "ops_listen: localhost:8000\n", nil, []string{`g.yaml:1: ops_listen is the same address as listen`}},
		{"mail server without a scheme", "smtp_url: us:hunter2@mail.example.com\n", nil, []string{`g.yaml:1: smtp_url has to be smtp://HOST`}},
		{"mail server with a path", "smtp_url: smtp://us:hunter2@mail.example.com/x\n", nil, []string{`g.yaml:1: smtp_url has to be smtp://HOST`}},
		{"mail server with a port out of range", "smtp_url: smtp://us:hunter2@mail.example.com:99999\n", nil, []string{`g.yaml:1: smtp_url has a port`}},
		{"mail server without a sender", "smtp_url: smtp://us:hunter2@mail.example.com\n", nil, []string{`g.yaml:1: mail_from is missing: smtp_url is set`}},
		{"mail server with the port 0", "smtp_url: smtp://us:hunter2@mail.example.com:0\n", nil, []string{`g.yaml:1: smtp_url has a port`}},
		{"sign-up by domain without one", "sign_up: domain\n", nil, []string{`g.yaml:1: sign_up_domains is missing: sign_up is domain`}},
		{"sign-up domains without need", "sign_up: open\nsign_up_domains: [example.org]\n", nil, []string{`g.yaml:2: sign_up_domains is set, but sign_up is open`}},
		{"sign-up for nobody that there is", "sign_up: everybody\n", nil, []string{`g.yaml:1: sign_up is "everybody"`}},
		{"a sign-up domain that is none", "sign_up: domain\nsign_up_domains:\n  - example.org\n  - a@b.example\n", nil, []string{`g.yaml:4: sign_up_domains has "a@b.example"; it has to be a domain`}},
		{"sender", "mail_from: nobody\n", nil, []string{`g.yaml:1: mail_from is "nobody"; it has to be an address`}},
		{"passwords too short", "password_min_length: 7\n", nil, []string{`g.yaml:1: password_min_length is 7; it has to be 8 at least, or 0`}},
		{"keys rotated too often", "key_rotation_interval: 1h\n", nil, []string{`g.yaml:1: key_rotation_interval is 1h; it has to be 24h at least, or 0`}},
		{"ID tokens signed by a secret", "id_token_algorithm: HS256\n", nil, []string{`g.yaml:1: id_token_algorithm is "HS256"; it has to be RS256 or ES256`}},
		{"profile that is none", "profile: fapi1\n", nil, []string{`g.yaml:1: profile is "fapi1"; it has to be none or fapi2`}},
		{"code that lives too long for the profile", "profile: fapi2\ncode_lifetime: 61s\n", nil, []string{`g.yaml:2: code_lifetime is 61s; profile fapi2 allows 60s at most`}},
		{"ID tokens that the profile does not allow", "profile: fapi2\nid_token_algorithm: RS256\n", nil, []string{`g.yaml:2: id_token_algorithm is RS256, which profile fapi2 does not allow; leave it out for ES256`}},
		{"plain http under the profile", "profile: fapi2\npublic_url: http://example.com\ninsecure_http_public_url: true\n", nil, []string{`g.yaml:3: insecure_http_public_url is true, and profile fapi2 demands https`}},
		{"internal network", "insecure_internal_networks: [ten]\n", nil, []string{`g.yaml:1: insecure_internal_networks has "ten"`}},
		{"several at once", "listen: x\nlog_format: y\n", []string{"GATEHOUSE_LISTEM=:1"}, []string{`GATEHOUSE_LISTEM: no setting has this name; did you mean GATEHOUSE_LISTEN?`, `g.yaml:1: listen`, `g.yaml:2: log_format`}},
		{"variable", "", []string{"GATEHOUSE_CODE_LIFETIME=1h"}, []string{`GATEHOUSE_CODE_LIFETIME: code_lifetime is 1h; it has to be from 5s to 10m`}},
		{"variable and file variable", "", []string{"GATEHOUSE_LISTEN=:1", "GATEHOUSE_LISTEN_FILE=x"}, []string{`GATEHOUSE_LISTEN and GATEHOUSE_LISTEN_FILE both set listen`}},
		{"variable naming a missing file", "", []string{"GATEHOUSE_LISTEN_FILE=nowhere"}, []string{`GATEHOUSE_LISTEN_FILE: open nowhere`}},
		{"plain URL by variable", "", []string{"GATEHOUSE_PUBLIC_URL=http://example.com"}, []string{`GATEHOUSE_PUBLIC_URL: public_url is http://example.com`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inDir(t, map[string]string{"g.yaml": tt.file})
			_, err := Load("g.yaml", tt.env)
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("got %d problems, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("got  %s\nwant %s…", lines[i], want)
				}
			}
			for _, secret := range []string{"hunter2", "c2hvcnQ="} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats a secret: %v", err)
				}
			}
		})
	}
}

func TestConfigScopesFileErrorsNameItsOwnLine(t *testing.T) {
	inDir(t, map[string]string{
		"g.yaml":      "listen: :1\nscopes_file: scopes.yaml\n",
		"scopes.yaml": "- {name: a, description: A, access: read}\n- {name: b, access: read}\n",
	})
	_, err := Load("g.yaml", nil)
	if err == nil || !strings.HasPrefix(err.Error(), `scopes.yaml:2: scopes has "b" without a description`) {
		t.Errorf("got %v", err)
	}
}

func TestConfigPublicURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://auth.example.com":      "https://auth.example.com",
		"https://auth.example.com/":     "https://auth.example.com",
		"https://auth.example.com:8443": "https://auth.example.com:8443",
		"http://localhost:80/":          "http://localhost",
		"http://127.0.0.1:8000":         "http://127.0.0.1:8000",
		"http://[::1]:8000":             "http://[::1]:8000",
		"http://gatehouse.localhost":    "http://gatehouse.localhost",
	} {
		got, err := Load("", []string{"GATEHOUSE_PUBLIC_URL=" + in})
		if err != nil || got.PublicURL != want {
			t.Errorf("%s: got %q, %v; want %q", in, got.PublicURL, err, want)
		}
	}
	_, err := Load("", []string{"GATEHOUSE_PUBLIC_URL=http://example.test", "GATEHOUSE_INSECURE_HTTP_PUBLIC_URL=true"})
	if err != nil {
		t.Errorf("insecure_http_public_url does not allow it: %v", err)
	}
}

// An API cannot define what OpenID Connect does (Core §5.4, §11), not even what this server does not offer.
func TestScopesOfOpenIDConnectAreNotTheAPIs(t *testing.T) {
	for _, name := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		_, err := Load("", []string{"GATEHOUSE_SCOPES=[{name: " + name + ", description: A, access: read}]"})
		if err == nil || !strings.Contains(err.Error(), "belongs to OpenID Connect") {
			t.Errorf("%s: got %v, want that it is not the API's to define", name, err)
		}
	}
}

func TestShortestKeyRotationInterval(t *testing.T) {
	for interval, accepted := range map[string]bool{"23h59m59s": false, "24h": true, "0s": true} {
		if _, err := Load("", []string{"GATEHOUSE_KEY_ROTATION_INTERVAL=" + interval}); (err == nil) != accepted {
			t.Errorf("%s: got %v, want acceptance: %v", interval, err, accepted)
		}
	}
}

func TestConfigMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "absent.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("got %v", err)
	}
}

// A master key that other users of the machine can read is refused, by the file's field and by the variable.
func TestMasterKeyFileMustBePrivate(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "master.key")
	if err := os.WriteFile(key, []byte(token.NewMasterKey().Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "gatehouse.yaml")
	if err := os.WriteFile(file, []byte("listen: :8000\nmaster_key_file: "+key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := map[string]func() error{
		file + ":2: ":                 func() error { _, err := Load(file, nil); return err },
		"GATEHOUSE_MASTER_KEY_FILE: ": func() error { _, err := Load("", []string{"GATEHOUSE_MASTER_KEY_FILE=" + key}); return err },
	}
	for mode, chmod := range map[os.FileMode]string{0o604: "600", 0o640: "600", 0o444: "400", 0o602: "600", 0o600: "", 0o400: ""} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		for origin, load := range load {
			err := load()
			if chmod == "" {
				if err != nil {
					t.Errorf("mode %o: %v", mode, err)
				}
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), origin) || !strings.HasSuffix(err.Error(), "run chmod "+chmod+" "+key) {
				t.Errorf("mode %o: got %v, want an error that begins with %q and says chmod %s", mode, err, origin, chmod)
			}
		}
	}
}
