package store

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// invitationInto scans an invitation with its team and who invites. The statements that use it list the columns in this order.
func invitationInto(i *team.Invitation) []any {
	return append([]any{
		&i.ID, &i.Email, &i.Role, &i.By, &i.ByName, &i.State, engine.TimeTo(&i.CreatedAt), engine.TimeTo(&i.ExpiresAt),
	}, teamInto(&i.Team)...)
}

func scanInvitation(r engine.Row) (i team.Invitation, err error) {
	err = r.Scan(invitationInto(&i)...)
	return i, err
}

// answeredInvitations is how long the answer to an invitation is shown.
const answeredInvitations = 30 * 24 * time.Hour

// Invite saves an invitation with its link, and the mail with it. An earlier one to the same address that was answered or has expired goes.
// team.ErrIsMember, team.ErrInvited, team.ErrTooManyInvitations, team.ErrNoTeam, or what decide says.
func (db *DB) Invite(ctx context.Context, i team.Invitation, link team.Link, most int, decide func(team.Role) error) error {
	return db.write(ctx, "Invite", func(t *tx) error {
		if err := t.decideIn(i.Team.ID, i.By, decide); err != nil {
			return err
		}
		key := team.NormalizeEmail(i.Email)
		var members, same, open int
		if err := t.Get([]any{&members, &same, &open}, `SELECT
			(SELECT COUNT(*) FROM gh_memberships m JOIN gh_users u ON u.id = m.user_id WHERE m.team_id = $1 AND u.email_key = $2),
			(SELECT COUNT(*) FROM gh_invitations WHERE team_id = $1 AND email_key = $2 AND state = 'sent' AND expires_at > $3),
			(SELECT COUNT(*) FROM gh_invitations WHERE team_id = $1 AND state = 'sent' AND expires_at > $3)`,
			i.Team.ID, key, engine.Millis(i.CreatedAt)); err != nil {
			return err
		}
		switch {
		case members > 0:
			return team.ErrIsMember
		case same > 0:
			return team.ErrInvited
		case open >= most:
			return team.ErrTooManyInvitations
		}
		if _, err := t.Change(`DELETE FROM gh_invitations WHERE team_id = $1 AND (email_key = $2 OR expires_at < $3)`,
			i.Team.ID, key, engine.Millis(i.CreatedAt.Add(-answeredInvitations))); err != nil {
			return err
		}
		if err := t.saveLink(link); err != nil {
			return err
		}
		if _, err := t.Change(`
			INSERT INTO gh_invitations (id, team_id, email, email_key, role, invited_by, state, link_id, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'sent', $7, $8, $9)`,
			i.ID, i.Team.ID, i.Email, key, i.Role, i.By, link.ID, engine.Millis(i.CreatedAt), engine.Millis(i.ExpiresAt)); err != nil {
			return err
		}
		return t.invited(i, link)
	})
}

// invited ends a unit of work that has made a link of an invitation.
func (t *tx) invited(i team.Invitation, link team.Link) error {
	e := audit.Event{At: link.CreatedAt, Kind: audit.InvitationSent, Team: string(i.Team.ID), Detail: i.Email + ", " + string(i.Role)}
	return t.happenedWith(e, outbox.Facts{Link: string(link.ID)})
}

// decideIn locks a team and asks decide with the role of a person in it. team.ErrNoTeam.
func (t *tx) decideIn(id team.ID, actor team.UserID, decide func(team.Role) error) error {
	if err := t.lockTeam(id); err != nil {
		return err
	}
	role, err := t.roleOf(id, actor)
	if err != nil {
		return err
	}
	return decide(role)
}

// Invitations is the invitations of a team, the newest first.
func (db *DB) Invitations(ctx context.Context, id team.ID) ([]team.Invitation, error) {
	return engine.All(ctx, db.engine, "Invitations", scanInvitation, `
		SELECT i.id, i.email, i.role, i.invited_by, COALESCE(u.name, ''), i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		LEFT JOIN gh_users u ON u.id = i.invited_by
		WHERE i.team_id = $1 ORDER BY i.created_at DESC, i.id`, id)
}

// InvitationOf is the invitation of a link, by somebody who may still invite. team.ErrNoInvitation.
func (db *DB) InvitationOf(ctx context.Context, link team.LinkID) (team.Invitation, error) {
	return engine.One(ctx, db.engine, "InvitationOf", team.ErrNoInvitation, scanInvitation, `
		SELECT i.id, i.email, i.role, i.invited_by, COALESCE(u.name, ''), i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		LEFT JOIN gh_users u ON u.id = i.invited_by
		LEFT JOIN gh_memberships m ON m.team_id = i.team_id AND m.user_id = i.invited_by
		WHERE i.link_id = $1 AND (i.invited_by = '' OR m.role = 'admin' AND u.disabled_at = 0)`, link)
}

const invitationOfLink = `
		SELECT i.id, i.email, i.role, i.invited_by, COALESCE(u.name, ''), i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		LEFT JOIN gh_users u ON u.id = i.invited_by
		WHERE i.link_id = $1`

// unanswered is an invitation of a team whose row is locked. team.ErrNoInvitation.
func (t *tx) unanswered(of team.ID, id team.InvitationID) (i team.Invitation, link team.LinkID, err error) {
	err = t.Get(append(invitationInto(&i), &link), `
		SELECT i.id, i.email, i.role, i.invited_by, '', i.state, i.created_at, i.expires_at, t.id, t.slug, t.name, t.created_at, i.link_id
		FROM gh_invitations i
		JOIN gh_teams t ON t.id = i.team_id
		WHERE i.team_id = $1 AND i.id = $2 AND i.state = 'sent'`, of, id)
	if isNoRows(err) {
		err = team.ErrNoInvitation
	}
	return i, link, err
}

// Reinvite gives an invitation another link, which ends the earlier one. team.ErrNoInvitation, team.ErrNoTeam, or what decide says.
func (db *DB) Reinvite(ctx context.Context, of team.ID, id team.InvitationID, actor team.UserID, again func(team.Invitation) team.Link, decide func(team.Role) error) error {
	return db.write(ctx, "Reinvite", func(t *tx) error {
		if err := t.decideIn(of, actor, decide); err != nil {
			return err
		}
		i, before, err := t.unanswered(of, id)
		if err != nil {
			return err
		}
		link := again(i)
		if _, err := t.Change(`DELETE FROM gh_links WHERE id = $1`, before); err != nil {
			return err
		}
		if err := t.saveLink(link); err != nil {
			return err
		}
		// Who sends it again vouches for it.
		if _, err := t.Change(`UPDATE gh_invitations SET link_id = $2, created_at = $3, expires_at = $4, invited_by = $5 WHERE id = $1`,
			id, link.ID, engine.Millis(link.CreatedAt), engine.Millis(link.ExpiresAt), actor); err != nil {
			return err
		}
		return t.invited(i, link)
	})
}

// Withdraw removes an invitation with its link. team.ErrNoInvitation, team.ErrNoTeam, or what decide says.
func (db *DB) Withdraw(ctx context.Context, of team.ID, id team.InvitationID, actor team.UserID, at time.Time, decide func(team.Role) error) error {
	return db.write(ctx, "Withdraw", func(t *tx) error {
		if err := t.decideIn(of, actor, decide); err != nil {
			return err
		}
		i, link, err := t.unanswered(of, id)
		if err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_links WHERE id = $1`, link); err != nil {
			return err
		}
		if _, err := t.Change(`DELETE FROM gh_invitations WHERE id = $1`, id); err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.InvitationWithdrawn, Team: string(of), Detail: i.Email})
	})
}

// answer uses the link of an invitation, whose team it locks first, and saves the answer. The errors of a link.
func (t *tx) answer(link team.LinkID, state team.InvitationState, at time.Time) (i team.Invitation, err error) {
	err = t.Get(invitationInto(&i), invitationOfLink, link)
	if err == nil {
		err = t.lockTeam(i.Team.ID)
	}
	if isNoRows(err) {
		return i, team.ErrLinkExpired
	}
	if err != nil {
		return i, err
	}
	if _, err := t.useLink(link, team.LinkInvite, at); err != nil {
		return i, err
	}
	return i, t.MustChange(team.ErrLinkExpired, `UPDATE gh_invitations SET state = $2 WHERE id = $1`, i.ID, state)
}

// stillInvited reports whether who invites may still do so: the operator, or an admin who can sign in. team.ErrInvitationOver.
func (t *tx) stillInvited(i team.Invitation) error {
	if i.By == "" {
		return nil
	}
	var admins int
	err := t.Get([]any{&admins}, `
		SELECT COUNT(*) FROM gh_memberships m JOIN gh_users u ON u.id = m.user_id
		WHERE m.team_id = $1 AND m.user_id = $2 AND m.role = 'admin' AND u.disabled_at = 0`, i.Team.ID, i.By)
	if err == nil && admins == 0 {
		err = team.ErrInvitationOver
	}
	return err
}

// Accept makes a person a member by an invitation to their proven address. team.ErrOtherAddress, team.ErrUnproven, team.ErrInvitationOver,
// team.ErrNoUser, and the errors of a link.
func (db *DB) Accept(ctx context.Context, link team.LinkID, user team.UserID, at time.Time) error {
	return db.change(ctx, "Accept", func(t *tx) error {
		t.changed = changeOfUser(user)
		i, err := t.answer(link, team.InvitationAccepted, at)
		if err != nil {
			return err
		}
		u, _, err := t.lockUser(user)
		switch {
		case err != nil:
			return err
		case !u.DisabledAt.IsZero():
			return team.ErrNoUser
		case team.NormalizeEmail(u.Email) != team.NormalizeEmail(i.Email):
			return team.ErrOtherAddress
		case !u.EmailVerified:
			return team.ErrUnproven
		}
		return t.join(i, user, at)
	})
}

// join makes a person a member by an invitation. Somebody who is one already keeps their role.
func (t *tx) join(i team.Invitation, user team.UserID, at time.Time) error {
	if err := t.stillInvited(i); err != nil {
		return err
	}
	role, err := t.roleOf(i.Team.ID, user)
	if err != nil {
		return err
	}
	if role == "" {
		if err := t.addMember(team.Membership{User: user, Team: i.Team, Role: i.Role, CreatedAt: at}); err != nil {
			return err
		}
		role = i.Role
	}
	return t.happened(audit.Event{At: at, Kind: audit.InvitationAccepted, Actor: string(user), Team: string(i.Team.ID), User: string(user), Detail: string(role)})
}

// AcceptNew makes an account for the invited address, and makes it a member. team.ErrHasAccount, team.ErrInvitationOver, and the errors of a link.
func (db *DB) AcceptNew(ctx context.Context, link team.LinkID, j team.Joined, at time.Time) error {
	return db.change(ctx, "AcceptNew", func(t *tx) error {
		i, err := t.answer(link, team.InvitationAccepted, at)
		if err != nil {
			return err
		}
		user, err := t.takeAddress(i.Email, j, at)
		if err != nil {
			return err
		}
		return t.join(i, user, at)
	})
}

// Decline answers an invitation with no. The errors of a link.
func (db *DB) Decline(ctx context.Context, link team.LinkID, at time.Time) error {
	return db.write(ctx, "Decline", func(t *tx) error {
		i, err := t.answer(link, team.InvitationDeclined, at)
		if err != nil {
			return err
		}
		return t.happened(audit.Event{At: at, Kind: audit.InvitationDeclined, Team: string(i.Team.ID), Detail: i.Email})
	})
}

// takeAddress gives somebody who has proven an address the account of it: a new one, or one that nobody has proven, from which everything that
// others may have put into it goes first: the password, the sessions, the links. team.ErrHasAccount when somebody has proven it.
func (t *tx) takeAddress(email string, j team.Joined, at time.Time) (team.UserID, error) {
	key := team.NormalizeEmail(email)
	var id team.UserID
	err := t.Get([]any{&id}, `SELECT id FROM gh_users WHERE email_key = $1`, key)
	if isNoRows(err) {
		_, err := t.Change(`
			INSERT INTO gh_users (id, email, email_key, name, operator, email_verified, created_at, disabled_at, password_hash, password_set_at)
			VALUES ($1, $2, $3, $4, FALSE, TRUE, $5, 0, $6, $5)`, j.ID, email, key, j.Name, engine.Millis(at), j.Hash)
		if engine.IsUnique(err) {
			err = team.ErrHasAccount
		}
		if err != nil {
			return "", err
		}
		t.changed = changeOfUser(j.ID)
		return j.ID, t.chooseLanguage(j.ID, j.Language)
	}
	if err != nil {
		return "", err
	}
	u, _, err := t.lockUser(id)
	if err == nil && (u.EmailVerified || !u.DisabledAt.IsZero()) {
		err = team.ErrHasAccount
	}
	if err != nil {
		return "", err
	}
	t.changed = changeOfUser(id)
	if err := t.emptyAccount(id); err != nil {
		return "", err
	}
	_, err = t.Change(`UPDATE gh_users SET name = $2, email_verified = TRUE, password_hash = $3, password_set_at = $4 WHERE id = $1`,
		id, j.Name, j.Hash, engine.Millis(at))
	if err != nil {
		return "", err
	}
	return id, t.chooseLanguage(id, j.Language)
}

// chooseLanguage saves the language of a person who gets an account. "" chooses none.
func (t *tx) chooseLanguage(id team.UserID, language string) error {
	if language == "" {
		return nil
	}
	_, err := t.Change(`
		INSERT INTO gh_profiles (user_id, language, zone) VALUES ($1, $2, '')
		ON CONFLICT (user_id) DO UPDATE SET language = excluded.language`, id, language)
	return err
}
