package browser

import (
	"net/http"
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

const noticeLifetime = 5 * time.Minute

// Notice says what a person did with a form. The page after the form shows it.
type Notice struct {
	User        team.UserID `json:"user"`
	What        string      `json:"what"`
	Application string      `json:"application,omitempty"`
	Team        string      `json:"team,omitempty"`
	TeamID      team.ID     `json:"team_id,omitempty"`    // the team whose page shows it; "" for the person's own pages
	Person      string      `json:"person,omitempty"`     // the owner of a connection that was not the person's own
	Scope       []string    `json:"scope,omitempty"`      // the permissions that ended
	Counts      []int       `json:"counts,omitempty"`     // how many of what, in an order that the page knows
	Passkey     string      `json:"passkey,omitempty"`    // its name
	Credential  string      `json:"credential,omitempty"` // of a passkey that was removed
}

// NoticeLinked says that an account at another provider was linked.
const NoticeLinked = "linked"

// Notify sends the person to a page of ours, which shows the notice. It is sealed, so that no link can make a page say what did not happen.
func (r *Request) Notify(w http.ResponseWriter, path string, n Notice) error {
	return r.pages.NotifyOf(w, r.Session, path, n)
}

// NotifyOf is Notify for a person who was not sent here by a page of a room.
func (p *Pages) NotifyOf(w http.ResponseWriter, session *authn.Session, path string, n Notice) error {
	n.User = session.User.ID
	sealed, err := p.Keys.Seal(token.PurposeDone, n, noticeLifetime)
	if err != nil {
		return err
	}
	route.SeeOther(w, path+"?done="+url.QueryEscape(sealed))
	return nil
}

// Notice is the notice in the page's address; nil when there is none, or when it is for another person or another team's page.
func (r *Request) Notice(page team.ID) *Notice {
	var n Notice
	sealed := r.URL.Query().Get("done")
	if sealed == "" || r.pages.Keys.Open(token.PurposeDone, sealed, &n) != nil || n.User != r.Session.User.ID || n.TeamID != page {
		return nil
	}
	return &n
}
