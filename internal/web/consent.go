package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// decide is the person's answer on the consent page, or Cancel on a page that has nothing else to offer.
func (s *server) decide(w http.ResponseWriter, r *http.Request) error {
	sent, err := fields(r, "request", "team", "decision")
	if err != nil {
		return err
	}
	sealed, chosen, decision := sent[0], team.ID(sent[1]), sent[2]
	request, err := s.Authz.Open(sealed)
	if err != nil {
		return err
	}
	switch decision {
	case "authorize":
		return s.approve(w, r, request, chosen)
	case "cancel":
		return s.cancel(w, r, request)
	}
	return oauth.InvalidRequest.Errorf("decision must be authorize or cancel")
}

func (s *server) approve(w http.ResponseWriter, r *http.Request, request authz.Request, chosen team.ID) error {
	session, err := s.session(r)
	if err != nil {
		return err
	}
	next, err := s.Authz.Approve(as(r, session), request, session, chosen)
	if err != nil {
		return err
	}
	problem := "Something has changed since this page was shown. Look at it again, then decide."
	if chosen == "" && !next.Fixed {
		problem = "Choose a team."
	}
	for i := range next.Teams {
		if next.Teams[i].Team.ID == chosen && next.Teams[i].Blocked != "" {
			problem = "This team does not allow the application. Choose another one, or cancel."
		}
	}
	return s.showNext(w, r, next, problem)
}

// cancel tells the application that the person did not agree. The sealed request is proof enough that client and redirect URI were verified.
func (s *server) cancel(w http.ResponseWriter, r *http.Request, request authz.Request) error {
	traceOf(r.Context()).client = request.ClientID
	session, err := s.session(r)
	if err != nil {
		return err
	}
	response, err := s.Authz.Cancel(as(r, session), request)
	if err != nil {
		return err
	}
	return s.respond(w, r, response)
}

// consentPage is what the person is asked.
func (s *server) consentPage(r *http.Request, next authz.Next, sealed, problem string) consentView {
	view := consentView{
		Chrome: s.chrome(r, "", &next.Session), Sealed: sealed,
		Application: next.Client.Name, Owner: next.Client.Owner,
		Name: next.Session.User.Name, Email: next.Session.User.Email,
		Fixed: next.Fixed, Destination: oauth.RedirectOrigin(next.Request.RedirectURI), Error: problem,
	}
	for _, scope := range next.Asked {
		view.add(scope)
	}
	open := 0
	for _, choice := range next.Teams {
		view.Teams = append(view.Teams, teamOnPage(choice, next.Asked))
		if choice.Blocked == "" {
			open++
		}
	}
	for i := range view.Teams {
		// What can only be one is picked already; between several, nobody but the person picks.
		view.Teams[i].Checked = open == 1 && view.Teams[i].Blocked == ""
	}
	return view
}

// teamOnPage is one team with what is new there since the last consent.
func teamOnPage(choice authz.TeamChoice, asked []scope.Info) consentTeam {
	t := consentTeam{
		ID: string(choice.Team.ID), Name: choice.Team.Name, Slug: choice.Team.Slug,
		Blocked: choice.Blocked, Before: len(choice.Granted) > 0,
	}
	if !t.Before {
		return t
	}
	for _, scope := range asked {
		if !choice.Granted.Contains(scope.Name) {
			t.New = append(t.New, scope.Description)
		}
	}
	return t
}
