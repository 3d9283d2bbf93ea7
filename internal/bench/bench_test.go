package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/bench/drive"
)

// Each operation works at both servers without an error, and its row has figures. How good they are is no matter here.
func TestEveryOperationIsMeasured(t *testing.T) {
	t.Parallel()
	measured(t, Plan{Operations: drive.Operations})
}

// So it does over https, with a connection for each request.
func TestFreshConnectionsAreMeasured(t *testing.T) {
	t.Parallel()
	measured(t, Plan{Setup: Setup{Accounts: 1}, Operations: []string{"flow", "discovery"}, FreshTLS: true})
}

func TestGatehouseOnPostgreSQLIsMeasured(t *testing.T) {
	t.Parallel()
	measured(t, Plan{Setup: Setup{Database: "postgres", Accounts: 1}, Operations: []string{"flow", "refresh"}})
}

// built is the folder with the programs, for all tests.
var built string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "gatehouse-bench-programs-"); err == nil {
			defer os.RemoveAll(built)
			err = build(context.Background(), built)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// measured checks the report of a small plan, and returns it.
func measured(t *testing.T, plan Plan) string {
	t.Helper()
	plan.programs = built
	plan.Connections, plan.WarmUp, plan.Duration, plan.Rounds = []int{2}, time.Millisecond, 30*time.Millisecond, 1
	plan.Starts = 1
	text := reported(t, plan.Report)
	for _, operation := range plan.Operations {
		cells := rowOf(text, operation)
		if len(cells) < 11 {
			t.Errorf("%s has no row in\n%s", operation, text)
			continue
		}
		if cells[3] == "0" || cells[10] == "0" {
			t.Errorf("%s: nothing was done: %v", operation, cells)
		}
		if operation == "flow" && (cells[8] == "0.0" || cells[9] == "0.00") {
			t.Errorf("a flow without statements or commits: %v", cells)
		}
	}
	return text
}

// reported is what a scenario writes.
func reported(t *testing.T, run func(context.Context, io.Writer) error) string {
	t.Helper()
	watch(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var text strings.Builder
	if err := run(ctx, &text); err != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	t.Log(text.String())
	return text.String()
}

// rowOf is the cells of an operation's row.
func rowOf(table, operation string) []string {
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| "+operation+" |") {
			continue
		}
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		return cells
	}
	return nil
}

// watch tells go test to run the tests again when the sources of the programs have changed, which the tests only build.
func watch(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"..", "../../cmd", "../../examples", "../../resourceserver"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				_, err = os.Stat(path)
			}
			if errors.Is(err, fs.ErrNotExist) {
				return nil // another test's file
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
