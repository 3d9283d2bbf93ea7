package main

import (
	"errors"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/spf13/cobra"
)

func newServeCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs the server until SIGTERM or SIGINT, and then finishes the requests that
have begun. SIGHUP reads the TLS certificate and the keys again. Logs go to
standard error.

Without any configuration it listens on http://localhost:8000 and keeps
everything in gatehouse.db in the working directory, with its master key in
master.key beside it.`,
		Example: `  gatehouse serve
  gatehouse serve --config /etc/gatehouse.yaml`,
		Args: takes(),
	}
	cmd.RunE = e.start(func(cmd *cobra.Command, _ []string) (err error) {
		cfg, err := e.config()
		if err != nil {
			return err
		}
		a, err := app.Open(cmd.Context(), cfg, app.Deps{Log: app.NewLogger(cfg, e.stderr), Now: e.now})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		a.ShareProcessors()
		return a.Serve(cmd.Context(), nil)
	})
	return cmd
}
