package browser

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/web/route"
)

// NoConnection is the answer for a connection that is not there, has ended, or is not for this person to end. These look alike.
var NoConnection = &route.Problem{Status: http.StatusNotFound, Description: "there is no such connection", Words: "problem.no_connection"}
