package browser

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// NoConnection is the answer for a connection that is not there, has ended, or is not for this person to end. These look alike.
var NoConnection = &route.Problem{Status: http.StatusNotFound, Description: "there is no such connection", Words: "problem.no_connection"}

// LinkProblem is the page for a link that does not work: what happened, and what to do. again is where another link is asked for.
func LinkProblem(err error, again string) error {
	arguments := []any{"link", ui.Link(again)}
	switch {
	case errors.Is(err, team.ErrNoLink):
		return &route.Problem{Status: http.StatusNotFound, Description: err.Error(), Words: "problem.no_link", Arguments: arguments}
	case errors.Is(err, team.ErrLinkUsed):
		return &route.Problem{Status: http.StatusGone, Description: err.Error(), Words: "problem.link_used", Arguments: arguments}
	case errors.Is(err, team.ErrLinkExpired):
		return &route.Problem{Status: http.StatusGone, Description: err.Error(), Words: "problem.link_expired", Arguments: arguments}
	case errors.Is(err, team.ErrUserTaken):
		return &route.Problem{Status: http.StatusConflict, Description: err.Error(), Words: "problem.email_taken", Arguments: arguments}
	case errors.Is(err, team.ErrForbidden):
		return &route.Problem{Status: http.StatusForbidden, Description: err.Error(), Words: "problem.other_account"}
	}
	return err
}
