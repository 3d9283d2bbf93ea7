package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/app"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatehouse": main})
}

// Each script runs in its own directory, on SQLite. The scripts that use most of the database also run on PostgreSQL; the store's own tests cover the rest.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run("sqlite/"+name, func(t *testing.T) {
			t.Parallel()
			runScript(t, file, "sqlite:gatehouse.db")
		})
		if name != "grant" && name != "key" {
			continue
		}
		t.Run("postgres/"+name, func(t *testing.T) {
			t.Parallel()
			runScript(t, file, pgtest.URL(t))
		})
	}
}

func runScript(t *testing.T, file, database string) {
	master := token.NewMasterKey().Text()
	testscript.Run(t, testscript.Params{
		Files:               []string{file},
		RequireExplicitExec: true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GATEHOUSE_DATABASE_URL", strings.Replace(database, "sqlite:", "sqlite:"+env.WorkDir+"/", 1))
			env.Setenv("GATEHOUSE_MASTER_KEY", master)
			if slices.Contains([]string{"init.txtar", "usage.txtar"}, filepath.Base(file)) {
				return nil // they make their own
			}
			return initialize(t, env.Getenv("GATEHOUSE_DATABASE_URL"), master)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":  scriptStatus,
			"jsonvar": scriptJSONVar,
			"hold": func(ts *testscript.TestScript, _ bool, _ []string) { // has the database open until the end of the script
				a := opened(t, ts)
				ts.Defer(func() { a.Close() })
			},
			"consent": func(ts *testscript.TestScript, _ bool, args []string) { scriptConsent(t, ts, args) },
			"redeem":  func(ts *testscript.TestScript, _ bool, args []string) { scriptRedeem(t, ts, args) },
			"signin":  func(ts *testscript.TestScript, neg bool, args []string) { scriptSignIn(t, ts, neg, args) },
		},
	})
}

// initialize makes a database, because the commands make none.
func initialize(t *testing.T, database, master string) error {
	cfg, err := config.Load("", []string{"GATEHOUSE_DATABASE_URL=" + database, "GATEHOUSE_MASTER_KEY=" + master})
	if err != nil {
		return err
	}
	a, err := app.Open(t.Context(), cfg, app.Deps{})
	if err != nil {
		return err
	}
	return a.Close()
}

// scriptStatus runs a command that must end with an exit status: status 2 gatehouse user add.
func scriptStatus(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// scriptJSONVar puts a member of the last command's JSON object, or of the first object in its array, into a variable: jsonvar NAME MEMBER.
func scriptJSONVar(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(ts.ReadFile("stdout")), "["), "]")
	var object map[string]any
	ts.Check(json.NewDecoder(strings.NewReader(text)).Decode(&object))
	value, ok := object[args[1]].(string)
	if !ok {
		ts.Fatalf("no string %q in %s", args[1], text)
	}
	ts.Setenv(args[0], value)
}

// opened returns the script's database, opened the way the commands open it. Close it.
func opened(t *testing.T, ts *testscript.TestScript) *app.App {
	var environ []string
	for _, name := range []string{"GATEHOUSE_DATABASE_URL", "GATEHOUSE_MASTER_KEY"} {
		environ = append(environ, name+"="+ts.Getenv(name))
	}
	cfg, err := config.Load("", environ)
	ts.Check(err)
	a, err := app.Open(t.Context(), cfg, app.Deps{})
	ts.Check(err)
	return a
}

// scriptConsent saves a person's consent like the consent page: consent EMAIL SLUG CLIENT_ID SCOPE. It sets $GRANT to the grant's id.
func scriptConsent(t *testing.T, ts *testscript.TestScript, args []string) {
	a := opened(t, ts)
	defer a.Close()
	u, err := a.Team.UserByEmail(t.Context(), team.CommandLine, args[0])
	ts.Check(err)
	place, err := a.Team.TeamBySlug(t.Context(), team.CommandLine, args[1])
	ts.Check(err)
	now := time.Now()
	g, err := a.Store.SaveGrant(t.Context(), authz.Grant{
		ID: authz.GrantID(token.NewID()), User: u.ID, Client: oauth.ClientID(args[2]), Team: place.ID, Scope: oauth.Scope{args[3]}, CreatedAt: now, UpdatedAt: now,
	}, false)
	ts.Check(err)
	ts.Setenv("GRANT", string(g.ID))
}

// scriptRedeem saves an exchange of a code like the token endpoint: redeem GRANT.
func scriptRedeem(t *testing.T, ts *testscript.TestScript, args []string) {
	a := opened(t, ts)
	defer a.Close()
	grants, err := a.Store.Grants(t.Context(), authz.GrantFilter{})
	ts.Check(err)
	i := slices.IndexFunc(grants, func(g authz.GrantDetail) bool { return string(g.ID) == args[0] })
	if i < 0 {
		ts.Fatalf("no grant %s", args[0])
	}
	now := time.Now()
	_, err = a.Store.Redeem(t.Context(), authz.Family{
		ID: authz.FamilyID(token.NewID()), Grant: grants[i].ID, Client: grants[i].Client.ID, Scope: grants[i].Scope,
		AuthTime: now, CreatedAt: now, ExpiresAt: now.Add(time.Hour), TokenDeadAt: now.Add(time.Hour),
	})
	ts.Check(err)
}

// scriptSignIn signs a person in: signin EMAIL PASSWORD.
func scriptSignIn(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	a := opened(t, ts)
	defer a.Close()
	_, err := a.Authn.SignIn(t.Context(), authn.SignInRequest{Email: args[0], Password: args[1], Address: netip.IPv6Loopback()})
	switch {
	case neg && !errors.Is(err, authn.ErrSignInFailed):
		ts.Fatalf("got %v, want the sign-in to fail", err)
	case !neg:
		ts.Check(err)
	}
}

// The help of every command, in one golden file.
func TestHelp(t *testing.T) {
	var got bytes.Buffer
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		fmt.Fprintf(&got, "$ gatehouse %s\n", strings.Join(args, " "))
		if status := run(args, nil, &got, &got); status != exitOK {
			t.Errorf("%q: exit status %d", args, status)
		}
		fmt.Fprintln(&got)
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(&env{}))

	const golden = "testdata/help.txt"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("help (-golden +got; go test ./cmd/... -update rewrites it):\n%s", diff)
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || cmd.RunE == nil || cmd.Args == nil {
			t.Errorf("%s has no short help, no RunE, or does not check its arguments", cmd.CommandPath())
		}
		if strings.ContainsAny(cmd.Use, " ") && !cmd.Hidden && cmd.Example == "" && cmd.Name() != "help" {
			t.Errorf("%s takes arguments and shows no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand(&env{}))
}
