package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	Fine    Level = "ok"
	Warning Level = "warning" // works, and is less safe or less complete than it could be
	Problem Level = "problem" // something is wrong
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Level Level  `json:"level"`
	Check string `json:"check"`
	Found string `json:"found"`        // one line
	Do    string `json:"do,omitempty"` // what to do about it
}

// Table is a table of the database.
type Table struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Inspection is what the doctor reads from the database.
type Inspection struct {
	Encoding   string
	Tables     []Table
	Refusing   map[string]int // counters that refuse somebody now, by kind
	Waiting    int            // messages that could not be delivered so far
	OldestWait time.Time      // of these
	Overdue    int            // sessions that should have been deleted long ago

	PeopleWithout    int // how many people who can sign in have no second factor
	OperatorsWithout int // how many of them are operators

	RequireSecondFactor authn.Require // the setting
}

// Inspect reads the database and looks for what is wrong.
func (s *Service) Inspect(ctx context.Context, actor team.Actor, now time.Time) ([]Finding, error) {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return nil, err
	}
	found, err := s.Store.Inspect(ctx, now)
	if err != nil {
		return nil, err
	}
	found.RequireSecondFactor = s.RequireSecondFactor
	return found.Findings(now), nil
}

// Findings judges an inspection.
func (i Inspection) Findings(now time.Time) []Finding {
	findings := []Finding{i.encoding(), i.sizes(), i.limits()}
	if i.Waiting > 0 {
		findings = append(findings, Finding{
			Warning, "messages", fmt.Sprintf("%d messages could not be delivered so far; the oldest waits for %s", i.Waiting, now.Sub(i.OldestWait).Round(time.Minute)),
			"look for \"message not delivered yet\" in the log of the servers, and check the mail server and the back-channel logout addresses",
		})
	} else {
		findings = append(findings, Finding{Fine, "messages", "none waits after a failure", ""})
	}
	if i.Overdue > 0 {
		findings = append(findings, Finding{
			Warning, "pruning", fmt.Sprintf("%d expired sessions were not deleted for a day", i.Overdue),
			"run a server: it deletes what has expired once a minute. If one runs, look at its clock and at \"background task failed\" in its log",
		})
	}
	if f, required := i.secondFactors(); required {
		findings = append(findings, f)
	}
	return findings
}

// secondFactors says how many people have no second factor, if the operator requires one.
func (i Inspection) secondFactors() (f Finding, required bool) {
	without, who := i.PeopleWithout, "people"
	switch i.RequireSecondFactor {
	case authn.RequireAll:
	case authn.RequireOperators:
		without, who = i.OperatorsWithout, "operators"
	default:
		return Finding{}, false
	}
	if without == 0 {
		return Finding{Fine, "second factors", "all " + who + " have one, as require_second_factor wants", ""}, true
	}
	return Finding{
		Warning, "second factors", fmt.Sprintf("%d %s have none yet, and require_second_factor is %s", without, who, i.RequireSecondFactor),
		"they are led to set one up when they next sign in: remind them, or disable accounts that nobody uses",
	}, true
}

func (i Inspection) encoding() Finding {
	if strings.ReplaceAll(strings.ToUpper(i.Encoding), "-", "") == "UTF8" {
		return Finding{Fine, "encoding", i.Encoding, ""}
	}
	return Finding{Problem, "encoding", i.Encoding + " cannot hold every name", "make a new database with the encoding UTF8, and restore a backup into it"}
}

func (i Inspection) sizes() Finding {
	var all int64
	var parts []string
	for _, t := range i.Tables {
		all += t.Bytes
		parts = append(parts, t.Name+" "+bytes(t.Bytes))
	}
	return Finding{Fine, "size", bytes(all) + ": " + strings.Join(parts, ", "), ""}
}

func (i Inspection) limits() Finding {
	if len(i.Refusing) == 0 {
		return Finding{Fine, "limits", "nobody is refused at the moment", ""}
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(i.Refusing)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, i.Refusing[kind]))
	}
	return Finding{
		Warning, "limits", "counters of failures that refuse somebody at the moment: " + strings.Join(parts, ", "),
		"gatehouse audit --kind limit.reached --since 24h says who; if they are not attacks, raise the limits in the configuration",
	}
}

// Write judges how long a small write took.
func Write(took time.Duration) Finding {
	text := took.Round(100 * time.Microsecond).String()
	switch {
	case took > time.Second:
		return Finding{Problem, "write", "a small write took " + text, "find out what keeps the disk or the database busy: sign-ins and tokens wait for writes"}
	case took > 100*time.Millisecond:
		return Finding{Warning, "write", "a small write took " + text, "use a faster disk, or move the database nearer to the servers"}
	}
	return Finding{Fine, "write", "a small write took " + text, ""}
}

// bytes is a size for people.
func bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	size, unit := float64(n), 0
	for size >= 1000 && unit < len(units)-1 {
		size, unit = size/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[unit])
}
