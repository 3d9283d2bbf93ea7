package web

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// teamChrome is what a team's pages have in common.
type teamChrome struct {
	Chrome
	Team, Slug string
}

// forAdmins lets the admins of the team in the address in. To everybody who does not belong to it, a team that exists is like one that does not.
func (s *server) forAdmins(h func(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team) error) handler {
	return s.signedIn(func(w http.ResponseWriter, r *http.Request, session *authn.Session) error {
		memberships, err := s.Directory.Teams.Memberships(r.Context(), session.User.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(memberships, func(m team.Membership) bool { return m.Team.Slug == r.PathValue("slug") })
		if i < 0 {
			return notFound(w, r)
		}
		if memberships[i].Role != team.Admin {
			return &problem{
				status:   http.StatusForbidden,
				sentence: "Only the admins of this team can open this page.",
				todo:     "What you connected yourself is under your account. For the rest, ask an admin of the team.",
			}
		}
		return h(w, r, session, memberships[i].Team)
	})
}

func (s *server) teamChrome(r *http.Request, session *authn.Session, t team.Team) teamChrome {
	return teamChrome{Chrome: s.chrome(r, "", session), Team: t.Name, Slug: t.Slug}
}

// errNoConnection is the answer for a connection that is not there, has ended or is not for this person to end. These look alike.
var errNoConnection = &problem{
	status:   http.StatusNotFound,
	sentence: "There is no such connection. It may have ended already.",
	todo:     "Go back and look at the list again.",
}

// gone makes an error of the store that something is not there any more an answer.
func gone(err error) error {
	for _, missing := range []error{authz.ErrNoGrant, client.ErrNoClient, govern.ErrNoBlock, team.ErrNoTeam} {
		if errors.Is(err, missing) {
			return errNoConnection
		}
	}
	return err
}

// names finds the names behind ids, each once. What is gone has the name "".
type names struct {
	directory team.People
	store     Store
	users     map[string]string
	clients   map[string]string
}

func (s *server) names() *names {
	return &names{directory: s.Directory.People, store: s.Store, users: map[string]string{}, clients: map[string]string{}}
}

func (n *names) user(ctx context.Context, id string) (string, error) {
	if name, known := n.users[id]; known || id == "" {
		return name, nil
	}
	user, err := n.directory.User(ctx, team.UserID(id))
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return "", err
	}
	n.users[id] = user.Name
	return user.Name, nil
}

func (n *names) client(ctx context.Context, id string) (string, error) {
	if name, known := n.clients[id]; known || id == "" {
		return name, nil
	}
	found, err := n.store.Client(ctx, oauth.ClientID(id))
	if err != nil && !errors.Is(err, client.ErrNoClient) {
		return "", err
	}
	n.clients[id] = found.Name
	return found.Name, nil
}
