package web

import (
	"strconv"
	"time"
)

// moment is a time on a page: for people in words, for programs exactly.
type moment struct {
	At    time.Time
	Words string
}

// Exact is the time for a <time> element.
func (m moment) Exact() string { return m.At.UTC().Format(time.RFC3339) }

// Known reports whether there is a time.
func (m moment) Known() bool { return !m.At.IsZero() }

// datesAfter is when "40 days ago" says less than a date.
const datesAfter = 60 * 24 * time.Hour

// ago is a time as far as it is from now: without a script a page does not know the person's time zone, and so none is needed.
func ago(at, now time.Time) moment {
	passed := now.Sub(at)
	count, unit := 0, ""
	switch {
	case at.IsZero():
		return moment{}
	case passed < time.Minute:
		return moment{at, "just now"}
	case passed < time.Hour:
		count, unit = int(passed/time.Minute), "minute"
	case passed < 24*time.Hour:
		count, unit = int(passed/time.Hour), "hour"
	case passed < datesAfter:
		count, unit = int(passed/(24*time.Hour)), "day"
	default:
		return moment{at, at.UTC().Format("2 January 2006")}
	}
	if count != 1 {
		unit += "s"
	}
	return moment{at, strconv.Itoa(count) + " " + unit + " ago"}
}

// onDate is a time that has to be told from others.
func onDate(at time.Time) moment { return moment{at, at.UTC().Format("2 January 2006, 15:04 UTC")} }
