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
		// A grant that is saved at the same time locks the team too: it is ended here, or it finds the block.
		if err := t.lockTeam(b.Team); err != nil {
			return err
		}
		_, err := t.Change(`INSERT INTO gh_team_blocks (team_id, client_id, reason, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (team_id, client_id) DO UPDATE SET reason = excluded.reason`, b.Team, b.Client, b.Reason, engine.Millis(b.CreatedAt))
		if engine.IsForeignKey(err) {
			return client.ErrNoClient
		}
		if err != nil {
			return err
		}
		if err := t.endMachines(b.CreatedAt, endMachineInTeam, b.Client, b.Team); err != nil {
			return err
		}
		if err := t.endGrants(b.CreatedAt, endGrantsOfClientInTeam, b.Client, b.Team); err != nil {
			return err
		}
		return t.happened(audit.Event{At: b.CreatedAt, Kind: audit.ClientBlocked, Team: string(b.Team), Client: string(b.Client), Detail: b.Reason})
	})
}

// Unblock lets a client be connected to a team again and revives nothing. govern.ErrNoBlock.
func (db *DB) Unblock(ctx context.Context, id team.ID, client oauth.ClientID) error {
	return db.write(ctx, "Unblock", func(t *tx) error {
		if err := t.MustChange(govern.ErrNoBlock, `DELETE FROM gh_team_blocks WHERE team_id = $1 AND client_id = $2`, id, client); err != nil {
			return err
		}
		return t.happened(audit.Event{Kind: audit.ClientUnblocked, Team: string(id), Client: string(client)})
	})
}

// Blocks is what a team blocks, newest first.
func (db *DB) Blocks(ctx context.Context, id team.ID) ([]govern.Block, error) {
	scan := func(r engine.Row) (b govern.Block, err error) {
		err = r.Scan(&b.Team, &b.Client, &b.Reason, engine.TimeTo(&b.CreatedAt))
		return b, err
	}
	return engine.All(ctx, db.engine, "Blocks", scan, `SELECT b.team_id, b.client_id, b.reason, b.created_at FROM gh_team_blocks b
		WHERE b.team_id = $1 ORDER BY b.created_at DESC, b.client_id`, id)
}
