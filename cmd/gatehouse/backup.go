package main

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func newBackupCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database into a file",
		Long: `Copies the database, as it is at one moment, into a new file that only its owner
can read, and verifies the copy. Servers may go on meanwhile. The file must not
exist. It appears whole or not at all.

The copy of an SQLite database is a database. For PostgreSQL, pg_dump and
pg_restore have to be installed; the file is in the custom format of pg_dump, and
has the tables of Gatehouse only.

The master key is not in the copy. Without it the keys in the copy cannot be
used, so keep a copy of the master key too, in another place.`,
		Example: "  gatehouse backup /backup/gatehouse-$(date +%F)",
		Args:    takes("FILE"),
		RunE: e.with(func(ctx context.Context, a *app.App, args []string) error {
			made, err := a.Operate.Backup(ctx, team.CommandLine, args[0])
			if err != nil {
				return err
			}
			return e.showf(made, "copied the database into %s and verified it; the master key is not in it", made.File)
		}),
	}
}
