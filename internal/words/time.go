package words

import (
	"fmt"
	"math"
	"time"
)

// dateAfter is the age from which a date says more than "60 days ago".
const dateAfter = 60 * 24 * time.Hour

// Ago is how long before now a moment was. A moment long ago is its day, in the time zone of now.
func (c *Catalogue) Ago(at, now time.Time) string {
	passed := now.Sub(at)
	switch {
	case passed < time.Minute:
		return c.Text("ago.now")
	case passed < time.Hour:
		return c.Text("ago.minutes", "count", int(passed/time.Minute))
	case passed < 24*time.Hour:
		return c.Text("ago.hours", "count", int(passed/time.Hour))
	case passed < dateAfter:
		return c.Text("ago.days", "count", int(passed/(24*time.Hour)))
	}
	return c.Date(at.In(now.Location()))
}

// Date is the day of a moment, in its own time zone.
func (c *Catalogue) Date(at time.Time) string {
	return c.Text("date.day", "day", at.Day(), "month", c.month(at), "year", at.Year())
}

// DateTime is the day and the minute of a moment, in its own time zone. It says when that is UTC, because a person who has chosen no
// time zone cannot know.
func (c *Catalogue) DateTime(at time.Time) string {
	key := "date.minute"
	if at.Location() == time.UTC {
		key = "date.minute_utc"
	}
	return c.Text(key, "date", c.Date(at), "time", at.Format("15:04"))
}

// Exact is a moment to the second, with what its time zone was then ahead of UTC.
func (c *Catalogue) Exact(at time.Time) string {
	return c.Text("date.exact", "date", c.Date(at), "time", at.Format("15:04:05"), "zone", Zone(at))
}

// Zone is what the time zone of a moment was then ahead of UTC: "UTC+01:00".
func Zone(at time.Time) string {
	if _, ahead := at.Zone(); ahead != 0 {
		return at.Format("UTC-07:00")
	}
	return "UTC"
}

func (c *Catalogue) month(at time.Time) string { return c.Text(fmt.Sprint("month.", int(at.Month()))) }

// Wait is a time to wait, rounded up to seconds, or above one minute to minutes.
func (c *Catalogue) Wait(wait time.Duration) string {
	if wait <= time.Minute {
		return c.Text("wait.seconds", "count", max(1, int(math.Ceil(wait.Seconds()))))
	}
	return c.Text("wait.minutes", "count", int(math.Ceil(wait.Minutes())))
}
