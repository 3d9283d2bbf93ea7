package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
)

// A chain is a unit of work in a few statements, of which each happens only if all before it have found or changed a row. The last one records it.
//
// The first is the SELECT live. It begins with three columns of_user, of_team and of_grant, to which the others refer as live.of_user and so on, and say
// FROM live. PostgreSQL gets all of them as one statement, and so in one round trip. SQLite, which has none to save, gets them one after the other, with values in
// place of live's columns.
//
// A chain may have a lock, which PostgreSQL gets before all that, in the same round trip: only a statement of its own sees what those have committed for whom the lock
// waited. SQLite has no need of it.
type chain struct {
	lock  part // none: its query is ""
	whole string
	parts []part
}

// part is one statement of a chain, and which of the chain's arguments are its parameters $1, $2 and so on.
type part struct {
	query string
	uses  []int
}

// eventParameters is how many parameters the record has of its own; they come after the args of the chain.
const eventParameters = 9

// newChain makes a chain whose statements have the parameters $1 to $args.
func newChain(args int, live string, changes ...string) chain {
	changes = append(changes, recordLive(args))
	last := args + eventParameters
	values := strings.NewReplacer(" FROM live", "", "live.of_user", fmt.Sprintf("$%d", last+1), "live.of_team", fmt.Sprintf("$%d", last+2), "live.of_grant", fmt.Sprintf("$%d", last+3))
	c := chain{whole: "WITH live AS (" + live + ")", parts: []part{newPart(live)}}
	from := " FROM live"
	for i, change := range changes {
		c.parts = append(c.parts, newPart(values.Replace(change)))
		c.whole += fmt.Sprintf(", step%d AS (%s RETURNING 1)", i, strings.Replace(change, " FROM live", from, 1))
		from += fmt.Sprintf(", step%d", i)
	}
	c.whole += " SELECT live.*" + from
	return c
}

// behind is the chain with a lock, a SELECT that may use the parameters $1 to $args.
func (c chain) behind(lock string) chain {
	c.lock = newPart(lock)
	return c
}

// newPart numbers the parameters of a statement anew.
func newPart(query string) part {
	var p part
	p.query = renumber(query, func(n int) int {
		at := slices.Index(p.uses, n-1)
		if at < 0 {
			at = len(p.uses)
			p.uses = append(p.uses, n-1)
		}
		return at + 1
	})
	return p
}

// arguments picks the part's own from the chain's.
func (p part) arguments(all []any) []any {
	args := make([]any, len(p.uses))
	for i, use := range p.uses {
		args[i] = all[use]
	}
	return args
}

// recordLive is the event of a chain.
func recordLive(args int) string {
	const record = `INSERT INTO audit (id, at, kind, actor, client_id, family_id, address, request_id, detail, user_id, team_id, grant_id)
		SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), $3, $4, $5, $6, $7, $8, $9, live.of_user, live.of_team, live.of_grant FROM live`
	return renumber(record, func(n int) int { return args + n })
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// renumber gives the parameters of a statement other numbers.
func renumber(query string, other func(int) int) string {
	return parameter.ReplaceAllStringFunc(query, func(name string) string {
		n, err := strconv.Atoi(name[1:])
		if err != nil {
			panic(err) // the expression matches digits
		}
		return fmt.Sprintf("$%d", other(n))
	})
}

// once runs a chain as a unit of work of its own, and reads what its first statement found: the grant with its person and team, and the columns after those three. The error is sql.ErrNoRows, and
// nothing has happened, when one of the statements found or changed nothing. These are the event's as well.
func (db *DB) once(ctx context.Context, name string, c chain, e audit.Event, grant *authz.GrantID, live *authz.Live, dest []any, args ...any) error {
	origin := audit.OriginFrom(ctx)
	dest = append([]any{&live.User, &live.Team, grant}, dest...)
	const attempts = 10 // each has one chance in two thousand to meet the event id of another process in the same microsecond
	for range attempts {
		all := slices.Concat(args, []any{
			db.nextEventID(e.At), engine.Millis(e.At), string(e.Kind), cmp.Or(e.Actor, origin.Actor), e.Client, e.Family,
			cmp.Or(e.Address, origin.Address), cmp.Or(e.RequestID, origin.RequestID), e.Detail,
		})
		var err error
		if db.engine.PostgreSQL() {
			err = db.engine.Batch(ctx, name, engine.Statement{
				Query: c.whole, Args: all, Dest: dest, Lock: c.lock.query, LockArgs: c.lock.arguments(all), Also: "audit",
			})
		} else {
			err = db.write(ctx, name, func(t *tx) error {
				if err := t.Get(dest, c.parts[0].query, c.parts[0].arguments(all)...); err != nil {
					return err
				}
				return t.follow(c.parts[1:], append(all[:len(all):len(all)], live.User, live.Team, string(*grant)))
			})
		}
		if !engine.IsUnique(err) {
			return err
		}
	}
	return errors.New("store: " + name + ": no event id is free")
}

// follow runs the statements after the first. sql.ErrNoRows when one of them changed nothing.
func (t *tx) follow(parts []part, args []any) error {
	for i, p := range parts {
		named := t.Tx
		if i == len(parts)-1 {
			named = t.Named("audit") // so that counting a method's statements counts those of its domain
		}
		n, err := named.Change(p.query, p.arguments(args)...)
		if err != nil {
			return err
		}
		if n == 0 {
			return sql.ErrNoRows
		}
	}
	return nil
}
