package ui

import "time"

// Clock is the time as one person sees it: what time it is, and in which time zone.
type Clock struct{ now time.Time }

// ClockAt is the clock of a person in a time zone; nil is UTC, for a person who has not chosen one.
func ClockAt(now time.Time, zone *time.Location) Clock {
	if zone == nil {
		zone = time.UTC
	}
	return Clock{now.In(zone)}
}

// Moment is a time on a page: in words for people, exactly for programs and for those who point at it.
type Moment struct {
	at  time.Time // in the person's time zone
	now time.Time // zero when the date is shown
}

// Ago is a time as people count back from now. It is unknown when at is zero.
func (c Clock) Ago(at time.Time) Moment { return Moment{c.local(at), c.now} }

// OnDate is a time with its date and minute, for lists in which moments have to be told apart.
func (c Clock) OnDate(at time.Time) Moment { return Moment{at: c.local(at)} }

func (c Clock) local(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return at.In(c.now.Location())
}

// Known reports whether there is a time.
func (m Moment) Known() bool { return !m.at.IsZero() }
