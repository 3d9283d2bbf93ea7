package usage_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestEqualFailuresAreCounted(t *testing.T) {
	var g usage.Failures
	one := usage.Failure{Client: "c", Proven: true, Code: "invalid_grant", RequestID: "R1", Last: at}
	g.Add(one)
	one.RequestID, one.Last = "R2", at.Add(time.Second)
	g.Add(one)
	one.Proven = false
	g.Add(one)
	got, dropped := g.Take()
	if len(got) != 2 || dropped != 0 {
		t.Fatalf("got %+v and %d dropped", got, dropped)
	}
	for _, f := range got {
		want := usage.Failure{Client: "c", Code: "invalid_grant", RequestID: "R2", First: at.Add(time.Second), Last: at.Add(time.Second), Count: 1}
		if f.Proven {
			want.Proven, want.First, want.Count = true, at, 2
		}
		if f != want {
			t.Errorf("got %+v, want %+v", f, want)
		}
	}
	if again, _ := g.Take(); len(again) != 0 {
		t.Errorf("taken twice: %+v", again)
	}
}

// A flood of different failures, which anybody can send, takes bounded memory and leaves room for those of clients that had authenticated.
func TestFloodIsBounded(t *testing.T) {
	var g usage.Failures
	for i := range 5000 {
		g.Add(usage.Failure{Client: fmt.Sprint("c", i), Cause: strings.Repeat("x", 10_000), Last: at})
	}
	g.Add(usage.Failure{Client: "c", Proven: true, Last: at})
	g.Add(usage.Failure{Client: strings.Repeat("c", 401), Proven: true, Last: at}) // is no client id
	got, dropped := g.Take()
	if len(got) != 1001 || dropped != 4000 {
		t.Errorf("%d are gathered and %d dropped, want 1001 and 4000", len(got), dropped)
	}
	proven := 0
	for _, f := range got {
		if len(f.Cause) > 400 {
			t.Fatalf("a cause has %d bytes", len(f.Cause))
		}
		if f.Proven {
			proven++
		}
	}
	if proven != 1 {
		t.Errorf("%d failures of clients that had authenticated are left, want 1", proven)
	}
}

func TestNothingIsGatheredWithoutTheLog(t *testing.T) {
	var g *usage.Failures
	g.Add(usage.Failure{Client: "c"})
	if got, _ := g.Take(); got != nil {
		t.Errorf("got %+v", got)
	}
}

// URI keeps nothing that could be a secret.
func TestURI(t *testing.T) {
	for text, want := range map[string]string{
		"https://app.example/cb":                "https://app.example/cb",
		"https://app.example:8443/a%20b/":       "https://app.example:8443/a%20b/",
		"https://app.example/cb?code=gh_cs_1#x": "https://app.example/cb?…#…",
		"https://user:secret@app.example/":      "",
		"com.example.app:/cb":                   "",
		"gh_cs_secret":                          "",
		"":                                      "",
		"https://%zz/":                          "",
	} {
		if got := usage.URI(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestControlCharactersAreDropped(t *testing.T) {
	var g usage.Failures
	g.Add(usage.Failure{Client: "c", Cause: "a\tb\nc\x00d\x1b[31m\xff", Last: at})
	if got, _ := g.Take(); got[0].Cause != "a b c d [31m?" {
		t.Errorf("got %q", got[0].Cause)
	}
}
