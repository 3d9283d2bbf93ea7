package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/spf13/cobra"
)

// yesFlag adds the flag --yes, without which a command only says what it would end.
func yesFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("yes", false, "do it; without this flag, only what would end is printed")
}

// connections is how many connections end, and the names of their applications.
func connections(ctx context.Context, a *app.App, f authz.GrantFilter) (types.Ends, error) {
	grants, err := a.Authz.Grants(ctx, team.CommandLine, f)
	if err != nil {
		return types.Ends{}, fmt.Errorf("list what would end: %w", err)
	}
	ends := types.Ends{Connections: len(grants), Applications: []string{}}
	for _, g := range grants {
		ends.Applications = append(ends.Applications, g.Client.Name)
	}
	slices.Sort(ends.Applications)
	ends.Applications = slices.Compact(ends.Applications)
	return ends, nil
}

// onlySay prints what would end, and fails, because nothing was done. verb is what would be done, such as "remove", and what to what, in words.
func (e *env) onlySay(ends types.Ends, verb, what string) error {
	err := e.show(ends, func(t *tabwriter.Writer) {
		fmt.Fprintf(t, "%s would be %sd. These would end:\n", what, verb)
		line := func(count int, one, several string, names []string) {
			if count == 0 {
				return
			}
			kind := several
			if count == 1 {
				kind = one
			}
			if len(names) > 0 {
				kind += ": " + strings.Join(names, ", ")
			}
			fmt.Fprintf(t, "  %d %s\n", count, kind)
		}
		line(ends.Members, "membership", "memberships", ends.Teams)
		line(len(ends.OwnApplications), "application of the team", "applications of the team", ends.OwnApplications)
		line(ends.Connections, "connection", "connections", ends.Applications)
		if ends.Members+len(ends.OwnApplications)+ends.Connections == 0 {
			fmt.Fprintln(t, "  nothing else")
		}
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("nothing was done; add --yes to %s %s", verb, what)
}
