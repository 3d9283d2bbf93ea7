package main

import (
	"context"
	"errors"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/spf13/cobra"
)

// keyPublish is how long a new key is published before it signs: longer than servers take to notice it and than APIs keep the key set.
const keyPublish = time.Hour

// keyMargin is added to the life of what a key signed, for clocks that differ.
const keyMargin = 10 * time.Minute

func newKeyCommand(e *env) *cobra.Command {
	return e.group("key", "List and rotate the keys that sign tokens",
		`Keys are in the database, sealed under the master key. Their public halves are
published at /.well-known/jwks.json.`,
		newKeyList(e), newKeyRotate(e))
}

func newKeyList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys, oldest first",
		Args:  takes(),
		RunE: e.with(func(_ context.Context, a *app.App, _ []string) error {
			return e.showKeys(a.Keys.Keys())
		}),
	}
}

func newKeyRotate(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Add new keys, which take over within the hour",
		Long: `Adds a successor to every key. It is published now and signs in an hour, when
every API has seen it; the old key is still published until everything that it
signed has expired. Nobody notices. Running servers pick the new keys up by
themselves.`,
		Example: "  gatehouse key rotate",
		Args:    takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			keys := a.Keys.Keys()
			for _, k := range keys {
				if k.State == "next" {
					return errors.New("new keys are waiting to take over already, from " + stamp(k.SignsFrom) + " UTC")
				}
			}
			retire := max(a.Config.AccessTokenLifetime, a.Config.RequestLifetime, a.Config.CodeLifetime) + keyMargin
			if err := a.Keys.Rotate(ctx, token.RotationOverlap{Publish: keyPublish, Retire: retire}); err != nil {
				return err
			}
			return e.showKeys(a.Keys.Keys())
		}),
	}
}

func (e *env) showKeys(keys []token.KeyInfo) error {
	return e.show(keys, func(t *tabwriter.Writer) {
		row(t, "KID", "USE", "ALG", "STATE", "SIGNS FROM", "DEAD AT")
		for _, k := range keys {
			row(t, k.ID, string(k.Use), k.Algorithm, k.State, stamp(k.SignsFrom), stamp(k.DeadAt))
		}
	})
}
