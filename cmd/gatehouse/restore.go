package main

import (
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

func newRestoreCommand(e *env) *cobra.Command {
	var endSince string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the database",
		Long: `Puts a backup that "gatehouse backup" made in the place of an SQLite database.
Stop the server first: it refuses while another process has the database open.
The backup is verified, brought up to date, and opened with the master key before
anything is changed. The old database is kept under another name.

Everything that ended after the backup was made is alive again: revoked
connections, sessions, disabled people and applications, old passwords and client
secrets. If the old database can be read, the command compares it with the backup
and says what this is. With --end-since it ends that again before a server can
use it. TIME is when the backup was made. It matters if the old database cannot
be read: then every connection and session that was made before TIME is ended,
because it may have ended since.

PostgreSQL has its own programs: pg_restore, or your provider's point-in-time
recovery, into an empty database. After that, and before a server starts, run this
command without FILE. It ends every connection and session that was made before
TIME.`,
		Example: `  gatehouse restore /backup/gatehouse-2026-03-31
  gatehouse restore /backup/gatehouse-2026-03-31 --end-since 2026-03-31
  gatehouse restore --end-since 2026-03-31T12:00:00Z`,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && cmd.Flags().Changed("end-since") {
			return nil
		}
		return takes("FILE")(cmd, args)
	}
	cmd.Flags().StringVar(&endSince, "end-since", "", "end again what ended since `TIME`: a day, a time, or a duration before now")
	cmd.RunE = e.start(func(cmd *cobra.Command, args []string) error {
		since, err := parseTime("--end-since", endSince, e.now())
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("end-since") && since.IsZero() {
			return usagef("--end-since is empty")
		}
		if since.After(e.now()) {
			return usagef("--end-since is %q, which has not come yet", endSince)
		}
		if len(args) == 0 {
			return e.with(func(ctx context.Context, a *app.App, _ []string) error { return e.endBefore(ctx, a, since) })(cmd, nil)
		}
		cfg, err := e.config()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(asCommandLine(cmd.Context()), commandLimit)
		defer cancel()
		log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		done, err := app.Restore(ctx, cfg, app.Deps{Log: log, Now: e.now}, args[0], since)
		if err != nil {
			return err
		}
		return e.showRestored(done)
	})
	return cmd
}

// endBefore is for a database that was restored by other means.
func (e *env) endBefore(ctx context.Context, a *app.App, since time.Time) error {
	ended, err := a.Operate.EndBefore(ctx, team.CommandLine, since)
	if err != nil {
		return err
	}
	return e.showRestored(app.Restored{Database: a.Store.Place(), Revived: ended, Ended: true})
}

func (e *env) showRestored(done app.Restored) error {
	return e.show(done, func(t *tabwriter.Writer) {
		if done.File != "" {
			fmt.Fprintf(t, "put %s in the place of %s\n", done.File, done.Database)
		}
		if done.Kept != "" {
			fmt.Fprintf(t, "the old database is kept in %s\n", done.Kept)
		}
		switch {
		case !done.Known && !done.Ended:
			fmt.Fprintln(t, "what ended after the backup was made is alive again. The old database does not tell what that is; --end-since TIME ends every connection and session")
		case !done.Known:
			fmt.Fprintf(t, "ended %d connections and sessions, because they may have ended after the backup was made\n", len(done.Revived))
			return
		case len(done.Revived) == 0:
			fmt.Fprintln(t, "nothing comes back to life")
		case done.Ended:
			fmt.Fprintln(t, "this had ended after the backup was made, and was ended again:")
		default:
			fmt.Fprintln(t, "this ended after the backup was made, and is alive again; --end-since TIME ends it:")
		}
		for _, v := range done.Revived {
			fmt.Fprintf(t, "%s\t%s\n", v.Kind, v.Name)
		}
	})
}
