package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// tell saves the messages of an event, as a rule of the outbox says. It has to happen before the memberships and families go that say
// who is told.
func (t *tx) tell(e audit.Event, r outbox.Rule, facts outbox.Facts) error {
	session := facts.Session
	switch r.To {
	case outbox.ThePerson:
		return t.tellOne(r.Message(token.NewID(), e))
	case outbox.TheLink:
		if facts.Link == "" {
			return fmt.Errorf("store: %s without the link that was made", e.Kind)
		}
		m := r.Message(token.NewID(), e)
		m.Link = facts.Link
		return t.tellOne(m)
	case outbox.TheAddresses:
		return t.tellAddresses(e, r, facts.Former)
	case outbox.TheMember:
		return t.tellMembers(e, r, e.User)
	case outbox.TheMembers:
		return t.tellMembers(e, r, everyone)
	case outbox.TheAdmins:
		return t.tellAdmins(e, r)
	case outbox.WhoAsked:
		for _, user := range facts.Asked {
			if err := t.tellAbout(e, r, user); err != nil {
				return err
			}
		}
		return nil
	case outbox.SessionsClients:
		if session == "" { // it would tell nobody
			return fmt.Errorf("store: %s without the session that ended", e.Kind)
		}
		return t.tellClients(e, r, e.User, session, everywhere)
	case outbox.PersonsClients:
		return t.tellClients(e, r, e.User, everywhere, everywhere)
	case outbox.MembersClients:
		return t.tellClients(e, r, e.User, everywhere, e.Team)
	case outbox.TeamsClients:
		return t.tellClients(e, r, everyone, everywhere, e.Team)
	}
	return fmt.Errorf("store: %s tells %q, which nobody knows", e.Kind, r.To)
}

// tellOne saves one mail.
func (t *tx) tellOne(m outbox.Message) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, link_id, created_at, next_try, expires_at)
		VALUES ($1, $2, $3, $4, $5, '', $6, $7, $8, $9)`,
		m.ID, string(m.Kind), m.User, m.Client, m.Team, m.Link, engine.Millis(m.CreatedAt), engine.Millis(m.NextTry), engine.Millis(m.ExpiresAt))
	return err
}

// tellAddresses saves one mail for each address that concerns a person: theirs, the former one, and those to which a link was sent that undoes a change of
// address. The addresses are those of now, so that nobody who changes them before delivery keeps others from being told.
func (t *tx) tellAddresses(e audit.Event, r outbox.Rule, former string) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at, email, language)
		SELECT $1 || '/' || addresses.email_key, $2, $3, '', '', '', CAST($4 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT), MIN(addresses.email),
			COALESCE((SELECT language FROM gh_profiles WHERE user_id = $3), '')
		FROM (
			SELECT email, email_key FROM gh_users WHERE id = $3
			UNION ALL
			SELECT email, email_key FROM gh_links WHERE user_id = $3 AND kind = 'undo' AND used_at = 0 AND expires_at > $4
			UNION ALL
			SELECT $6, $7 WHERE $6 <> ''
		) AS addresses
		GROUP BY addresses.email_key`,
		token.NewID(), string(r.Kind), e.User, engine.Millis(e.At), engine.Millis(e.At.Add(r.Lifetime)), former, team.NormalizeEmail(former))
	return err
}

// What a parameter of tellMembers and tellClients is when it does not narrow. No id is like this, and an empty id, which
// would be a mistake of the caller, finds nobody.
const (
	everyone   = "*"
	everywhere = "*"
)

// tellMembers saves one mail for each member of a team who can sign in, with the names of the team and of the applications that they
// connected to it.
func (t *tx) tellMembers(e audit.Event, r outbox.Rule, user string) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at, team_name, applications)
		SELECT $1 || '/' || m.user_id, $2, m.user_id, '', t.id, '', CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT),
			t.name, COALESCE(string_agg(c.name, $7 ORDER BY c.name), '')
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		JOIN gh_users u ON u.id = m.user_id
		LEFT JOIN gh_grants g ON g.user_id = m.user_id AND g.team_id = m.team_id
		LEFT JOIN gh_clients c ON c.id = g.client_id
		WHERE m.team_id = $3 AND (m.user_id = $4 OR $4 = '*') AND u.disabled_at = 0
		GROUP BY m.user_id, t.id, t.name`,
		token.NewID(), string(r.Kind), e.Team, user, engine.Millis(e.At), engine.Millis(e.At.Add(r.Lifetime)), "\n")
	return err
}

// tellAdmins saves one mail for each admin of a team who can sign in, about a client.
func (t *tx) tellAdmins(e audit.Event, r outbox.Rule) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at, team_name)
		SELECT $1 || '/' || m.user_id, $2, m.user_id, $4, t.id, '', CAST($5 AS BIGINT), CAST($5 AS BIGINT), CAST($6 AS BIGINT), t.name
		FROM gh_memberships m
		JOIN gh_teams t ON t.id = m.team_id
		JOIN gh_users u ON u.id = m.user_id
		WHERE m.team_id = $3 AND m.role = 'admin' AND u.disabled_at = 0`,
		token.NewID(), string(r.Kind), e.Team, e.Client, engine.Millis(e.At), engine.Millis(e.At.Add(r.Lifetime)))
	return err
}

// tellAbout saves one mail for a person who can sign in, about a client in a team.
func (t *tx) tellAbout(e audit.Event, r outbox.Rule, user string) error {
	_, err := t.Change(`
		INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at, team_name)
		SELECT $1, $2, u.id, $4, t.id, '', CAST($6 AS BIGINT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), t.name
		FROM gh_users u JOIN gh_teams t ON t.id = $3
		WHERE u.id = $5 AND u.disabled_at = 0`,
		token.NewID(), string(r.Kind), e.Team, e.Client, user, engine.Millis(e.At), engine.Millis(e.At.Add(r.Lifetime)))
	return err
}

// tellClients saves back-channel logouts (OpenID Connect Back-Channel Logout 1.0 §2): one for each client and sign-in, found
// by the families of a person, a session and a team. The two texts differ in the condition that finds the grants by an index.
func (t *tx) tellClients(e audit.Event, r outbox.Rule, user, session, team string) error {
	const (
		ofPerson = `
INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
SELECT DISTINCT 'backchannel_logout/' || c.id || '/' || f.session_id, 'backchannel_logout', g.user_id, c.id, '', f.session_id,
	CAST($4 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)
FROM gh_grants g
JOIN gh_families f ON f.grant_id = g.id
JOIN gh_clients c ON c.id = g.client_id
WHERE g.user_id = $1 AND (f.session_id = $2 OR $2 = '*') AND (g.team_id = $3 OR $3 = '*')
	AND f.session_id <> '' AND f.token_dead_at > 0
	AND ' ' || f.scope || ' ' LIKE '% openid %' AND c.backchannel_logout_uri <> ''
ON CONFLICT (id) DO NOTHING`

		ofTeam = `
INSERT INTO gh_notices (id, kind, user_id, client_id, team_id, session_id, created_at, next_try, expires_at)
SELECT DISTINCT 'backchannel_logout/' || c.id || '/' || f.session_id, 'backchannel_logout', g.user_id, c.id, '', f.session_id,
	CAST($4 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT)
FROM gh_grants g
JOIN gh_families f ON f.grant_id = g.id
JOIN gh_clients c ON c.id = g.client_id
WHERE g.team_id = $3 AND (f.session_id = $2 OR $2 = '*') AND (g.user_id = $1 OR $1 = '*')
	AND f.session_id <> '' AND f.token_dead_at > 0
	AND ' ' || f.scope || ' ' LIKE '% openid %' AND c.backchannel_logout_uri <> ''
ON CONFLICT (id) DO NOTHING`
	)
	query := ofPerson
	if user == everyone {
		query = ofTeam
	}
	_, err := t.Change(query, user, session, team, engine.Millis(e.At), engine.Millis(e.At.Add(r.Lifetime)))
	return err
}

// maxDue is how many messages DueMessages takes at most: they are one unit of work.
const maxDue = 60

// DueMessages takes messages that are due, up to limit for each destination. Those for applications come first, and one of each destination before the
// second of another.
func (db *DB) DueMessages(ctx context.Context, now, retry time.Time, limit int, skip ...outbox.Destination) (due []outbox.Message, err error) {
	scan := func(r engine.Row) (id string, err error) { return id, r.Scan(&id) }
	without := " " // between spaces: no id has one
	for _, to := range skip {
		without += string(to) + " "
	}
	// Nearly always nothing is due. A read finds that out without holding up anybody's commit.
	ids, err := engine.All(ctx, db.engine, "DueMessages", scan, `
		SELECT id FROM (
			SELECT id, next_try, destination, ROW_NUMBER() OVER (PARTITION BY destination ORDER BY next_try, id) AS place
			FROM (SELECT id, next_try, CASE WHEN kind = 'backchannel_logout' THEN client_id ELSE 'mail' END AS destination
				FROM gh_notices WHERE next_try <= $1 AND expires_at > $1) AS all_due
			WHERE $2 NOT LIKE '% ' || destination || ' %'
		) AS ranked
		WHERE place <= $3 ORDER BY CASE WHEN destination = 'mail' THEN 1 ELSE 0 END, place, next_try, id LIMIT $4`,
		engine.Millis(now), without, limit, maxDue)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = db.write(ctx, "DueMessages", func(t *tx) error {
		due = nil
		for _, id := range ids {
			m, applications := outbox.Message{ID: id}, ""
			// The condition is repeated: another process may have taken the message meanwhile.
			err := t.ChangeGet([]any{
				&m.Kind, &m.User, &m.Client, &m.Team, &m.SessionID, engine.TimeTo(&m.CreatedAt), &m.Tries, engine.TimeTo(&m.NextTry), engine.TimeTo(&m.ExpiresAt),
				&m.TeamName, &applications, &m.Link, &m.Email, &m.Language,
			}, `UPDATE gh_notices SET tries = tries + 1, next_try = $3 WHERE id = $1 AND next_try <= $2
				RETURNING kind, user_id, client_id, team_id, session_id, created_at, tries, next_try, expires_at, team_name, applications, link_id, email, language`, id, engine.Millis(now), engine.Millis(retry))
			switch {
			case isNoRows(err):
				continue
			case err != nil:
				return err
			}
			if applications != "" {
				m.Applications = strings.Split(applications, "\n")
			}
			due = append(due, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// ExpiredMessages removes messages whose time is over, and returns them. On PostgreSQL, what another process is deleting is skipped.
func (db *DB) ExpiredMessages(ctx context.Context, now time.Time, limit int) (expired []outbox.Message, err error) {
	const (
		sqlite = `DELETE FROM gh_notices WHERE id = $1 AND expires_at <= $2 RETURNING kind, user_id, client_id, tries`

		postgres = `DELETE FROM gh_notices WHERE id = (SELECT id FROM gh_notices WHERE id = $1 AND expires_at <= $2 FOR UPDATE SKIP LOCKED)
RETURNING kind, user_id, client_id, tries`
	)
	scan := func(r engine.Row) (id string, err error) { return id, r.Scan(&id) }
	ids, err := engine.All(ctx, db.engine, "ExpiredMessages", scan,
		`SELECT id FROM gh_notices WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`, engine.Millis(now), limit)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	err = db.write(ctx, "ExpiredMessages", func(t *tx) error {
		expired = nil
		for _, id := range ids {
			m := outbox.Message{ID: id}
			err := t.ChangeGet([]any{&m.Kind, &m.User, &m.Client, &m.Tries},
				db.engine.Text(sqlite, postgres), id, engine.Millis(now))
			switch {
			case isNoRows(err): // another process has
			case err != nil:
				return err
			default:
				expired = append(expired, m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return expired, nil
}

// PutBack leaves messages that were taken, and not tried, for another time.
func (db *DB) PutBack(ctx context.Context, ids []string, until time.Time) error {
	return db.write(ctx, "PutBack", func(t *tx) error {
		for _, id := range ids {
			if _, err := t.Change(`UPDATE gh_notices SET tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END, next_try = $2 WHERE id = $1`, id, engine.Millis(until)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delivered removes a message.
func (db *DB) Delivered(ctx context.Context, id string) error {
	return db.write(ctx, "Delivered", func(t *tx) error {
		_, err := t.Change(`DELETE FROM gh_notices WHERE id = $1`, id)
		return err
	})
}

// Postpone leaves a message that could not be delivered for another time.
func (db *DB) Postpone(ctx context.Context, id string, until time.Time) error {
	return db.write(ctx, "Postpone", func(t *tx) error {
		_, err := t.Change(`UPDATE gh_notices SET next_try = $2 WHERE id = $1`, id, engine.Millis(until))
		return err
	})
}
