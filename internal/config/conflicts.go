package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// conflicts is the problems of settings that contradict each other, or what they name. where is the beginning of a message: where the
// first of some settings is set that is set at all.
func (c Config) conflicts(where func(names ...string) string) []error {
	var problems []error
	// The message begins with the first setting. When that is not set, it names the line of one of the others.
	problem := func(setting string, others []string, format string, args ...any) {
		at := where(append([]string{setting}, others...)...)
		problems = append(problems, fmt.Errorf("%s%s %s", at, setting, fmt.Sprintf(format, args...)))
	}
	plain := strings.HasPrefix(c.PublicURL, "http://")
	if plain && !c.OnThisMachine() && !c.InsecureHTTPPublicURL {
		problem("public_url", nil, "is %s: over plain HTTP everyone on the way can read passwords, codes and tokens. Use https, or, where that cannot matter, set insecure_http_public_url: true", c.PublicURL)
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		problem("tls_cert_file", []string{"tls_key_file"}, "and tls_key_file belong together; set both or neither")
	}
	if plain && c.TLSCertFile != "" {
		problem("tls_cert_file", nil, "is set, so this server speaks https, but public_url is %s", c.PublicURL)
	}
	for _, file := range []struct{ setting, path string }{{"tls_cert_file", c.TLSCertFile}, {"tls_key_file", c.TLSKeyFile}} {
		// A command may run as a user who may not read the file, so only its presence is checked.
		if _, err := os.Stat(file.path); file.path != "" && os.IsNotExist(err) {
			problem(file.setting, nil, "names a file that is not there: %s", file.path)
		}
	}
	if c.Mail.Server.Set() && c.Mail.From == "" {
		problem("mail_from", []string{"smtp_url"}, "is missing: smtp_url is set, and every e-mail has a sender")
	}
	if least := c.Authn.PasswordMinLength; least > 0 && least < 8 {
		problem("password_min_length", nil, "is %d; it has to be 8 at least, or 0 for what NIST recommends", least)
	}
	switch domains := len(c.SignUp.Domains); {
	case c.SignUp.Mode == team.SignUpDomain && domains == 0:
		problem("sign_up_domains", []string{"sign_up"}, "is missing: sign_up is domain, and nobody could sign up")
	case c.SignUp.Mode != team.SignUpDomain && domains > 0:
		problem("sign_up_domains", nil, "is set, but sign_up is %s: only sign_up: domain looks at the domain", c.SignUp.Mode)
	}
	if c.KeyRotationInterval > 0 && c.KeyRotationInterval < leastKeyRotation {
		problem("key_rotation_interval", nil, "is %s; it has to be %s at least, or 0 to rotate by command only", showDuration(c.KeyRotationInterval), showDuration(leastKeyRotation))
	}
	if c.OpsListen == c.Listen {
		problem("ops_listen", []string{"listen"}, "is the same address as listen; operations need one of their own, out of the public's reach")
	}
	lifetimes := c.Authz
	if lifetimes.Profile.FAPI2() {
		if lifetimes.CodeLifetime > oauth.FAPI2CodeLifetime {
			problem("code_lifetime", []string{"profile"}, "is %s; profile fapi2 allows %s at most", showDuration(lifetimes.CodeLifetime), showDuration(oauth.FAPI2CodeLifetime))
		}
		if lifetimes.IDTokenAlgorithm == token.RS256 {
			problem("id_token_algorithm", []string{"profile"}, "is RS256, which profile fapi2 does not allow; leave it out for ES256")
		}
		if c.InsecureHTTPPublicURL {
			problem("insecure_http_public_url", []string{"profile"}, "is true, and profile fapi2 demands https")
		}
	}
	if idle, absolute := lifetimes.Refresh.Idle, lifetimes.Refresh.Absolute; idle > absolute {
		problem("refresh_idle_lifetime", []string{"refresh_absolute_lifetime"}, "is %s, longer than refresh_absolute_lifetime (%s), which ends the connection before", showDuration(idle), showDuration(absolute))
	}
	if access, idle := lifetimes.AccessTokenLifetime, lifetimes.Refresh.Idle; access > idle {
		problem("access_token_lifetime", []string{"refresh_idle_lifetime"}, "is %s, longer than refresh_idle_lifetime (%s): an application that refreshes when its token expires would come too late", showDuration(access), showDuration(idle))
	}
	if grace, idle := lifetimes.Refresh.Grace, lifetimes.Refresh.Idle; grace > idle {
		problem("refresh_grace", []string{"refresh_idle_lifetime"}, "is %s, longer than refresh_idle_lifetime (%s)", showDuration(grace), showDuration(idle))
	}
	return problems
}
