package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/spf13/cobra"
)

func newInitCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a new database",
		Long: `Makes the database that the configuration names, and its first keys. With SQLite
it also makes the master key, in master.key beside the database, unless the
configuration names one. If there is a database already, it changes nothing and
fails.

No other command makes a database, so that a typo in its path is an error. Only
"serve" makes one too, in an empty directory or an empty PostgreSQL database.`,
		Example: `  gatehouse init
  gatehouse init --config /etc/gatehouse.yaml`,
		Args: takes(),
	}
	cmd.RunE = e.start(func(cmd *cobra.Command, _ []string) (err error) {
		a, err := e.openAs(asCommandLine(cmd.Context()), app.MakeNew)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, a.Close()) }()
		made := struct {
			Database  string `json:"database"`
			MasterKey string `json:"master_key_file,omitempty"`
		}{a.Store.Place(), a.Config.OwnMasterKey()}
		return e.show(made, func(t *tabwriter.Writer) {
			fmt.Fprintf(t, "made the database %s\n", made.Database)
			if made.MasterKey != "" {
				fmt.Fprintf(t, "its master key is in %s; keep a copy of it, apart from the backups of the database\n", made.MasterKey)
			}
		})
	})
	return cmd
}
