package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// Scale is how much a database is filled with before it is measured. The zero Scale is an empty database.
type Scale struct {
	Users, Teams, Clients, Families int
	Events                          int // rows of audit
}

// ParseScale reads a Scale as "users=1000000,teams=100000,clients=10000,families=5000000". Unless said otherwise, there is one event for each family.
func ParseScale(text string) (s Scale, err error) {
	s.Events = -1
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		field := s.field(strings.TrimSpace(name))
		if field == nil {
			return Scale{}, fmt.Errorf("%q is not one of users, teams, clients, families and events with a number, as users=1000", part)
		}
		if *field, err = strconv.Atoi(strings.TrimSpace(number)); err != nil || *field < 0 {
			return Scale{}, fmt.Errorf("%q: %q is no number of rows", part, number)
		}
	}
	if s.Users < 1 || s.Teams < 1 || s.Clients < 1 || s.Families < 1 {
		return Scale{}, fmt.Errorf("%q: users, teams, clients and families are all needed: each belongs to another", text)
	}
	if s.Events < 0 {
		s.Events = s.Families
	}
	return s, nil
}

func (s *Scale) field(name string) *int {
	switch name {
	case "users":
		return &s.Users
	case "teams":
		return &s.Teams
	case "clients":
		return &s.Clients
	case "families":
		return &s.Families
	case "events":
		return &s.Events
	}
	return nil
}

func (s Scale) String() string {
	return fmt.Sprintf("users=%d,teams=%d,clients=%d,families=%d,events=%d", s.Users, s.Teams, s.Clients, s.Families, s.Events)
}

// Set is for the flag package.
func (s *Scale) Set(text string) (err error) {
	*s, err = ParseScale(text)
	return err
}
