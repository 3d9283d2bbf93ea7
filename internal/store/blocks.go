package store

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/engine"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Block keeps a client out of a team and ends its grants there in the same transaction. team.ErrNoTeam, client.ErrNoClient.
func (db *DB) Block(ctx context.Context, b govern.Block) error {
	return db.change(ctx, "Block", func(t *tx) error {
		// Whoever saves a grant in the team has its row, so it is either among those that end here or finds the block.
		if err := t.MustChange(team.ErrNoTeam, `UPDATE teams SET name = name WHERE id = $1`, b.Team); err != nil {
			return err
		}
		_, err := t.Change(`INSERT INTO team_blocks (team_id, client_id, reason, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (team_id, client_id) DO UPDATE SET reason = excluded.reason`, b.Team, b.Client, b.Reason, engine.Millis(b.CreatedAt))
		if engine.IsForeignKey(err) {
			return client.ErrNoClient
		}
		if err != nil {
			return err
		}
		if err := t.endMachines(b.CreatedAt, `c.id = $1 AND c.team_id = $2`, b.Client, b.Team); err != nil {
			return err
		}
		if _, err := t.endGrants(b.CreatedAt, `g.client_id = $1 AND g.team_id = $2`, b.Client, b.Team); err != nil {
			return err
		}
		return t.audit(audit.Event{At: b.CreatedAt, Kind: audit.ClientBlocked, Team: string(b.Team), Client: string(b.Client), Detail: b.Reason})
	})
}

// Unblock lets a client be connected to a team again and revives nothing. govern.ErrNoBlock.
func (db *DB) Unblock(ctx context.Context, id team.ID, client oauth.ClientID) error {
	return db.write(ctx, "Unblock", func(t *tx) error {
		if err := t.MustChange(govern.ErrNoBlock, `DELETE FROM team_blocks WHERE team_id = $1 AND client_id = $2`, id, client); err != nil {
			return err
		}
		return t.audit(audit.Event{Kind: audit.ClientUnblocked, Team: string(id), Client: string(client)})
	})
}

// Blocks is what a team blocks, the newest first.
func (db *DB) Blocks(ctx context.Context, id team.ID) ([]govern.Block, error) {
	scan := func(r engine.Row) (b govern.Block, err error) {
		err = r.Scan(&b.Team, &b.Client, &b.Reason, engine.TimeTo(&b.CreatedAt))
		return b, err
	}
	return engine.All(ctx, db.engine, "Blocks", scan, `SELECT b.team_id, b.client_id, b.reason, b.created_at FROM team_blocks b
		WHERE b.team_id = $1 ORDER BY b.created_at DESC, b.client_id`, id)
}
