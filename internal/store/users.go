package store

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// userInto scans a person. The statements that use it list the columns in this order.
func userInto(u *team.User) []any {
	return []any{&u.ID, &u.Email, &u.Name, &u.Operator, &u.EmailVerified, engine.TimeTo(&u.CreatedAt), engine.TimeTo(&u.DisabledAt)}
}

func scanUser(r engine.Row) (u team.User, err error) {
	err = r.Scan(userInto(&u)...)
	return u, err
}

// AddUser saves a new person. team.ErrUserTaken.
func (db *DB) AddUser(ctx context.Context, u team.User) error {
	return db.write(ctx, "AddUser", func(t *tx) error {
		if err := t.addUser(u); err != nil {
			return err
		}
		return t.happened(audit.Event{At: u.CreatedAt, Kind: audit.UserAdded, User: string(u.ID)})
	})
}

func (t *tx) addUser(u team.User) error {
	if err := t.emailFree(u.ID, team.NormalizeEmail(u.Email), t.db.now()); err != nil {
		return err
	}
	_, err := t.Change(`
		INSERT INTO gh_users (id, email, email_key, name, operator, email_verified, created_at, disabled_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		u.ID, u.Email, team.NormalizeEmail(u.Email), u.Name, u.Operator, u.EmailVerified, engine.Millis(u.CreatedAt), engine.Millis(u.DisabledAt))
	if engine.IsUnique(err) {
		return team.ErrUserTaken
	}
	return err
}

// User is a person by id. team.ErrNoUser.
func (db *DB) User(ctx context.Context, id team.UserID) (team.User, error) {
	return engine.One(ctx, db.engine, "User", team.ErrNoUser, scanUser,
		`SELECT id, email, name, operator, email_verified, created_at, disabled_at FROM gh_users WHERE id = $1`, id)
}

// UserByEmail is a person by e-mail, whatever form it has. team.ErrNoUser.
func (db *DB) UserByEmail(ctx context.Context, email string) (team.User, error) {
	return engine.One(ctx, db.engine, "UserByEmail", team.ErrNoUser, scanUser,
		`SELECT id, email, name, operator, email_verified, created_at, disabled_at FROM gh_users WHERE email_key = $1`, team.NormalizeEmail(email))
}

// compareEmails fills in the form in which an address is compared, where a migration could not: SQL knows no Unicode forms. Of two
// people whose addresses are the same in that form, the one who has it already gets it, and the other keeps the address as it is.
func (db *DB) compareEmails(ctx context.Context) error {
	users, err := engine.All(ctx, db.engine, "CompareEmails", scanUser,
		`SELECT id, email, name, operator, email_verified, created_at, disabled_at FROM gh_users WHERE email_key IS NULL ORDER BY id`)
	if err != nil {
		return err
	}
	isNormal := func(u team.User) bool { return u.Email == team.NormalizeEmail(u.Email) }
	slices.SortStableFunc(users, func(a, b team.User) int {
		switch {
		case isNormal(a) == isNormal(b):
			return 0
		case isNormal(a):
			return -1
		}
		return 1
	})
	for _, u := range users {
		set := func(key string) error {
			return db.write(ctx, "CompareEmails", func(t *tx) error {
				_, err := t.Change(`UPDATE gh_users SET email_key = $2 WHERE id = $1`, u.ID, key)
				return err
			})
		}
		err := set(team.NormalizeEmail(u.Email))
		if engine.IsUnique(err) {
			err = set(u.Email)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Users is everyone, by e-mail.
func (db *DB) Users(ctx context.Context) ([]team.User, error) {
	users, err := engine.All(ctx, db.engine, "Users", scanUser, `SELECT id, email, name, operator, email_verified, created_at, disabled_at FROM gh_users`)
	slices.SortFunc(users, func(a, b team.User) int { return cmp.Compare(a.Email, b.Email) })
	return users, err
}

// DisableUser ends a person's sessions and grants in the same transaction. team.ErrNoUser.
// A session that starts or a grant that is saved at the same time holds the row that is updated first here. So either
// it is ended too, or it finds the person disabled.
func (db *DB) DisableUser(ctx context.Context, id team.UserID, at time.Time) error {
	return db.change(ctx, "DisableUser", func(t *tx) error {
		t.changed = changeOfUser(id)
		if err := t.MustChange(team.ErrNoUser, `UPDATE gh_users SET disabled_at = CASE WHEN disabled_at = 0 THEN $2 ELSE disabled_at END WHERE id = $1`, id, engine.Millis(at)); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_sessions WHERE user_id = $1`, id); err != nil {
			return err
		}
		// Before the grants end: their families say which clients to tell.
		if err := t.happened(audit.Event{At: at, Kind: audit.UserDisabled, User: string(id)}); err != nil {
			return err
		}
		return t.endGrants(at, endGrantsOfUser, id)
	})
}

// EnableUser lets a person sign in again and revives nothing. team.ErrNoUser.
func (db *DB) EnableUser(ctx context.Context, id team.UserID) error {
	return db.write(ctx, "EnableUser", func(t *tx) error {
		if err := t.MustChange(team.ErrNoUser, `UPDATE gh_users SET disabled_at = 0 WHERE id = $1`, id); err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.UserEnabled, User: string(id)})
	})
}

// RemoveUser removes a person with all that is theirs, and returns what they leave behind. The audit trail keeps their id. With decide, they do it
// themselves, and the teams that decide names go too. team.ErrNoUser, team.ErrLastOperator, or what decide says.
func (db *DB) RemoveUser(ctx context.Context, id team.UserID, at time.Time, decide func([]team.Orphan) ([]team.ID, error)) (orphans []team.Orphan, err error) {
	unit, kind := db.change, audit.UserRemoved
	if decide != nil { // teams go with their clients
		unit, kind = db.changeClients, audit.AccountClosed
	}
	err = unit(ctx, "RemoveUser", func(t *tx) error {
		t.changed = changeOfUser(id)
		// Of two admins of a team, or two operators, who are removed at once, the second waits here and does not find the first any more.
		for _, lock := range []string{
			`SELECT t.id FROM gh_teams t JOIN gh_memberships m ON m.team_id = t.id WHERE m.user_id = $1 ORDER BY t.id FOR NO KEY UPDATE OF t`,
			`SELECT id FROM gh_users WHERE id = $1 OR operator ORDER BY id FOR UPDATE`,
			`SELECT team_id FROM gh_memberships WHERE user_id = $1 ORDER BY team_id FOR UPDATE`,
		} {
			if err := t.Lock(lock, id); err != nil {
				return err
			}
		}
		var last bool
		err := t.Get([]any{&last}, isLastOperator, id)
		switch {
		case isNoRows(err):
			return team.ErrNoUser
		case err != nil:
			return err
		case last:
			return team.ErrLastOperator
		}
		if orphans, err = t.orphans(id); err != nil {
			return err
		}
		var ends []team.ID
		if decide != nil {
			if ends, err = decide(orphans); err != nil {
				return err
			}
		}
		// Before the grants end: their families say which clients to tell.
		if err := t.happened(audit.Event{At: at, Kind: kind, User: string(id)}); err != nil {
			return err
		}
		if err := t.endGrants(at, endGrantsOfUser, id); err != nil {
			return err
		}
		for _, end := range ends {
			if err := t.removeTeam(end, at); err != nil {
				return err
			}
		}
		return t.MustChange(team.ErrNoUser, `DELETE FROM gh_users WHERE id = $1`, id) // the rest is theirs by foreign key
	})
	return orphans, err
}

const isLastOperator = `
	SELECT operator AND disabled_at = 0 AND NOT EXISTS (SELECT 1 FROM gh_users o WHERE o.operator AND o.disabled_at = 0 AND o.id <> $1)
	FROM gh_users WHERE id = $1`

// orphansOf is the teams that have no admin who can sign in without a person, who is one of their admins, with how many others there are, after an id.
const orphansOf = `
	SELECT t.id, t.slug, t.name, t.created_at, (SELECT COUNT(*) FROM gh_memberships o WHERE o.team_id = t.id AND o.user_id <> $1)
	FROM gh_memberships m JOIN gh_teams t ON t.id = m.team_id
	WHERE m.user_id = $1 AND m.role = 'admin' AND t.id > $2 AND NOT EXISTS (
		SELECT 1 FROM gh_memberships o JOIN gh_users u ON u.id = o.user_id
		WHERE o.team_id = t.id AND o.role = 'admin' AND o.user_id <> $1 AND u.disabled_at = 0)
	ORDER BY t.id LIMIT $3`

func orphanInto(o *team.Orphan) []any { return append(teamInto(&o.Team), &o.Others) }

// orphans is what a person leaves behind who is removed.
func (t *tx) orphans(user team.UserID) ([]team.Orphan, error) {
	var orphans []team.Orphan
	for last := (team.Orphan{}); ; orphans = append(orphans, last) {
		err := t.Get(orphanInto(&last), orphansOf, user, last.ID, 1)
		if isNoRows(err) {
			return orphans, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Leaves is what a person would leave behind, and whether they are the last operator who can sign in. team.ErrNoUser.
func (db *DB) Leaves(ctx context.Context, id team.UserID) (orphans []team.Orphan, last bool, err error) {
	scan := func(r engine.Row) (o team.Orphan, err error) { return o, r.Scan(orphanInto(&o)...) }
	orphans, err = engine.All(ctx, db.engine, "Leaves", scan, orphansOf, id, "", math.MaxInt32)
	if err != nil {
		return nil, false, err
	}
	yes := func(r engine.Row) (last bool, err error) { return last, r.Scan(&last) }
	last, err = engine.One(ctx, db.engine, "Leaves", team.ErrNoUser, yes, isLastOperator, id)
	return orphans, last, err
}

// VerifyEmail records that an address is the person's. team.ErrNoUser, also when the person has another address by now.
func (db *DB) VerifyEmail(ctx context.Context, id team.UserID, email string) error {
	return db.change(ctx, "VerifyEmail", func(t *tx) error {
		if err := t.MustChange(team.ErrNoUser, `UPDATE gh_users SET email_verified = TRUE WHERE id = $1 AND email = $2`, id, email); err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.EmailVerified, User: string(id)})
	})
}

// byName orders lists for people: by name, ignoring case, and always in the same order. It is done here because SQLite
// knows the case of ASCII letters only, and ids are compared by bytes.
func byName(nameA, idA, nameB, idB string) int {
	return cmp.Or(cmp.Compare(strings.ToLower(nameA), strings.ToLower(nameB)), cmp.Compare(nameA, nameB), cmp.Compare(idA, idB))
}
