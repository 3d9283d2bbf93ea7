package main

import (
	"errors"
	"os/signal"
	"syscall"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/spf13/cobra"
)

func newServeCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server until it gets SIGTERM or SIGINT. It then finishes the running
requests. On SIGHUP it reads the TLS certificate, the keys, and the secrets in
files again. The log is written to standard error.

Without a configuration it listens on http://localhost:8000, and stores its data
in gatehouse.db and its master key in master.key, both in the working directory.

If there is no database, it makes one only in an empty directory, or in an empty
PostgreSQL database, and says so in the log. Anywhere else, use "gatehouse init".`,
		Example: `  gatehouse serve
  gatehouse serve --config /etc/gatehouse.yaml`,
		Args: takes(),
	}
	cmd.RunE = e.start(func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := e.config()
		if err != nil {
			return err
		}
		log := e.logs(cfg)
		a, err := app.Open(cmd.Context(), cfg, app.Deps{Log: log.Logger(), LogDropped: log.Dropped, Reread: e.config, Now: e.now, Making: app.MakeInEmpty})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		if a.Store.Made() {
			a.Log.Warn("made a new database, because there was none and nothing else was there", "database", a.Store.Place(), "master_key", cfg.OwnMasterKey())
		}
		a.ShareProcessors()
		return a.Serve(cmd.Context(), nil)
	})
	return cmd
}

// logs makes standard error the log, which nobody waits for. When its reader has gone, the server goes on without it: a write that fails
// would otherwise end the process by SIGPIPE.
func (e *env) logs(cfg config.Config) *app.Log {
	signal.Ignore(syscall.SIGPIPE)
	log := app.NewLog(cfg, e.stderr)
	e.stderr, e.flush = log, log.Close
	return log
}
