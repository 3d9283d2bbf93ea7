package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// env is the environment of a command, and the flags that all commands share.
type env struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string // in the form of os.Environ
	now            func() time.Time
	configPath     string // --config; empty for defaults and environment variables only
	json           bool   // --json
	started        bool   // the command line was valid, and its command has started
	flush          func() // writes what is left of stderr
}

// run is the whole program: it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once

	e := &env{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), now: time.Now, flush: func() {}}
	root := newRootCommand(e)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	status := e.report(cmd, err)
	e.flush()
	return status
}

func newRootCommand(e *env) *cobra.Command {
	root := e.group("gatehouse", "An OAuth 2.0 authorization server for products whose users work in teams",
		`Gatehouse lets third-party applications act for a person in one of their teams.

"gatehouse demo" starts everything with sample data. "gatehouse serve" runs the
server. The other commands administer it. They open the database themselves, so
they work whether the server runs or not.`,
		newDemoCommand(e), newInitCommand(e), newServeCommand(e), newBackupCommand(e), newRestoreCommand(e), newDoctorCommand(e),
		newUserCommand(e), newTeamCommand(e), newMemberCommand(e), newClientCommand(e), newGrantCommand(e), newKeyCommand(e), newAuditCommand(e),
		newCompletionCommand(e), newManCommand(e), newVersionCommand(e))
	root.SilenceErrors = true // report prints them
	root.SilenceUsage = true
	root.DisableAutoGenTag = true // man pages have no date, so that they are reproducible
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(newHelpCommand(e))
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetUsageTemplate(usageTemplate)
	cobra.EnableCommandSorting = false

	flags := root.PersistentFlags()
	flags.StringVar(&e.configPath, "config", e.getenv("GATEHOUSE_CONFIG"), "read the configuration from `FILE` (YAML; default $GATEHOUSE_CONFIG)")
	flags.Lookup("config").DefValue = "" // the help text must not depend on the environment
	flags.BoolVar(&e.json, "json", false, "print one JSON object or array instead of text")
	return root
}

// usageTemplate is Cobra's without the parts that Gatehouse does not use, and with "COMMAND" for command groups.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Run "{{.CommandPath}} COMMAND --help" for more about a command.{{end}}
`

// group returns a command that only has subcommands.
func (e *env) group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			cmd.SetOut(e.stderr)
			return errors.Join(cmd.Help(), errHelped)
		}
		problem := fmt.Sprintf("unknown command %q", args[0])
		cmd.SuggestionsMinimumDistance = 2
		if close := cmd.SuggestionsFor(args[0]); len(close) > 0 {
			problem += fmt.Sprintf("; did you mean %q?", close[0])
		}
		return usagef("%s", problem)
	}
	for _, c := range commands {
		c.DisableFlagsInUseLine = true // Use names the important flags; the help lists all
	}
	cmd.AddCommand(commands...)
	return cmd
}

// config reads the configuration.
func (e *env) config() (config.Config, error) { return config.Load(e.configPath, e.environ) }

// open opens the app of the configuration; the caller closes it. Warnings are logged to standard error. It makes no database:
// after a typo in its path, a command would work on an empty one.
func (e *env) open(ctx context.Context) (*app.App, error) { return e.openAs(ctx, app.MakeNever) }

func (e *env) openAs(ctx context.Context, making app.Making) (*app.App, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return app.Open(ctx, cfg, app.Deps{Log: log, Now: e.now, Making: making})
}

// with returns the RunE of a command that needs the opened app.
func (e *env) with(do func(ctx context.Context, a *app.App, args []string) error) func(*cobra.Command, []string) error {
	return e.start(func(cmd *cobra.Command, args []string) (err error) {
		a, err := e.open(cmd.Context())
		if err != nil {
			return err
		}
		defer func() {
			if problem := a.Close(); problem != nil {
				err = errors.Join(err, problem)
			}
		}()
		ctx, cancel := context.WithTimeout(asCommandLine(cmd.Context()), commandLimit)
		defer cancel()
		if wrong := a.WrongClock(ctx); wrong != "" && !slices.Contains(readOnly, cmd.Name()) {
			return fmt.Errorf("%s. Set this machine's clock right first: what is changed now would have a wrong time", wrong)
		}
		return do(ctx, a, args)
	})
}

// readOnly is the commands that change nothing, so they work on a machine whose clock is wrong.
var readOnly = []string{"list", "show", "invitations", "audit", "backup"}

// commandLimit is how long a command may take. Without a limit of its own, each step would have the few seconds of a web request: the end of
// a large team takes longer.
const commandLimit = time.Hour

// asCommandLine makes the command line the actor of audit events.
func asCommandLine(ctx context.Context) context.Context {
	return audit.WithOrigin(ctx, audit.Origin{Actor: "command line"})
}

// start records that the command line was valid. Later errors are not usage errors, unless they come from usagef.
func (e *env) start(do func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		e.started = true
		return do(cmd, args)
	}
}

// usageError is an invalid command line, independent of what is in the database.
type usageError struct{ problem string }

func (e *usageError) Error() string { return e.problem }

// errHelped is a usage error for which the help was already printed.
var errHelped = errors.New("a command is missing")

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// takes checks that a command gets exactly the named arguments, and its required flags.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return missing(names[len(args):])
		case len(args) > len(names):
			return usagef("unexpected argument %q; put an argument with spaces in quotes", args[len(names)])
		}
		var flags []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Annotations[cobra.BashCompOneRequiredFlag] != nil && !f.Changed {
				flags = append(flags, "--"+f.Name)
			}
		})
		if len(flags) > 0 {
			return missing(flags)
		}
		return nil
	}
}

func missing(what []string) error {
	verb := "is"
	if len(what) > 1 {
		verb = "are"
	}
	return usagef("%s %s missing", strings.Join(what, " and "), verb)
}

// report prints the error to standard error, one line for each problem, and returns the exit status.
func (e *env) report(cmd *cobra.Command, err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errHelped):
		return exitUsage
	}
	text := err.Error()
	if o, ok := err.(*oauth.Error); ok { // its code is for programs, not for people
		text = o.Description
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(e.stderr, "gatehouse: %s\n", line)
	}
	if _, ok := errors.AsType[*usageError](err); ok || !e.started {
		fmt.Fprintf(e.stderr, "Run \"%s --help\" for how to use it.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailure
}

// getenv is the value of an environment variable, or "".
func (e *env) getenv(name string) string {
	for _, entry := range e.environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
