package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
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
		return s, checkPool(s)
	}
	return s, nil
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

// checkPool checks the parameters of the connection pool. The driver would reject a bad one too, but names no line; and what begins
// like them with a typo would go to PostgreSQL.
func checkPool(dsn string) error {
	_, query, _ := strings.Cut(dsn, "?")
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("has parameters after the ? that cannot be read; write each as name=value, with & between them")
	}
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if !strings.HasPrefix(name, "pool_") {
			continue
		}
		check, known := poolParameters[name]
		if !known {
			return fmt.Errorf("has the unknown parameter %s%s", name, suggestion(name, slices.Sorted(maps.Keys(poolParameters))))
		}
		if err := check(parameters.Get(name)); err != nil {
			return fmt.Errorf("has %s=%s; it has to be %w", name, parameters.Get(name), err)
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

func span(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d < 0 {
		return errors.New("a duration with its unit, such as 30m or 1h")
	}
	return nil
}
