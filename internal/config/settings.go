package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/plaintext"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"go.yaml.in/yaml/v4"
)

const envPrefix = "GATEHOUSE_"

// setting is one field of the configuration. The file, the environment and docs/configuration.md use this table.
type setting struct {
	name string // in the file; a dot means that it is inside a group
	form string // what it looks like, for the documentation
	doc  string // one or two sentences
	set  func(c *Config, n *yaml.Node) error
	show func(c Config) string // the value as the file would have it, to document the default
}

// settings is every setting, in the order of the documentation.
var settings = []setting{
	text("public_url", "URL", "Where people and applications reach this server, and the issuer in every token. Scheme, host and port only. Plain http is accepted for this machine alone (localhost, 127.0.0.1, [::1]).",
		func(c *Config) *string { return &c.PublicURL }, parsePublicURL),
	boolean("insecure_http_public_url", "Accept a plain http public_url for another machine. It costs all protection: everyone on the network's way can read passwords, codes and tokens, and change pages. For closed test networks only.",
		func(c *Config) *bool { return &c.InsecureHTTPPublicURL }),
	text("listen", "host:port", "The address of the public listener. Leave the host out (:8000) to listen on every interface.",
		func(c *Config) *string { return &c.Listen }, parseListen),
	text("ops_listen", "host:port or off", "The address of the operations listener: /healthz, /readyz and /metrics. Keep it out of the public's reach.",
		func(c *Config) *string { return &c.OpsListen }, parseOpsListen),
	boolean("ops_pprof", "Serve Go's profiles under /debug/pprof/ on the operations listener. Profiles can hold secrets from memory.",
		func(c *Config) *bool { return &c.OpsPprof }),
	text("tls_cert_file", "path", "A certificate chain in PEM; with tls_key_file the public listener speaks https. Both are read again when they change, and on SIGHUP.",
		func(c *Config) *string { return &c.TLSCertFile }, asIs),
	text("tls_key_file", "path", "The certificate's private key in PEM.",
		func(c *Config) *string { return &c.TLSKeyFile }, asIs),
	{
		name: "trusted_proxies", form: "list of networks",
		doc: "Reverse proxies, as addresses or CIDR networks, whose X-Forwarded-For is believed. None by default: then the address of the connection counts.",
		set: setTrustedProxies, show: func(c Config) string { return showPrefixes(c.TrustedProxies) },
	},
	duration("shutdown_delay", "On SIGTERM: how long /readyz answers 503 while requests are still taken, so that a load balancer can look away first.",
		func(c *Config) *time.Duration { return &c.ShutdownDelay }, 0, 5*time.Minute),
	duration("shutdown_timeout", "On SIGTERM: the most that requests which have begun are waited for.",
		func(c *Config) *time.Duration { return &c.ShutdownTimeout }, time.Second, 10*time.Minute),

	text("database_url", "sqlite:PATH or postgres://…", "The database. SQLite needs nothing else and is for one machine; PostgreSQL is for several. It may hold a password, so prefer database_url_file, which is read again on SIGHUP and when the database refuses the password.",
		func(c *Config) *string { return &c.DatabaseURL }, parseDatabaseURL),
	{
		name: "master_key", form: "base64 of 32 bytes",
		doc: "Seals the signing keys in the database; without it they, and every token, are lost. With SQLite it is made with the database, as the file master.key beside the database. With PostgreSQL it is required: make one with `umask 077; openssl rand -base64 32 > master.key`. A file that other users of the machine can read is refused.",
		set: setMasterKey, show: func(Config) string { return "" },
	},

	{
		name: "profile", form: "none or fapi2",
		doc: "Rules that the whole server keeps. fapi2 is the FAPI 2.0 Security Profile: every application authenticates with a key (private_key_jwt), pushes its requests and binds its tokens to a key (DPoP). An application that cannot is refused when it is registered; those that exist are named in the log at the start, and refused when they come. docs/standards.md lists what it demands.",
		set: setProfile, show: func(c Config) string { return c.Authz.Profile.String() },
	},

	text("server_name", "text", "What pages call this server.",
		func(c *Config) *string { return &c.ServerName }, parseServerName),
	text("language", strings.Join(words.Codes(), " or "), "The language of pages and e-mails for people who ask for none that there is. An application can ask for one (ui_locales), people choose one in their profile, and browsers say which ones they prefer.",
		func(c *Config) *string { return &c.Language }, oneOf(words.Codes()...)),
	text("audience", "text", "The API's identifier, the aud of access tokens. public_url when left out.",
		func(c *Config) *string { return &c.Authz.Audience }, parseAudience),
	text("api_docs_url", "URL", "The API's own documentation; the guide links to it.",
		func(c *Config) *string { return &c.APIDocsURL }, parseWebURL),
	{
		name: "scopes", form: "list of name, description, access",
		doc: "Every scope of the API, in the order in which pages show them: its name, what it allows in plain words (\"See the team's chatbots\"), and whether it may read or write. The description may be in several languages, English among them: `description: {en: See the chatbots, de: Die Chatbots sehen}`. The default is the example API's.",
		set: setScopes, show: showScopes,
	},

	duration("code_lifetime", "How long an application has to exchange an authorization code.",
		func(c *Config) *time.Duration { return &c.Authz.CodeLifetime }, 5*time.Second, 10*time.Minute),
	duration("access_token_lifetime", "How long an access token is valid, and the longest that an API which only checks signatures can take to notice that a grant ended.",
		func(c *Config) *time.Duration { return &c.Authz.AccessTokenLifetime }, 10*time.Second, 24*time.Hour),
	duration("refresh_idle_lifetime", "A connection ends when it is not refreshed for this long.",
		func(c *Config) *time.Duration { return &c.Authz.Refresh.Idle }, time.Minute, 10*365*24*time.Hour),
	duration("refresh_absolute_lifetime", "A connection ends this long after the person agreed to it, however often it is refreshed.",
		func(c *Config) *time.Duration { return &c.Authz.Refresh.Absolute }, time.Minute, 10*365*24*time.Hour),
	duration("refresh_grace", "How long a refresh token that was replaced still gets the same successor, for an application that lost the answer. With several servers, keep it longer than their clocks can differ. A client may have less (`--refresh-grace`).",
		func(c *Config) *time.Duration { return &c.Authz.Refresh.Grace }, time.Second, 5*time.Minute),
	duration("refresh_late_retry", "A refresh token that was replaced longer ago than refresh_grace gets its successor once more if that was never used: the application was killed before it stored the answer. This is the least time between two such retries of a connection. A retry sooner than that ends the connection; 0 allows none.",
		func(c *Config) *time.Duration { return &c.Authz.Refresh.LateRetry }, 0, 366*24*time.Hour),
	duration("session_lifetime", "How long a browser stays signed in.",
		func(c *Config) *time.Duration { return &c.Authn.SessionLifetime }, time.Minute, 366*24*time.Hour),
	duration("request_lifetime", "How long a person may take over sign-in and consent.",
		func(c *Config) *time.Duration { return &c.Authz.RequestLifetime }, time.Minute, 24*time.Hour),

	{
		name: "providers", form: "list of id, name, issuer, client_id and others",
		doc: providersDoc,
		set: setProviders, show: showProviders,
	},

	text("id_token_algorithm", "RS256 or ES256", "What signs the ID tokens of applications that asked for neither when they were registered. When left out it is RS256, which every OpenID Connect client knows, or ES256 with profile fapi2, which does not allow RS256. ES256 is smaller and faster.",
		func(c *Config) *string { return &c.Authz.IDTokenAlgorithm }, oneOf("RS256", "ES256")),
	duration("key_rotation_interval", "How long a key signs before the servers replace it by themselves. The change takes an hour and no token becomes invalid. 0 means only when `gatehouse key rotate` is run; the least is 24h.",
		func(c *Config) *time.Duration { return &c.KeyRotationInterval }, 0, 10*365*24*time.Hour),
	text("team_creation", "operators or anyone", "Who may create teams on the page /teams/, and is the admin of what they create: operators, or anyone whose e-mail address is proven. The command line can always add teams.",
		func(c *Config) *string { return &c.TeamCreation }, oneOf("operators", "anyone")),
	text("sign_up", "off, invited, domain or open", "Who can get an account without you. `off`: nobody; you make every account, or invite to one with `gatehouse team invite`. `invited`: also people whom an admin invites to a team. `domain`: also people who prove that they have an address of one of sign_up_domains, on the page /signup/. `open`: everybody who proves an address. Signing up gives an account and no team. `domain` and `open` need a mail server.",
		func(c *Config) *string { return (*string)(&c.SignUp.Mode) }, oneOf("off", "invited", "domain", "open")),
	{
		name: "sign_up_domains", form: "list of domains",
		doc: "The domains of sign_up `domain`, such as example.org. Subdomains do not count. Required with it, and only allowed with it.",
		set: setSignUpDomains, show: func(c Config) string { return strings.Join(c.SignUp.Domains, ", ") },
	},
	text("require_second_factor", "off, operators or all", "Who has to sign in with a second factor (a passkey or an authenticator app), whatever teams require: nobody, operators, or all. A person who has none is led to set one up after the password, and reaches nothing else before. Connections that exist go on. `gatehouse doctor` counts the people who have none.",
		func(c *Config) *string { return (*string)(&c.Authn.RequireSecondFactor) }, oneOf("off", "operators", "all")),
	number("password_min_length", "How many characters a new password has at least: 8 to 64. 0 means 15, or 8 if require_second_factor is all; so NIST SP 800-63B-4 wants it. Passwords that exist stay.",
		func(c *Config) *int { return &c.Authn.PasswordMinLength }, 0, 64),
	duration("audit_retention", "How long the record of what happened is kept.",
		func(c *Config) *time.Duration { return &c.AuditRetention }, 24*time.Hour, 10*365*24*time.Hour),
	boolean("request_log", "Keep why requests of applications failed, for those who build them (`gatehouse client log`): the latest of each application, for seven days, without anything that could be a secret.",
		func(c *Config) *bool { return &c.RequestLog }),

	{
		name: "smtp_url", form: "smtp://USER:PASSWORD@HOST:PORT or smtps://…",
		doc: "The mail server by which people are told about new connections and about misused ones. smtp begins in the clear and has to change to TLS (STARTTLS, port 587; not asked of this machine's own server); smtps is TLS from the start (port 465). Without it no e-mail is sent. It may hold a password, so prefer smtp_url_file, which is read again on SIGHUP and when the mail server refuses the password.",
		set: setSMTPURL, show: func(Config) string { return "" },
	},
	text("mail_from", "address", "The sender of e-mails, such as `Gatehouse <no-reply@auth.example.com>`. Mails that cannot be delivered come back to it. Required with smtp_url.",
		func(c *Config) *string { return &c.Mail.From }, mail.ParseFrom),
	{
		name: "insecure_internal_networks", form: "list of networks",
		doc: "Internal networks that the URLs which applications registered (jwks_uri, backchannel_logout_uri) may lead to. None by default: such URLs were chosen by others, and each network that is named here is one which they can make this server send requests into. This machine itself is allowed while public_url is on it.",
		set: setInternalNetworks, show: func(c Config) string { return showPrefixes(c.Outbound.InternalNetworks) },
	},

	number("limits.sign_in_failures_per_pair", "Wrong passwords for one account from one address in 15 minutes. A /48 of IPv6 counts as one address here, because one customer may have all of it.",
		func(c *Config) *int { return &c.Authn.FailuresPerPair }, 1, 1_000_000),
	number("limits.sign_in_failures_per_address", "Wrong passwords from one address, or one /64 of IPv6, in 15 minutes; a /56 has twice as many, and a /48 four times. Raise it where many people share an address.",
		func(c *Config) *int { return &c.Authn.FailuresPerAddress }, 1, 1_000_000),
	number("limits.sign_in_failures_per_account", "Wrong passwords for one account in an hour, from browsers it has not been used from. A browser that has signed in to the account before is not held up by it.",
		func(c *Config) *int { return &c.Authn.FailuresPerAccount }, 1, 1_000_000),
	number("limits.password_resets_per_address", "Requests for a link to set a new password from one address, or one /64 of IPv6, in an hour; a /56 has twice as many, and a /48 four times.",
		func(c *Config) *int { return &c.Authn.ResetsPerAddress }, 1, 1_000_000),
	number("limits.sign_ups_per_address", "Requests to sign up from one address, or one /64 of IPv6, in an hour; a /56 has twice as many, and a /48 four times.",
		func(c *Config) *int { return &c.Authn.SignUpsPerAddress }, 1, 1_000_000),
	number("limits.mails_per_mailbox", "Mails to one e-mail address in an hour that anybody can cause, such as links to set a new password. Notices about an account do not count.",
		func(c *Config) *int { return &c.Authn.MailsPerMailbox }, 1, 1_000_000),
	number("limits.client_failures", "Wrong client secrets for one client from one address, or one /48 of IPv6, in 15 minutes.",
		func(c *Config) *int { return &c.ClientFailures }, 1, 1_000_000),
	number("limits.pushed_requests", "Pushed authorization requests of one client that are kept at a time; each lives 90 seconds. When there are more, the client's own oldest goes first.",
		func(c *Config) *int { return &c.Authz.PushedRequests }, 1, 1_000_000),
	number("limits.public_pushes_per_address", "Requests that public clients may push from one address, or one /64 of IPv6, in 90 seconds; a /56 has twice as many, and a /48 four times. Everybody can push in the name of a public client.",
		func(c *Config) *int { return &c.PublicPushes }, 1, 1_000_000),
	number("limits.connections_per_grant", "Connections of one person to one application in one team; each code that is redeemed makes one. Once there are more than twice as many, only the newest are kept, and those of the last minutes: the others can be refreshed only until the access token expires that they have.",
		func(c *Config) *int { return &c.Authz.ConnectionsPerGrant }, 1, 1_000_000),
	number("limits.concurrent_password_hashes", "Passwords checked at the same time; each takes some memory and a processor. 0 means the number of processors, or half of it where a container has a quota of them.",
		func(c *Config) *int { return &c.Authn.ConcurrentHashes }, 0, 1024),

	{
		name: "log_level", form: "debug, info, warn or error", doc: "The least important level that is logged.",
		set: setLogLevel, show: func(c Config) string { return strings.ToLower(c.LogLevel.String()) },
	},
	text("log_format", "json or text", "How log lines look on standard error.",
		func(c *Config) *string { return &c.LogFormat }, oneOf("json", "text")),
}

// lookup finds a setting by its name in the file. isFile means that the name ends in _file, so the value is the content of a
// file.
func lookup(name string) (s *setting, isFile bool) {
	if s := byName(name); s != nil {
		return s, false
	}
	base, ok := strings.CutSuffix(name, "_file")
	if !ok {
		return nil, false
	}
	return byName(base), true
}

// lookupVariable is lookup for an environment variable.
func lookupVariable(variable string) (s *setting, isFile bool) {
	for i := range settings {
		switch variable {
		case settings[i].variable():
			return &settings[i], false
		case settings[i].variable() + "_FILE":
			s, isFile = &settings[i], true
		}
	}
	return s, isFile
}

func byName(name string) *setting {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	return &settings[i]
}

// isGroup reports whether settings are inside name.
func isGroup(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return strings.HasPrefix(s.name, name+".") })
}

// variable is the setting's environment variable.
func (s *setting) variable() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, ".", "_"))
}

func settingNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.name)
	}
	return names
}

func variableNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.variable())
	}
	return names
}

// isList reports whether the value is a list of several fields, which a variable or a file of its own holds as YAML.
func (s *setting) isList() bool { return s.name == "scopes" || s.name == "providers" }

// fromText is the value that a variable holds. A list is written as YAML (and so as JSON); everything else as it is.
func (s *setting) fromText(said, origin string) (value, error) {
	said, err := plaintext.Clean([]byte(said)) // a variable may be the content of a file
	if err != nil {
		return value{}, fmt.Errorf("%s: %s %w", origin, s.name, err)
	}
	if !s.isList() {
		return value{setting: s, node: &yaml.Node{Kind: yaml.ScalarNode, Value: said}, origin: origin}, nil
	}
	node, err := parseYAML(origin, []byte(said))
	if err != nil {
		return value{}, err
	}
	return value{setting: s, node: orEmpty(node), origin: origin}, nil
}

// fromFile is the value that is the content of a file, without white space around it.
func (s *setting) fromFile(path, origin string) (value, error) {
	read := readFile
	if s.name == "master_key" {
		read = ReadPrivateFile
	}
	content, err := read(path)
	if err != nil {
		return value{}, fmt.Errorf("%s: %w", origin, err)
	}
	if !s.isList() {
		content, err := plaintext.Line(bytes.TrimSpace(content))
		if err != nil {
			return value{}, fmt.Errorf("%s: %s %w", origin, path, err)
		}
		v, err := s.fromText(content, origin)
		v.source = path
		return v, err
	}
	node, err := parseYAML(path, content)
	if err != nil {
		return value{}, err
	}
	return value{setting: s, node: orEmpty(node), file: path, origin: origin}, nil
}

// suggestion is "; did you mean …?" when a known name differs by at most two characters.
func suggestion(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return "; docs/configuration.md lists them all"
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance is the least number of inserted, deleted and replaced bytes that turns a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
