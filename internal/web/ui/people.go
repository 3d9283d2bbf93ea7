package ui

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Person is a person as other people see them, and as the page tells somebody who they are.
type Person struct{ Name, Email string }

// Avatar is a person's picture, or the first letters of their name where there is none.
type Avatar struct {
	Name    string
	Picture string // its name, or ""
}

// Initials are the first letters of the first and of the last word of the name.
func (a Avatar) Initials() string {
	parts := strings.Fields(PlainName(a.Name))
	if len(parts) == 0 {
		return "?"
	}
	initials := strings.ToUpper(firstLetter(parts[0]))
	if len(parts) > 1 {
		initials += strings.ToUpper(firstLetter(parts[len(parts)-1]))
	}
	return initials
}

func firstLetter(word string) string {
	r, _ := utf8.DecodeRuneInString(word)
	return string(r)
}

// OwnTeams are some of the teams of the person who is signed in: those that were used last, or those that were looked for.
type OwnTeams struct {
	Account string // the e-mail to tell an admin, when there is no team
	New     string // the page to create a team, when there is none; "" when the person may not
	Teams   []OwnTeam
	All     int    // how many there are
	Action  string // the address of the page, to look for a team by its name there; "" for none
	Query   string // what was looked for
}

// Find reports whether there are so many teams that people look for one.
func (o OwnTeams) Find() bool { return o.Action != "" && o.All > MaxOwnTeams }

// More reports whether there are teams that the page does not show.
func (o OwnTeams) More() bool { return o.All > len(o.Teams) }

// MaxOwnTeams is how many teams a page shows of the person's.
const MaxOwnTeams = 5

// OwnTeam is one of the person's teams.
type OwnTeam struct {
	Name, Slug string
	Role       Words
	Admin      bool
}

// Application is an application as every page shows it: its name, who registered it, and its marks.
type Application struct {
	HeadingID   string // the id of the heading, for aria-labelledby
	Name, Owner string
	Open        string // the link that starts its sign-in, or ""
	Marks       []Mark
}

// Mark is a short fact about an application.
type Mark struct {
	Text   Words
	Barred bool // something that keeps the application from working
}

// Use is when a connection was made and when it was last used. Used is zero when it never was.
type Use struct{ Since, Used Moment }

// HeadingID is the id of an application's heading, by its place in the list.
func HeadingID(i int) string { return fmt.Sprint("application-", i) }
