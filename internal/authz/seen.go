package authz

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// Seen is what consent pages showed of a client to a person who agreed. When the client looks different, remembered consent is not
// enough: whatever else the page shows of the client belongs here too.
type Seen struct {
	Name         string   // the last one
	Owner        string   // the last one
	RedirectURIs []string // one for each place that the person agreed to go to
}

// seen is what a consent page shows of the client of a request.
func (r Request) seen(c client.Client) Seen {
	return Seen{Name: c.Name, Owner: c.Owner, RedirectURIs: []string{r.RedirectURI}}
}

// Then is what a person has seen who agrees once more.
func (s Seen) Then(next Seen) Seen {
	all := slices.Clone(s.RedirectURIs)
	for _, uri := range next.RedirectURIs {
		if !s.hasPlace(uri) {
			all = append(all, uri)
		}
	}
	next.RedirectURIs = all
	return next
}

// has reports whether nothing of the client is new to the person.
func (s Seen) has(c client.Client, redirectURI string) bool {
	return s.Name == c.Name && s.Owner == c.Owner && s.hasPlace(redirectURI)
}

func (s Seen) hasPlace(redirectURI string) bool {
	return slices.Contains(s.RedirectURIs, redirectURI) ||
		slices.ContainsFunc(s.RedirectURIs, func(seen string) bool { return oauth.SameRedirectPlace(seen, redirectURI) })
}

// Difference is something of a client that is not as the person saw it.
type Difference struct {
	What   What
	Before string // "" when there was nothing
}

// What is the part of a client that differs.
type What int

// The parts of a client that a consent page shows.
const (
	NameDiffers What = iota + 1
	OwnerDiffers
	PlaceDiffers // where the browser goes next; Before is the last place that was agreed to
)

// differences is what is new to the person.
func (s Seen) differences(c client.Client, redirectURI string) (list []Difference) {
	if s.Name != c.Name {
		list = append(list, Difference{NameDiffers, s.Name})
	}
	if s.Owner != c.Owner {
		list = append(list, Difference{OwnerDiffers, s.Owner})
	}
	if !s.hasPlace(redirectURI) {
		d := Difference{What: PlaceDiffers}
		if n := len(s.RedirectURIs); n > 0 {
			d.Before = oauth.RedirectOrigin(s.RedirectURIs[n-1])
		}
		list = append(list, d)
	}
	return list
}
