package words_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/words"
)

func read(language, source string) (*words.Catalogue, error) {
	return words.Read(fstest.MapFS{language + ".txt": {Data: []byte(source)}}, language)
}

func TestTextPutsArgumentsInPlaceAndLeavesMarksOut(t *testing.T) {
	c, err := read("en", "# A comment.\n\nwho = {who} opened <link>the gate</link> of {town}\nlong = first\n  second\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Text("who", "town", "Bree", "who", "{town}"), "{town} opened the gate of Bree"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := c.Text("long"), "first\nsecond"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Polish has other plural forms than English. Nothing but the file says so.
func TestASecondLanguageIsAFile(t *testing.T) {
	c, err := read("pl", "hours[one] = {count} godzina\nhours[few] = {count} godziny\nhours[many] = {count} godzin\nhours[other] = {count} godziny\n")
	if err != nil {
		t.Fatal(err)
	}
	for count, want := range map[int]string{1: "1 godzina", 3: "3 godziny", 5: "5 godzin", 12: "12 godzin", 22: "22 godziny"} {
		if got := c.Text("hours", "count", count); got != want {
			t.Errorf("%d: got %q, want %q", count, got, want)
		}
	}
}

func TestMistakesInAFileAreFound(t *testing.T) {
	for source, want := range map[string]string{
		"no text":                        "line 1",
		"a = b\na = c":                   "line 2: a is there twice",
		"a[several] = b":                 "no plural form [several]",
		"a[one] = b":                     "no form [other]",
		"a = {name":                      "has no end",
		"a = <link>b":                    "<link> has no end",
		"a = b</link>":                   "wrong place",
		"a = <link><strong>b</strong></": "wrong place",
	} {
		if _, err := read("en", source); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v, want %q in it", source, err, want)
		}
	}
	if _, err := words.Read(fstest.MapFS{}, "en"); err == nil {
		t.Error("a file that is not there can be read")
	}
	if _, err := words.Read(fstest.MapFS{}, "not a language"); err == nil {
		t.Error("a catalogue without a language can be read")
	}
}

func TestAgo(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for passed, want := range map[time.Duration]string{
		-time.Hour: "just now", 0: "just now", 59 * time.Second: "just now", time.Minute: "1 minute ago", 59 * time.Minute: "59 minutes ago",
		time.Hour: "1 hour ago", 23 * time.Hour: "23 hours ago", day: "1 day ago", 59 * day: "59 days ago", 60 * day: "31 December 2025",
	} {
		if got := words.English.Ago(now.Add(-passed), now); got != want {
			t.Errorf("%v ago is %q, want %q", passed, got, want)
		}
	}
}

func TestDatesSayTheirTimeZone(t *testing.T) {
	at := time.Date(2026, 2, 28, 23, 30, 5, 0, time.UTC)
	berlin := time.FixedZone("CET", 3600)
	for got, want := range map[string]string{
		words.English.DateTime(at):                            "28 February 2026, 23:30 UTC",
		words.English.DateTime(at.In(berlin)):                 "1 March 2026, 00:30",
		words.English.Exact(at):                               "28 February 2026, 23:30:05 UTC",
		words.English.Exact(at.In(berlin)):                    "1 March 2026, 00:30:05 UTC+01:00",
		words.English.Ago(at, at.In(berlin).AddDate(1, 0, 0)): "1 March 2026",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for month := time.January; month <= time.December; month++ {
		at := time.Date(2026, month, 2, 0, 0, 0, 0, time.UTC)
		if got, want := words.English.Date(at), at.Format("2 January 2006"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWaitsAreRoundedUp(t *testing.T) {
	for wait, want := range map[time.Duration]string{
		0: "1 second", 1100 * time.Millisecond: "2 seconds", time.Minute: "60 seconds", 61 * time.Second: "2 minutes", 15 * time.Minute: "15 minutes",
	} {
		if got := words.English.Wait(wait); got != want {
			t.Errorf("%v is %q, want %q", wait, got, want)
		}
	}
}
