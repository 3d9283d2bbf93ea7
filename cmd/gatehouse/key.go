package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/spf13/cobra"
)

func newKeyCommand(e *env) *cobra.Command {
	return e.group("key", "List and rotate signing keys, and change the master key",
		`The keys are in the database, encrypted with the master key. The public halves of
signing keys are published at /.well-known/jwks.json. A running server replaces
its keys automatically, every key_rotation_interval.`,
		newKeyList(e), newKeyRotate(e), newKeyReseal(e))
}

func newKeyList(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys, oldest first, with their use and state",
		Long: `Lists the keys. USE is sig for keys that sign tokens (ES256: access tokens and
logout tokens; RS256: ID tokens), mac for those that refresh tokens are made
with, and seal for those that close codes and requests that are under way.

DOES says what a key does now: a key "signs" what is new, "waits" to do so,
"verifies" what it signed before, or is "over". UNTIL is when that ends; without
a time, until the next rotation.`,
		Args: takes(),
		RunE: e.with(func(_ context.Context, a *app.App, _ []string) error {
			return e.showKeys(a.Keys.Keys())
		}),
	}
}

func newKeyRotate(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Add new keys, which are used after an hour",
		Long: `Adds a new key for every current key. It is published now, and signs after an
hour, when every server and every API has it. The old key stays valid until
everything that it signed has expired, so no token becomes invalid. Running
servers load the new keys automatically.`,
		Example: "  gatehouse key rotate",
		Args:    takes(),
		RunE: e.with(func(ctx context.Context, a *app.App, _ []string) error {
			err := a.RotateKeys(ctx)
			if errors.Is(err, app.ErrKeysWaiting) {
				return fmt.Errorf("%w, from %s UTC", err, stamp(waitingFrom(a.Keys.Keys())))
			}
			if err != nil {
				return err
			}
			return e.showKeys(a.Keys.Keys())
		}),
	}
}

func waitingFrom(keys []token.KeyInfo) time.Time {
	for _, k := range keys {
		if k.State == "next" {
			return k.SignsFrom
		}
	}
	return time.Time{}
}

func newKeyReseal(e *env) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "reseal --new-master-key-file FILE",
		Short: "Encrypt every key with another master key",
		Long: `Decrypts every key with the master key of the configuration, and encrypts it with
the master key in FILE, in one transaction. The keys stay the same, so no token
becomes invalid.

Running servers keep the keys they have loaded. Give every server the new master
key and restart them, one after the other. Do this before you rotate keys: with
the old master key no server starts and no key can be rotated. Keep the old
master key as long as you keep older backups of the database.`,
		Example: `  (umask 077; openssl rand -base64 32 > new.key)
  gatehouse key reseal --new-master-key-file new.key`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&file, "new-master-key-file", "", "the `FILE` with the new master key, readable by its owner only")
	cmd.MarkFlagRequired("new-master-key-file")
	cmd.RunE = e.with(func(ctx context.Context, a *app.App, _ []string) error {
		master, err := app.ReadMasterKey(file)
		if err != nil {
			return err
		}
		if err := a.Keys.Reseal(ctx, master); err != nil {
			return err
		}
		keys := len(a.Keys.Keys())
		return e.show(struct {
			Keys int `json:"keys"`
		}{keys}, func(t *tabwriter.Writer) {
			fmt.Fprintf(t, "encrypted %d keys with the new master key\n\nNow give the new master key to every server and command, and restart the servers:\n\n", keys)
			if own := a.Config.OwnMasterKey(); own != "" {
				fmt.Fprintf(t, "  cp %s %s.old && mv %s %s\n", own, own, file, own)
			} else {
				fmt.Fprintf(t, "  master_key_file, master_key or their variables: what is in %s\n", file)
			}
		})
	})
	return cmd
}

// keyJSON is a key on the command line, with its current state.
type keyJSON struct {
	token.KeyInfo
	Does  string    `json:"does"`           // waits, signs, verifies or over
	Until time.Time `json:"until,omitzero"` // when that changes
}

// keyOf returns a key with what it does now, and until when.
func keyOf(k token.KeyInfo, keys []token.KeyInfo) keyJSON {
	switch k.State {
	case "next":
		return keyJSON{k, "waits", k.SignsFrom}
	case "current":
		return keyJSON{k, "signs", successorFrom(k, keys)}
	case "retired":
		return keyJSON{k, "verifies", k.DeadAt}
	}
	return keyJSON{k, "over", time.Time{}}
}

// successorFrom is the time at which the first waiting key takes over from k, or zero if none waits.
func successorFrom(k token.KeyInfo, keys []token.KeyInfo) time.Time {
	var from time.Time
	for _, other := range keys {
		if other.State == "next" && other.Use == k.Use && other.Algorithm == k.Algorithm && (from.IsZero() || other.SignsFrom.Before(from)) {
			from = other.SignsFrom
		}
	}
	return from
}

func (e *env) showKeys(keys []token.KeyInfo) error {
	out := make([]keyJSON, len(keys))
	for i, k := range keys {
		out[i] = keyOf(k, keys)
	}
	return e.show(out, func(t *tabwriter.Writer) {
		row(t, "KID", "USE", "ALG", "DOES", "UNTIL", "SIGNS FROM", "BELIEVED UNTIL")
		for _, k := range out {
			row(t, k.ID, string(k.Use), k.Algorithm, k.Does, stamp(k.Until), stamp(k.SignsFrom), stamp(k.DeadAt))
		}
	})
}
