// Package links is the pages that links in mails lead to, and the page that asks for a link to set a new password. People who come here may not be
// signed in: what a page may do is in the link.
//
// A link is used by a form and never by opening its page, because programs that look for dangerous mails open links too.
package links

import (
	"embed"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

//go:embed *.html
var files embed.FS

// Room is the pages.
type Room struct {
	*browser.Pages
	Authz *authz.Server
}

// Routes is the table of the room's pages.
func (room *Room) Routes() []route.Route {
	return append(room.addressPages(),
		route.Route{Path: pathForgot, Get: room.askAddress, Post: room.SameOrigin(room.sendReset)},
		route.Route{Path: team.LinkReset.Path(), Get: room.askNewPassword, Post: room.FromLink(room.resetPassword)},
		route.Route{Path: team.LinkUndo.Path(), Get: room.askUndo, Post: room.FromLink(room.undo)},
	)
}

// frame is the frame of a page whose bar leads nowhere else.
func (room *Room) frame(r *http.Request, session *authn.Session, title ui.Words) ui.Frame {
	f := room.Frame(r, session, title)
	f.Quiet = true
	return f
}

// secret is the secret of the link by which the page was opened.
func secret(r *http.Request) (string, error) {
	values, err := route.Query(r)
	if err != nil {
		return "", err
	}
	return route.Field(values, "link")
}
