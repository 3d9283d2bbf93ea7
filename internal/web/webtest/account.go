package webtest

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// GrantOf is the grant of a person for a client in a team.
func (h *House) GrantOf(email string, client App, in team.Team) authz.GrantID {
	h.Helper()
	details, err := h.DB.Grants(h.Context(), authz.GrantFilter{Client: client.ID, Team: in.ID})
	h.OK(err)
	for _, g := range details {
		if g.User.Email == email {
			return g.ID
		}
	}
	h.Fatalf("%s has no grant for %s in %s", email, client.Name, in.Slug)
	return ""
}

// EndOwn presses "End access" for a grant on the person's own page.
func (b *Browser) EndOwn(id authz.GrantID) *Answer {
	b.Helper()
	return b.Post("/account/applications/", Pairs("grant", string(id)))
}

// InOrder checks that a page says things one after the other.
func (a *Answer) InOrder(says ...string) *Answer {
	a.Helper()
	text := ShownTo(a.Body)
	rest := text
	for _, want := range says {
		_, after, found := strings.Cut(rest, want)
		if !found {
			a.Fatalf("the page does not say %q after what comes before it:\n%s", want, text)
		}
		rest = after
	}
	return a
}
