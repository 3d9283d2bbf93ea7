package bench

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Setup is what all that measures has in common.
type Setup struct {
	Dir      string // for databases and programs; files of the same names are overwritten
	Database string // of Databases; "" for the first
	Scale    Scale  // what Gatehouse's database is filled with
	Accounts int    // that the virtual users share; 0 for as many as is usual

	programs string // the folder where they have been built already; "" builds them
}

// Flags adds those that fill in the Setup.
func (s *Setup) Flags(flags *flag.FlagSet) {
	flags.StringVar(&s.Dir, "dir", "", "the `FOLDER` for databases: what disk they are on matters. A filled one is kept there for the next run (default: a temporary one)")
	flags.StringVar(&s.Database, "database", Databases[0], "what Gatehouse keeps its data in: "+strings.Join(Databases, " or ")+", which is started for this alone; its user has to get to --dir")
	flags.IntVar(&s.Accounts, "accounts", 0, "how many accounts the virtual users share (default: as many as there are users with --scale and in a soak, 8 otherwise)")
	flags.Func("scale", "fill Gatehouse's database first, with `ROWS`: users=1000000,teams=100000,clients=10000,families=5000000, and events=… if they are not to be as many as families", s.Scale.Set)
}

// Main runs a program until it is done or interrupted. about is what its --help says first.
func Main(name, about string, run func(ctx context.Context) error) {
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "%s\n\n", about)
		flag.PrintDefaults()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// enter checks the Setup and builds the programs. leave removes the folder if there was none before.
func (s *Setup) enter(ctx context.Context) (_ house, leave func() error, err error) {
	if s.Database == "" {
		s.Database = Databases[0]
	}
	if !slices.Contains(Databases, s.Database) {
		return house{}, nil, fmt.Errorf("there is no database %q; there are %s", s.Database, strings.Join(Databases, " and "))
	}
	leave = func() error { return nil }
	if s.Dir == "" {
		if s.Dir, err = os.MkdirTemp("/tmp", "gatehouse-bench-"); err != nil { // not $TMPDIR: PostgreSQL, which does not run as root, must get there
			return house{}, nil, err
		}
		leave = func() error { return os.RemoveAll(s.Dir) }
		if err := os.Chmod(s.Dir, 0o711); err != nil {
			return house{}, nil, errors.Join(err, leave())
		}
	}
	h := house{dir: s.Dir, programs: s.programs}
	if h.programs == "" {
		h.programs = h.dir
		err = build(ctx, h.programs)
	}
	if err != nil {
		return house{}, nil, errors.Join(err, leave())
	}
	return h, leave, nil
}

// single starts one Gatehouse with nothing beside it. accounts is how many are usual. leave stops it, and removes what was for this run alone.
func (s *Setup) single(ctx context.Context, accounts int, settings ...string) (_ house, _ *server, leave func() error, err error) {
	h, remove, err := s.enter(ctx)
	if err != nil {
		return house{}, nil, nil, err
	}
	server, err := h.startGatehouse(ctx, wanted{name: "gatehouse", kind: s.Database, scale: s.Scale, accounts: cmp.Or(s.Accounts, accounts), settings: settings})
	if err != nil {
		return house{}, nil, nil, errors.Join(err, remove())
	}
	return h, server, func() error { return errors.Join(server.stop(), remove()) }, nil
}
