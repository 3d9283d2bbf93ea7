package operate

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

func TestFindings(t *testing.T) {
	now := time.Date(2030, 4, 5, 6, 7, 8, 0, time.UTC)
	sound := Inspection{Encoding: "UTF8", Tables: []Table{{"gh_audit", 2_500_000}, {"gh_users", 900}}}
	for name, tt := range map[string]struct {
		change func(*Inspection)
		check  string
		level  Level
		found  string
	}{
		"sound":    {func(*Inspection) {}, "size", Fine, "2.5 MB: gh_audit 2.5 MB, gh_users 900 B"},
		"encoding": {func(i *Inspection) { i.Encoding = "SQL_ASCII" }, "encoding", Problem, "SQL_ASCII cannot hold every name"},
		"limits":   {func(i *Inspection) { i.Refusing = map[string]int{"client": 2, "audit": 1} }, "limits", Warning, "audit 1, client 2"},
		"messages": {func(i *Inspection) { i.Waiting, i.OldestWait = 3, now.Add(-time.Hour) }, "messages", Warning, "3 messages could not be delivered so far; the oldest waits for 1h0m0s"},
		"factors": {func(i *Inspection) {
			i.RequireSecondFactor, i.PeopleWithout, i.OperatorsWithout = authn.RequireAll, 7, 2
		}, "second factors", Warning, "7 people have none"},
		"factors of operators": {func(i *Inspection) {
			i.RequireSecondFactor, i.PeopleWithout, i.OperatorsWithout = authn.RequireOperators, 7, 2
		}, "second factors", Warning, "2 operators have none"},
		"everybody has one": {func(i *Inspection) { i.RequireSecondFactor, i.PeopleWithout = authn.RequireOperators, 7 }, "second factors", Fine, "all operators have one"},
		"not pruning":       {func(i *Inspection) { i.Overdue = 7 }, "pruning", Warning, "7 expired sessions"},
	} {
		inspection := sound
		tt.change(&inspection)
		seen := false
		for _, f := range inspection.Findings(now) {
			if (f.Level == Fine) != (f.Do == "") {
				t.Errorf("%s: what to do: %+v", name, f)
			}
			seen = seen || f.Check == tt.check && f.Level == tt.level && strings.Contains(f.Found, tt.found)
			if f.Level != Fine && f.Check != tt.check {
				t.Errorf("%s: got %+v, too", name, f)
			}
		}
		if !seen {
			t.Errorf("%s: got %+v", name, inspection.Findings(now))
		}
	}
	for took, want := range map[time.Duration]Level{time.Millisecond: Fine, 200 * time.Millisecond: Warning, 2 * time.Second: Problem} {
		if got := Write(took).Level; got != want {
			t.Errorf("a write of %s: %s, want %s", took, got, want)
		}
	}
}
