package webtest

import (
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Person is a browser and who is signed in at it.
type Person struct {
	*Browser
	Email string
}

// Admin is somebody new, who is an admin of one team and belongs to no other.
func (h *House) Admin(slug string) Person {
	h.Helper()
	email := "admin-of-" + slug + "@example.org"
	h.addPerson(email, "Dora of "+slug)
	_, err := h.Directory.AddMember(h.Context(), team.CommandLine, slug, email, team.Admin)
	h.OK(err)
	return Person{h.SignedIn(email), email}
}

// Govern posts a decision of the team's page.
func (b *Browser) Govern(slug string, namesAndValues ...string) *Answer {
	b.Helper()
	return b.Post("/teams/"+slug+"/applications/", Pairs(namesAndValues...))
}
