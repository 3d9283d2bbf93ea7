package pgtest_test

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/store/pgtest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

func TestEachDatabaseIsEmptyAndItsOwn(t *testing.T) {
	for range 2 {
		db, err := store.Open(t.Context(), pgtest.URL(t), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if teams, err := db.Teams(t.Context()); err != nil || len(teams) != 0 {
			t.Fatalf("a new database has the teams %v, %v; want none", teams, err)
		}
		if err := db.AddTeam(t.Context(), team.Team{ID: "t1", Slug: "acme", Name: "Acme"}); err != nil {
			t.Fatal(err)
		}
	}
}

// The server must not be left behind by a test binary that is killed.
func TestServerEndsWithItsTestBinary(t *testing.T) {
	const marker = "GATEHOUSE_TEST_PGTEST"
	if os.Getenv(marker) != "" {
		fmt.Println("url", pgtest.URL(t))
		bufio.NewReader(os.Stdin).ReadByte() // until it is killed, or its parent ends
		return
	}
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestServerEndsWithItsTestBinary$")
	victim.Env = append(os.Environ(), marker+"=1")
	if _, err := victim.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	dir := serverDir(t, bufio.NewScanner(out))
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	victim.Wait()
	// Looked at again and again: the server is nobody's child by now, so nobody is told of its end.
	for deadline := time.Now().Add(30 * time.Second); ; {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return // the directory goes last
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server in %s outlived its test binary", dir)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// serverDir is the directory of the server whose URL the victim prints.
func serverDir(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "url "); ok {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return u.Query().Get("host")
		}
	}
	t.Fatal("the other test binary did not start a server")
	return ""
}
