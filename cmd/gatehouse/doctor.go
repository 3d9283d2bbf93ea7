package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/spf13/cobra"
)

// errUnwell ends the doctor when it has found a problem, which it has printed.
var errUnwell = errors.New("something is wrong")

func newDoctorCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong",
		Long: `Looks at the configuration, the permissions of files, the TLS certificate, the
database (encoding, schema, clock, the time of a write, the size of each table),
the keys, messages that cannot be delivered, limits that refuse somebody, and
applications that are less safe than the default. Each finding is one line, with
what to do.

It may run beside servers, and changes nothing. The exit status is 1 when there
is a problem. Warnings do not count: they tell what is less safe or less complete
than it could be.`,
		Example: `  gatehouse doctor
  gatehouse doctor --config /etc/gatehouse.yaml --json`,
		Args: takes(),
	}
	cmd.RunE = e.start(func(cmd *cobra.Command, _ []string) error {
		cfg, err := e.config()
		if err == nil {
			_, err = cfg.Check()
		}
		if err != nil {
			return e.showFindings(configurationFindings(err))
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandLimit)
		defer cancel()
		return e.showFindings(app.Doctor(ctx, cfg, app.Deps{Log: slog.New(slog.DiscardHandler), Now: e.now}))
	})
	return cmd
}

// configurationFindings is one finding for each line of an error.
func configurationFindings(err error) (findings []operate.Finding) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		findings = append(findings, operate.Finding{
			Level: operate.Problem, Check: "configuration", Found: line, Do: "correct the configuration; nothing else was looked at",
		})
	}
	return findings
}

func (e *env) showFindings(findings []operate.Finding) error {
	wrong := false
	for _, f := range findings {
		wrong = wrong || f.Level == operate.Problem
	}
	err := e.show(findings, func(t *tabwriter.Writer) {
		for _, f := range findings {
			text := f.Found
			if f.Do != "" {
				text += ". To do: " + f.Do
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", f.Level, f.Check, text)
		}
	})
	if err == nil && wrong {
		err = errUnwell
	}
	return err
}
