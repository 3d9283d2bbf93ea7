package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parseDatabaseURL never repeats the URL in its error: it may hold a password.
func parseDatabaseURL(s string) (string, error) {
	path, isSQLite := strings.CutPrefix(s, sqliteScheme)
	isPostgres := strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
	if !isPostgres && (!isSQLite || path == "") {
		return "", errors.New("has to be sqlite:PATH, such as sqlite:gatehouse.db, or postgres://USER:PASSWORD@HOST/DATABASE")
	}
	if isPostgres {
		return s, checkPostgres(s)
	}
	return s, nil
}

// parameters is what the driver reads from the URL besides the parameters of the pool, with a check of each. The driver would reject a bad one too, but names no
// line.
var parameters = map[string]func(string) error{
	"connect_timeout":      whole(0),
	"port":                 ports,
	"sslmode":              among("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
	"sslrootcert":          there,
	"sslcert":              there,
	"sslkey":               there,
	"target_session_attrs": among("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
	"channel_binding":      among("disable", "prefer", "require"),
}

// poolParameters is the parameters of the connection pool, which the driver reads from the URL, with a check of each.
var poolParameters = map[string]func(string) error{
	"pool_max_conns":                whole(2), // one for everything, and one for what shares commits
	"pool_min_conns":                whole(0),
	"pool_min_idle_conns":           whole(0),
	"pool_max_conn_lifetime":        span,
	"pool_max_conn_lifetime_jitter": span,
	"pool_max_conn_idle_time":       span,
	"pool_health_check_period":      span,
}

// checkPostgres checks the ports and the parameters of a URL. A parameter that begins like those of the pool, with a typo, would go to PostgreSQL.
func checkPostgres(dsn string) error {
	address, query, _ := strings.Cut(dsn, "?")
	_, address, _ = strings.Cut(address, "://")
	address, _, _ = strings.Cut(address, "/")
	for host := range strings.SplitSeq(address[strings.LastIndexByte(address, '@')+1:], ",") {
		_, port, found := strings.Cut(host[strings.LastIndexByte(host, ']')+1:], ":")
		if found && port != "" && ports(port) != nil { // it could be a part of a password
			return errors.New("has a port that is not a number from 1 to 65535; what is special in a password is written as %XX")
		}
	}
	given, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has parameters after the ? that cannot be read; write each as name=value, with & between them")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		check, known := poolParameters[name]
		if !known {
			check, known = parameters[name]
		}
		switch {
		case known:
		case !strings.HasPrefix(name, "pool_"):
			continue
		default:
			return fmt.Errorf("has the unknown parameter %s%s", name, suggestion(name, slices.Sorted(maps.Keys(poolParameters))))
		}
		if err := check(given.Get(name)); err != nil {
			return fmt.Errorf("has %s=%s; it has to be %w", name, given.Get(name), err)
		}
	}
	return nil
}

func whole(least int32) func(string) error {
	return func(s string) error {
		if n, err := strconv.ParseInt(s, 10, 32); err != nil || n < int64(least) {
			return fmt.Errorf("a whole number, %d or more", least)
		}
		return nil
	}
}

// ports takes one port, or as many with commas between them as there are hosts.
func ports(s string) error {
	for port := range strings.SplitSeq(s, ",") {
		if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
			return errors.New("a number from 1 to 65535, one for each host")
		}
	}
	return nil
}

// among takes one of some words, or nothing for the default.
func among(words ...string) func(string) error {
	return func(s string) error {
		if s != "" && !slices.Contains(words, s) {
			return errors.New(strings.Join(words, " or "))
		}
		return nil
	}
}

// there takes the path of a file. Only its presence is checked, because a command may run as another user than the server.
func there(path string) error {
	if _, err := os.Stat(path); path != "" && path != "system" && os.IsNotExist(err) {
		return errors.New("the path of a file that is there")
	}
	return nil
}

func span(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d < 0 {
		return errors.New("a duration with its unit, such as 30m or 1h")
	}
	return nil
}
