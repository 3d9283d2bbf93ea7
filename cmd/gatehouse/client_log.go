package main

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/gatehouse-auth/gatehouse/internal/api/types"
	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
	"github.com/spf13/cobra"
)

func failureOf(f usage.Failure) types.Failure {
	return types.Failure{
		At: types.Instant(f.Last), First: types.Instant(f.First), Count: f.Count, Endpoint: f.Endpoint, Error: f.Code, Description: f.Description, Cause: f.Cause,
		Received: f.Received, AuthMethod: f.AuthMethod, Authenticated: f.Proven, Network: f.Network, RequestID: f.RequestID,
	}
}

func newClientLog(e *env) *cobra.Command {
	var request string
	cmd := &cobra.Command{
		Use:   "log CLIENT_ID [--request ID]",
		Short: "Show why requests of an application failed",
		Long: `Shows the requests of an application that failed in the last seven days, with
the cause, the latest first. Requests that failed in the same way are one line.
It never has a secret, a code or a token, nor any other value that was sent; of
an address that is not registered, it has host and path.

Kept are the latest 200 failures after the application had authenticated, and
the latest 200 others, which anybody may have sent. A running server saves them
every few seconds.

--request shows the failure of one request. Its id is on the error page, in the
header X-Request-Id and in the server's log. Of requests that failed in the same
way, only the latest can be found.`,
		Example: "  gatehouse client log 7kq2m\n  gatehouse client log 7kq2m --request 5XQ7N2RK6J3TQ4VD",
		Args:    takes("CLIENT_ID"),
	}
	cmd.Flags().StringVar(&request, "request", "", "the id of a request")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, args []string) error {
		failures, err := a.Registry.Failures(ctx, team.CommandLine, oauth.ClientID(args[0]))
		if err != nil {
			return fmt.Errorf("client %s: %w", args[0], err)
		}
		if request != "" {
			failures = slices.DeleteFunc(failures, func(f usage.Failure) bool { return f.RequestID != request })
		}
		out := make([]types.Failure, len(failures))
		for i, f := range failures {
			out[i] = failureOf(f)
		}
		return e.show(out, func(t *tabwriter.Writer) { writeFailures(t, failures) })
	})
	return cmd
}

func writeFailures(t *tabwriter.Writer, failures []usage.Failure) {
	if len(failures) == 0 {
		fmt.Fprintln(t, "no failed requests are kept")
		return
	}
	row(t, "LATEST", "TIMES", "ENDPOINT", "ERROR", "CAUSE")
	for _, f := range failures {
		cause := f.Description
		if f.Cause != "" {
			cause = f.Cause
		}
		if f.Received != "" {
			cause += ": " + f.Received
		}
		row(t, stamp(f.Last), fmt.Sprint(f.Count), f.Endpoint, f.Code, cause)
	}
}
