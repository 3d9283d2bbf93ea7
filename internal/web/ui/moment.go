package ui

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Moment is a time on a page: in words for people, exactly for programs.
type Moment struct {
	at  time.Time
	now time.Time // zero when the date is shown
}

// Ago is a time as people count back from now.
func Ago(at, now time.Time) Moment { return Moment{at, now} }

// OnDate is a time with its date and minute, for lists in which moments have to be told apart.
func OnDate(at time.Time) Moment { return Moment{at: at} }

// Known reports whether there is a time.
func (m Moment) Known() bool { return !m.at.IsZero() }

// Exact is the time for a <time> element.
func (m Moment) Exact() string { return m.at.UTC().Format(time.RFC3339) }

// Words is the time for people.
func (m Moment) Words() string {
	if m.now.IsZero() {
		return words.English.DateTime(m.at)
	}
	return words.English.Ago(m.at, m.now)
}
