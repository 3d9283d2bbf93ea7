package store

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Profile is how a person wants pages; zero when nothing was saved. team.ErrNoUser.
func (db *DB) Profile(ctx context.Context, user team.UserID) (team.Profile, error) {
	scan := func(r engine.Row) (p team.Profile, err error) { return p, r.Scan(&p.Language, &p.Zone, &p.Picture) }
	return engine.One(ctx, db.engine, "Profile", team.ErrNoUser, scan, `
		SELECT COALESCE(p.language, ''), COALESCE(p.zone, ''), COALESCE(x.name, '')
		FROM gh_users u
		LEFT JOIN gh_profiles p ON p.user_id = u.id
		LEFT JOIN gh_pictures x ON x.user_id = u.id
		WHERE u.id = $1`, user)
}

// SubjectDetail is what UserInfo tells about a member of a team. authz.ErrNotLive.
func (db *DB) SubjectDetail(ctx context.Context, user team.UserID, in team.ID) (authz.SubjectDetail, error) {
	scan := func(r engine.Row) (d authz.SubjectDetail, err error) {
		return d, r.Scan(&d.Profile.Language, &d.Profile.Zone, &d.Profile.Picture, &d.Role, &d.TeamName)
	}
	return engine.One(ctx, db.engine, "SubjectDetail", authz.ErrNotLive, scan, `
		SELECT COALESCE(p.language, ''), COALESCE(p.zone, ''), COALESCE(x.name, ''), m.role, t.name
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		LEFT JOIN gh_profiles p ON p.user_id = m.user_id
		LEFT JOIN gh_pictures x ON x.user_id = m.user_id
		WHERE m.user_id = $1 AND m.team_id = $2`, user, in)
}

// UpdateProfile saves the name and the profile that change gives a person, which it reads under a lock; their picture stays. team.ErrNoUser.
func (db *DB) UpdateProfile(ctx context.Context, user team.UserID, change func(string, team.Profile) (string, team.Profile)) error {
	return db.change(ctx, "UpdateProfile", func(t *tx) error {
		t.changed = changeOfUser(user)
		u, _, err := t.lockUser(user)
		if err != nil {
			return err
		}
		var current team.Profile
		err = t.Get([]any{&current.Language, &current.Zone}, `SELECT language, zone FROM gh_profiles WHERE user_id = $1`, user)
		if err != nil && !isNoRows(err) {
			return err
		}
		name, p := change(u.Name, current)
		if _, err := t.Change(`UPDATE gh_users SET name = $2 WHERE id = $1`, user, name); err != nil {
			return err
		}
		_, err = t.Change(`
			INSERT INTO gh_profiles (user_id, language, zone) VALUES ($1, $2, $3)
			ON CONFLICT (user_id) DO UPDATE SET language = excluded.language, zone = excluded.zone`, user, p.Language, p.Zone)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.ProfileChanged, User: string(user)})
	})
}

// SavePicture saves a person's picture in place of an earlier one. team.ErrNoUser.
func (db *DB) SavePicture(ctx context.Context, user team.UserID, p team.Picture) error {
	return db.write(ctx, "SavePicture", func(t *tx) error {
		err := t.MustChange(team.ErrNoUser, `
			INSERT INTO gh_pictures (user_id, name, type, content) SELECT u.id, $2, $3, $4 FROM gh_users u WHERE u.id = $1
			ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, type = excluded.type, content = excluded.content`,
			user, p.Name, p.Type, base64.StdEncoding.EncodeToString(p.Content))
		if err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.ProfileChanged, User: string(user), Detail: "picture"})
	})
}

// RemovePicture removes a person's picture. It is no error when there is none.
func (db *DB) RemovePicture(ctx context.Context, user team.UserID) error {
	return db.write(ctx, "RemovePicture", func(t *tx) error {
		n, err := t.Change(`DELETE FROM gh_pictures WHERE user_id = $1`, user)
		if err != nil || n == 0 {
			return err
		}
		return t.happened(audit.Event{Kind: audit.ProfileChanged, User: string(user), Detail: "picture removed"})
	})
}

// Picture is a picture by its name. team.ErrNoPicture.
func (db *DB) Picture(ctx context.Context, name string) (team.Picture, error) {
	scan := func(r engine.Row) (p team.Picture, err error) {
		var content string
		if err := r.Scan(&p.Name, &p.Type, &content); err != nil {
			return p, err
		}
		if p.Content, err = base64.StdEncoding.DecodeString(content); err != nil {
			return p, fmt.Errorf("read a picture: %w", err)
		}
		return p, nil
	}
	return engine.One(ctx, db.engine, "Picture", team.ErrNoPicture, scan, `SELECT name, type, content FROM gh_pictures WHERE name = $1`, name)
}
