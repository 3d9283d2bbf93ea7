// Package config is the settings of Gatehouse: what each is called in the file and in the environment, what it means, what
// it may be, and its default. docs/configuration.md is made from that.
//
// A setting is a row of the table in settings.go. A default stands once: in Default here, or in the Defaults of the package
// whose options hold the setting.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/provider"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/words"
	"go.yaml.in/yaml/v4"
)

// Config is every setting of Gatehouse. The settings of a package are its own Options, with its own defaults.
type Config struct {
	PublicURL             string // the issuer: scheme, host and port, without a trailing slash
	InsecureHTTPPublicURL bool
	ServerName            string
	Language              string          // of people who ask for none that there is
	APIDocsURL            string          // may be empty
	DatabaseURL           string          // sqlite:PATH or postgres://…; may hold a password
	MasterKey             token.MasterKey // zero: the file beside an SQLite database
	Listen                string          // host:port
	OpsListen             string          // host:port, or Off
	OpsPprof              bool            // profiles on the operations listener
	TLSCertFile           string          // both or neither
	TLSKeyFile            string
	TrustedProxies        []netip.Prefix // proxies whose X-Forwarded-For counts
	ShutdownDelay         time.Duration  // between the moment when /readyz says no and the moment when the listener closes
	ShutdownTimeout       time.Duration  // how long requests that have begun may take to end
	KeyRotationInterval   time.Duration  // zero: by command only
	AuditRetention        time.Duration
	TeamCreation          string // who may create teams: operators or anyone
	SignUp                team.SignUp
	ClientFailures        int  // wrong client secrets for one client from one address in 15 minutes
	PublicPushes          int  // requests that public clients push from one address in 90 seconds
	RequestLog            bool // failed requests of clients are kept
	LogLevel              slog.Level
	LogFormat             string   // json or text
	SecretFiles           []string // files that hold a secret: the TLS key, and where a password or the master key was read from

	Providers []provider.Settings // at which people can sign in

	Authz    authz.Options // Issuer is left empty: it is PublicURL
	Authn    authn.Options
	Mail     mail.Options
	Outbound outbound.Options // ThisMachine is left false: PublicURL decides it
}

const (
	sqliteScheme     = "sqlite:"
	leastKeyRotation = 24 * time.Hour
)

// Off is the OpsListen of a server without an operations listener.
const Off = "off"

// Default is the configuration when nothing is said: an SQLite database in the working directory and http://localhost:8000.
func Default() Config {
	c := Config{
		PublicURL:           "http://localhost:8000",
		ServerName:          "Gatehouse",
		Language:            words.English.Code(),
		DatabaseURL:         "sqlite:gatehouse.db",
		Listen:              "localhost:8000",
		OpsListen:           "localhost:9464",
		ShutdownTimeout:     25 * time.Second,
		KeyRotationInterval: 90 * 24 * time.Hour,
		AuditRetention:      365 * 24 * time.Hour,
		TeamCreation:        "operators",
		SignUp:              team.SignUp{Mode: team.SignUpOff},
		RequestLog:          true,
		ClientFailures:      30,
		PublicPushes:        20,
		LogLevel:            slog.LevelInfo,
		LogFormat:           "json",
		Authz:               authz.Defaults(),
		Authn:               authn.Defaults(),
	}
	c.Authz.Catalogue = defaultScopes()
	return c
}

// Load reads the configuration: the defaults, then the YAML file at path ("" for none), then the GATEHOUSE_… variables of
// environ ("NAME=value", as in os.Environ). It reports all problems at once, each with its line or variable. Errors repeat no
// secrets.
func Load(path string, environ []string) (Config, error) {
	l := loader{config: Default(), origin: map[string]string{}}
	fromEnv := l.parseEnvironment(environ)
	if path != "" {
		l.loadFile(path, fromEnv)
	}
	for _, v := range fromEnv {
		l.apply(v)
	}
	if l.config.TLSKeyFile != "" {
		l.secret(l.config.TLSKeyFile)
	}
	if len(l.problems) == 0 {
		l.problems = l.config.conflicts(l.where)
	}
	return l.config, errors.Join(l.problems...)
}

// loader gathers values and problems.
type loader struct {
	config   Config
	origin   map[string]string // setting name → where it was set, for conflicts
	problems []error
}

// value is what one place says about one setting.
type value struct {
	setting *setting
	node    *yaml.Node
	file    string // the file that node's lines count in; empty for a variable
	source  string // the file that the value stands in; empty for a variable
	origin  string // "gatehouse.yaml:7" or "GATEHOUSE_LISTEN"
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

// where is where the first of these settings is set that is set at all: the beginning of a message.
func (l *loader) where(names ...string) string {
	for _, name := range names {
		if o, ok := l.origin[name]; ok {
			return o + ": "
		}
	}
	return ""
}

func (l *loader) apply(v value) {
	err := v.setting.set(&l.config, v.node)
	l.origin[v.setting.name] = v.origin
	if v.source != "" && v.setting.secret(v.node.Value) {
		l.secret(v.source)
	}
	if err == nil {
		return
	}
	origin := v.origin
	if at, ok := errors.AsType[*lineError](err); ok && v.file != "" {
		origin = fmt.Sprintf("%s:%d", v.file, at.line)
	}
	l.problem("%s: %s %w", origin, v.setting.name, err)
}

// loadFile applies the settings of a YAML file, except those that a variable overrides.
func (l *loader) loadFile(path string, overridden []value) {
	text, err := readFile(path)
	if err != nil {
		l.problem("read the configuration: %w", err)
		return
	}
	root, err := parseYAML(path, text)
	if err != nil {
		l.problems = append(l.problems, err)
		return
	}
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		l.problem("%s:%d: expected fields such as \"public_url: https://…\"", path, root.Line)
		return
	}
	skip := map[string]bool{}
	for _, v := range overridden {
		skip[v.setting.name] = true
	}
	l.walk(path, "", root, skip, map[string]int{})
}

// walk applies the fields of a mapping whose names begin with prefix. seen has the line of every setting so far.
func (l *loader) walk(path, prefix string, mapping *yaml.Node, skip map[string]bool, seen map[string]int) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], resolve(mapping.Content[i+1])
		name := prefix + key.Value
		origin := fmt.Sprintf("%s:%d", path, key.Line)
		s, isFile := lookup(name)
		switch {
		case isGroup(name) && node.Kind == yaml.MappingNode:
			l.walk(path, name+".", node, skip, seen)
		case isGroup(name) && node.Tag == "!!null":
			// A group whose fields are all commented out.
		case isGroup(name):
			l.problem("%s: %s has to hold fields of its own, indented below it", origin, name)
		case s == nil:
			l.problem("%s: unknown field %q%s", origin, name, suggestion(name, settingNames()))
		case seen[s.name] != 0:
			l.problem("%s: %s is set before, in line %d; keep one of the two", origin, s.name, seen[s.name])
		case node.Tag == "!!null":
			l.problem("%s: %s has no value; give it one, or leave it out for its default", origin, name)
		case skip[s.name]:
			seen[s.name] = key.Line
			if !isFile && s.secret(node.Value) {
				l.secret(path)
			}
		case isFile:
			seen[s.name] = key.Line
			l.applyFile(s, node.Value, origin)
		default:
			seen[s.name] = key.Line
			l.apply(value{setting: s, node: node, file: path, source: path, origin: origin})
		}
	}
}

// applyFile applies a setting whose value is in a file of its own.
func (l *loader) applyFile(s *setting, path, origin string) {
	v, err := s.fromFile(path, origin)
	if err != nil {
		l.problems = append(l.problems, err)
		return
	}
	l.apply(v)
}

// parseEnvironment finds the values of GATEHOUSE_… variables. An empty variable counts as not set.
func (l *loader) parseEnvironment(environ []string) []value {
	var values []value
	setBy := map[string]string{}
	environ = slices.Sorted(slices.Values(environ))
	for _, e := range environ {
		variable, text, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(variable, envPrefix) || text == "" || foreignVariable(variable) {
			continue
		}
		s, isFile := lookupVariable(variable)
		if s == nil {
			l.problem("%s: no setting has this name%s", variable, suggestion(variable, variableNames()))
			continue
		}
		if other := setBy[s.name]; other != "" {
			l.problem("%s and %s both set %s; keep one of the two", other, variable, s.name)
			continue
		}
		setBy[s.name] = variable
		var v value
		var err error
		if isFile {
			v, err = s.fromFile(text, variable)
		} else {
			v, err = s.fromText(text, variable)
		}
		if err != nil {
			l.problems = append(l.problems, err)
			continue
		}
		values = append(values, v)
	}
	return values
}

// foreignVariable reports whether a variable is no setting although its name begins like one: GATEHOUSE_CONFIG names the file,
// and Kubernetes sets the others in every container when a Service is called gatehouse.
func foreignVariable(name string) bool {
	return name == envPrefix+"CONFIG" || name == envPrefix+"PORT" ||
		strings.HasPrefix(name, envPrefix+"PORT_") || strings.HasPrefix(name, envPrefix+"SERVICE_")
}

// Check puts a configuration that was made in code into its normal form, and finds what Load would find wrong.
func (c Config) Check() (Config, error) {
	var err error
	if c.PublicURL, err = parsePublicURL(c.PublicURL); err != nil {
		return Config{}, fmt.Errorf("public_url %w", err)
	}
	return c, errors.Join(c.conflicts(func(...string) string { return "" })...)
}

// SQLite is the path of the database, when it is an SQLite database.
func (c Config) SQLite() (path string, ok bool) {
	return strings.CutPrefix(c.DatabaseURL, sqliteScheme)
}

// OwnMasterKey is the file of the master key that was made beside an SQLite database; "" when the configuration names the
// master key.
func (c Config) OwnMasterKey() string {
	path, ok := c.SQLite()
	if !ok || c.MasterKey.Text() != "" {
		return ""
	}
	return filepath.Join(filepath.Dir(path), "master.key")
}

// OnThisMachine reports whether only this machine can reach PublicURL.
func (c Config) OnThisMachine() bool {
	u, err := url.Parse(c.PublicURL)
	return err == nil && oauth.IsLoopback(u.Hostname())
}
