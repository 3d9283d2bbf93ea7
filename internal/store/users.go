package store

import (
	"cmp"
	"context"
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
