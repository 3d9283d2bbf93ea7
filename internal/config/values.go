package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"go.yaml.in/yaml/v4"
)

// lineError is a problem in one line of a value with several lines.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }

func (e *lineError) Unwrap() error { return e.err }

func inLine(n *yaml.Node, format string, args ...any) error {
	return &lineError{n.Line, fmt.Errorf(format, args...)}
}

// parseYAML is the root of the one document in text, nil when there is nothing in it. origin begins an error.
func parseYAML(origin string, text []byte) (*yaml.Node, error) {
	var documents []yaml.Node
	if err := yaml.Load(text, &documents, yaml.WithAllDocuments()); err != nil {
		if at, ok := errors.AsType[*yaml.LoadError](err); ok && at.Mark.Line > 0 {
			return nil, fmt.Errorf("%s:%d: %s", origin, at.Mark.Line, at.Message)
		}
		return nil, fmt.Errorf("%s: %w", origin, err)
	}
	switch {
	case len(documents) > 1:
		return nil, fmt.Errorf("%s: more than one YAML document; remove the --- between them", origin)
	case len(documents) == 0 || len(documents[0].Content) == 0:
		return nil, nil
	}
	root := resolve(documents[0].Content[0])
	if root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func orEmpty(n *yaml.Node) *yaml.Node {
	if n == nil {
		return &yaml.Node{Kind: yaml.SequenceNode}
	}
	return n
}

// scalar is the text of a single value.
func scalar(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", inLine(n, "has to be a single value")
	}
	return n.Value, nil
}

// text is a setting that is a string; parse checks it and may put it in its normal form.
func text(name, form, doc string, at func(*Config) *string, parse func(string) (string, error)) setting {
	return setting{
		name: name, form: form, doc: doc,
		set: func(c *Config, n *yaml.Node) error {
			s, err := scalar(n)
			if err != nil {
				return err
			}
			s, err = parse(s)
			if err != nil {
				return err
			}
			*at(c) = s
			return nil
		},
		show: func(c Config) string { return *at(&c) },
	}
}

// boolean is a setting that is true or false.
func boolean(name, doc string, at func(*Config) *bool) setting {
	return setting{
		name: name, form: "true or false", doc: doc,
		set: func(c *Config, n *yaml.Node) error {
			s, err := scalar(n)
			if err != nil {
				return err
			}
			if s != "true" && s != "false" {
				return fmt.Errorf("is %q; it has to be true or false", s)
			}
			*at(c) = s == "true"
			return nil
		},
		show: func(c Config) string { return strconv.FormatBool(*at(&c)) },
	}
}

// number is a setting that is a whole number in a range.
func number(name, doc string, at func(*Config) *int, least, most int) setting {
	return setting{
		name: name, form: "number", doc: doc,
		set: func(c *Config, n *yaml.Node) error {
			s, err := scalar(n)
			if err != nil {
				return err
			}
			v, err := strconv.Atoi(s)
			if err != nil || v < least || v > most {
				return fmt.Errorf("is %q; it has to be a whole number from %d to %d", s, least, most)
			}
			*at(c) = v
			return nil
		},
		show: func(c Config) string { return strconv.Itoa(*at(&c)) },
	}
}

// duration is a setting that is a length of time in a range.
func duration(name, doc string, at func(*Config) *time.Duration, least, most time.Duration) setting {
	return setting{
		name: name, form: "duration", doc: doc,
		set: func(c *Config, n *yaml.Node) error {
			s, err := scalar(n)
			if err != nil {
				return err
			}
			v, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("is %q; it has to be a duration with its unit, such as 90s, 15m or 24h", s)
			}
			if v < least || v > most {
				return fmt.Errorf("is %s; it has to be from %s to %s", s, showDuration(least), showDuration(most))
			}
			*at(c) = v
			return nil
		},
		show: func(c Config) string { return showDuration(*at(&c)) },
	}
}

// showDuration is a duration in its largest whole unit: 60s, 15m, 336h.
func showDuration(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d > time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

func asIs(s string) (string, error) { return s, nil }

func oneOf(allowed ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !slices.Contains(allowed, s) {
			return "", fmt.Errorf("is %q; it has to be %s", s, strings.Join(allowed, " or "))
		}
		return s, nil
	}
}

// parsePublicURL puts a public URL in its normal form: lower case, no default port, no trailing slash. Clients compare the
// issuer byte for byte (RFC 9207 §2.4).
func parsePublicURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.Opaque != "" {
		return "", errors.New("has to be a URL such as https://auth.example.com")
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") {
		return "", errors.New("has to be scheme, host and port only: no user, path, query or fragment")
	}
	if ascii := oauth.ASCIIHost(s); ascii != "" { // browsers name our origin in this form
		return "", fmt.Errorf("has a host in Unicode; give its A-label form, %s", ascii)
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return "", fmt.Errorf("has the port %q; it has to be a number from 1 to 65535", port)
		}
	}
	host := strings.ToLower(u.Host)
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host, nil
}

func parseWebURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return "", errors.New("has to be a URL that begins with https:// or http://")
	}
	return s, nil
}

func parseListen(s string) (string, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("is %q; it has to be host:port, such as localhost:8000 or :8000", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "", fmt.Errorf("has the port %q; it has to be a number from 0 to 65535", port)
	}
	return s, nil
}

func parseOpsListen(s string) (string, error) {
	// Tools for YAML 1.1 write the word off as false.
	if s == Off || s == "false" {
		return Off, nil
	}
	return parseListen(s)
}

func parseServerName(s string) (string, error) {
	if s = strings.TrimSpace(s); s == "" || len(s) > 100 {
		return "", errors.New("has to be 1 to 100 characters")
	}
	return s, nil
}

// parseAudience follows RFC 7519 §4.1.3: a StringOrURI.
func parseAudience(s string) (string, error) {
	if s == "" || strings.ContainsAny(s, " \t\r\n") {
		return "", errors.New("has to be an identifier without spaces, such as https://api.example.com")
	}
	return s, nil
}

func setLogLevel(c *Config, n *yaml.Node) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[n.Value]
	if !ok {
		return fmt.Errorf("is %q; it has to be debug, info, warn or error", n.Value)
	}
	c.LogLevel = level
	return nil
}

func setProfile(c *Config, n *yaml.Node) (err error) {
	c.Authz.Profile, err = oauth.ParseProfile(n.Value)
	return err
}

// setMasterKey never repeats the value in its error.
func setMasterKey(c *Config, n *yaml.Node) error {
	s, err := scalar(n)
	if err != nil {
		return err
	}
	key, err := token.ParseMasterKey(s)
	if err != nil {
		return errors.New("has to be the base64 text of 32 bytes, as `openssl rand -base64 32` writes it")
	}
	c.MasterKey = key
	return nil
}

func setTrustedProxies(c *Config, n *yaml.Node) (err error) {
	c.TrustedProxies, err = parsePrefixes(n)
	return err
}

func setInternalNetworks(c *Config, n *yaml.Node) (err error) {
	c.Outbound.InternalNetworks, err = parsePrefixes(n)
	return err
}

// setSignUpDomains takes a list, or one text with commas or spaces between its items.
func setSignUpDomains(c *Config, n *yaml.Node) error {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	c.SignUp.Domains = nil
	for _, item := range items {
		s, err := scalar(resolve(item))
		if err != nil {
			return err
		}
		for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			domain, err := team.ParseDomain(word)
			if err != nil {
				return inLine(item, "has %q; it has to be a domain such as example.org", word)
			}
			c.SignUp.Domains = append(c.SignUp.Domains, domain)
		}
	}
	return nil
}

// parsePrefixes takes a list, or one text with commas or spaces between its items.
func parsePrefixes(n *yaml.Node) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		s, err := scalar(resolve(item))
		if err != nil {
			return nil, err
		}
		for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
			prefix, err := parsePrefix(word)
			if err != nil {
				return nil, inLine(item, "has %q; it has to be an address or a network such as 10.0.0.0/8", word)
			}
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	return prefix.Masked(), err
}

func showPrefixes(prefixes []netip.Prefix) string {
	var words []string
	for _, p := range prefixes {
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

// setSMTPURL never repeats the value in its error.
func setSMTPURL(c *Config, n *yaml.Node) error {
	s, err := scalar(n)
	if err != nil {
		return err
	}
	c.Mail.Server, err = mail.ParseServer(s)
	return err
}
