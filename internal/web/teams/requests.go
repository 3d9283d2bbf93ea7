package teams

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var requestsPage = ui.NewPage[requestsView](files, "requests.html")

// What an admin answered.
const (
	noticeApproved = "approved"
	noticeDeclined = "declined"
	noticeAnswered = "answered" // somebody else was first
)

// requestsView is what members ask their admins to approve.
type requestsView struct {
	ui.Frame
	Team, Slug   string
	Notice       *ui.Notice
	Applications []requested // those that most people ask for first, then the oldest
}

// Empty stands where the applications would be.
func (requestsView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("requests.none"), More: ui.Text("requests.none_more")}
}

// requested is an application that people ask for, with the form that answers all of them.
type requested struct {
	ui.Application
	ID      string
	Index   int      // on the page
	Origins []string // where it sends people back
	Askers  []asker  // the oldest first
	Groups  []tickGroup
	answer
}

type asker struct {
	ui.Person
	Since ui.Moment
	Note  string // plain text
}

// tickGroup is permissions of one kind: "read", "write" or "you".
type tickGroup struct {
	Kind    string
	Heading ui.Words
	Ticks   []tick
}

// tick is one permission that an admin approves or not.
type tick struct {
	ui.Permission
	ID     string
	Ticked bool
	Before bool // approved already
}

// answer is what an admin typed into the form of an application.
type answer struct {
	ticked           oauth.Scope
	ReviewBy, Reason string
	Failures         ui.Failures
	field            string // the one that is wrong
}

// ReviewField is the field for the date of the review.
func (a requested) ReviewField() ui.Field {
	return ui.Field{
		ID: fmt.Sprint("review-", a.Index), Name: "review_by", Kind: ui.Date, Label: ui.Text("requests.review"), Advice: ui.Text("requests.review_means"),
		Value: a.ReviewBy, Optional: true, Failed: a.field == "review",
	}
}

// ReasonField is the field for the reason.
func (a requested) ReasonField() ui.Field {
	return ui.Field{
		ID: fmt.Sprint("reason-", a.Index), Name: "reason", Kind: ui.Line, Label: ui.Text("requests.reason"), Advice: ui.Text("requests.reason_means"),
		Value: a.Reason, MaxLength: 100, Optional: true, Failed: a.field == "reason",
	}
}

func (room *Room) requests(w http.ResponseWriter, r *request) error {
	view, err := room.requestsView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, requestsPage.With(view))
}

func (room *Room) requestsView(r *request) (requestsView, error) {
	view := requestsView{Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Notice: requestsNotice(r)}
	requests, err := room.Govern.Requests(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return view, err
	}
	rows, err := room.Govern.Rows(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return view, err
	}
	byClient := map[oauth.ClientID][]govern.Request{}
	var order []oauth.ClientID
	for _, q := range requests {
		if byClient[q.Client] == nil {
			order = append(order, q.Client)
		}
		byClient[q.Client] = append(byClient[q.Client], q)
	}
	slices.SortStableFunc(order, func(a, b oauth.ClientID) int { return len(byClient[b]) - len(byClient[a]) })
	for _, id := range order {
		c, err := room.Govern.Client(r.Context(), r.actor, r.team.ID, id)
		if errors.Is(err, client.ErrNoClient) { // removed meanwhile
			continue
		}
		if err != nil {
			return view, err
		}
		var row govern.Row
		if i := slices.IndexFunc(rows, func(row govern.Row) bool { return row.Client == id }); i >= 0 {
			row = rows[i]
		}
		view.Applications = append(view.Applications, room.requested(r, len(view.Applications), c, row, byClient[id]))
	}
	return view, nil
}

// requested is an application with the people who ask for it. All that they ask for is ticked, with what is approved already.
func (room *Room) requested(r *request, i int, c client.Client, row govern.Row, requests []govern.Request) requested {
	a := requested{ID: string(c.ID), Index: i, Application: ui.Application{HeadingID: ui.HeadingID(i), Name: c.Name, Owner: c.Owner}}
	a.Marks = marks(!c.Global(), false, !c.DisabledAt.IsZero(), false)
	var approved oauth.Scope
	if row.State == govern.Approved {
		approved = row.Scope
		a.Marks = append(a.Marks, ui.Mark{Text: ui.Text("requests.asks_more")})
	}
	a.ticked = approved
	for _, q := range requests {
		a.ticked = a.ticked.Union(q.Scope)
		a.Askers = append(a.Askers, asker{Person: ui.Person{Name: q.Name, Email: q.Email}, Since: r.Clock().Ago(q.AskedAt), Note: q.Note})
	}
	for _, uri := range c.RedirectURIs {
		if origin := oauth.RedirectOrigin(uri); !slices.Contains(a.Origins, origin) {
			a.Origins = append(a.Origins, origin)
		}
	}
	a.Groups = tickGroups(i, access.Permissions(room.Authz, r.Language(), a.ticked), a.ticked, approved)
	return a
}

// tickGroups is permissions as boxes to tick, those that write first.
func tickGroups(index int, p ui.Permissions, ticked, approved oauth.Scope) (groups []tickGroup) {
	for _, g := range []struct {
		kind        string
		permissions []ui.Permission
	}{{"write", p.Write}, {"read", p.Read}, {"you", p.You}} {
		group := tickGroup{Kind: g.kind, Heading: ui.Text("requests." + g.kind)}
		for _, permission := range g.permissions {
			group.Ticks = append(group.Ticks, tick{
				Permission: permission, ID: fmt.Sprintf("scope-%d-%s-%d", index, g.kind, len(group.Ticks)),
				Ticked: ticked.Contains(permission.Name), Before: approved.Contains(permission.Name),
			})
		}
		if len(group.Ticks) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// decideRequests answers everybody who asks for an application. When it cannot, the page comes back with the reason.
func (room *Room) decideRequests(w http.ResponseWriter, r *request) error {
	values, err := route.Form(r.Request.Request)
	if err != nil {
		return err
	}
	var sent [4]string
	for i, name := range []string{"decision", "client", "review_by", "reason"} {
		if sent[i], err = route.Field(values, name); err != nil {
			return err
		}
	}
	decision, id := sent[0], oauth.ClientID(sent[1])
	if decision != "approve" && decision != "decline" {
		return oauth.InvalidRequest.Errorf("decision must be approve or decline")
	}
	view, err := room.requestsView(r)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(view.Applications, func(a requested) bool { return a.ID == string(id) })
	if i < 0 {
		return r.notify(w, browser.Notice{What: noticeAnswered})
	}
	a := &view.Applications[i]
	known := a.ticked
	a.answer = answer{ticked: values["scope"], ReviewBy: sent[2], Reason: sent[3]}
	var effect govern.Effect
	if decision == "approve" {
		effect, err = room.approve(r, a, known)
	} else if a.checkReason() {
		err = room.Govern.Decline(r.Context(), r.actor, r.team.ID, id, a.Reason)
	}
	switch {
	case errors.Is(err, govern.ErrNoRequest), errors.Is(err, govern.ErrBlocked), errors.Is(err, client.ErrNoClient):
		return r.notify(w, browser.Notice{What: noticeAnswered})
	case err != nil:
		return gone(err)
	case len(a.Failures) > 0:
		for g := range a.Groups {
			for t := range a.Groups[g].Ticks {
				a.Groups[g].Ticks[t].Ticked = a.ticked.Contains(a.Groups[g].Ticks[t].Name)
			}
		}
		view.Notice, view.Failed = nil, true
		return room.Show(w, r.Request.Request, http.StatusUnprocessableEntity, requestsPage.With(view))
	case decision == "decline":
		return r.notify(w, browser.Notice{What: noticeDeclined, Application: a.Name})
	}
	return r.notify(w, browser.Notice{What: noticeApproved, Application: a.Name, Counts: []int{effect.Ended, effect.Suspended, effect.Resumed, effect.Narrowed}})
}

// fail says what is wrong with the answer.
func (a *requested) fail(field, id string, problem ui.Words) {
	a.field, a.Failures = field, ui.Failures{{Field: id, Text: problem}}
}

// checkReason reports whether the reason can be sent.
func (a *requested) checkReason() bool {
	a.Reason = strings.TrimSpace(a.Reason)
	if team.CheckText("the reason", a.Reason) == nil {
		return true
	}
	a.fail("reason", a.ReasonField().ID, ui.Text("team_applications.reason_rejected"))
	return false
}

// approve approves what is ticked, of what the page has shown.
func (room *Room) approve(r *request, a *requested, known oauth.Scope) (govern.Effect, error) {
	approval := govern.Approval{Scope: known.Minus(known.Minus(a.ticked)), Reason: a.Reason}
	first := a.Groups[0].Ticks[0].ID
	switch {
	case len(a.ticked.Minus(known)) > 0:
		a.fail("scope", first, ui.Text("requests.changed"))
		return govern.Effect{}, nil
	case len(approval.Scope) == 0:
		a.fail("scope", first, ui.Text("requests.nothing_ticked"))
		return govern.Effect{}, nil
	case !a.checkReason():
		return govern.Effect{}, nil
	}
	if a.ReviewBy != "" {
		at, err := time.ParseInLocation(time.DateOnly, a.ReviewBy, r.Profile().Location())
		if err != nil || !at.After(room.Now()) {
			a.fail("review", a.ReviewField().ID, ui.Text("requests.review_wrong"))
			return govern.Effect{}, nil
		}
		approval.ReviewBy = at
	}
	return room.Govern.Approve(r.Context(), r.actor, r.team.ID, oauth.ClientID(a.ID), approval)
}

// requestsNotice is what the admin has just answered, in words; nil when the page's address does not say.
func requestsNotice(r *request) *ui.Notice {
	n := r.Notice(r.team.ID)
	if n == nil {
		return nil
	}
	application, in := ui.Strong(n.Application), ui.Strong(n.Team)
	switch n.What {
	case noticeApproved:
		return &ui.Notice{Text: ui.Text("requests.approved", "application", application, "team", in), More: effectNotice(n.Counts)}
	case noticeDeclined:
		return &ui.Notice{Text: ui.Text("requests.declined", "application", application)}
	case noticeAnswered:
		return &ui.Notice{Text: ui.Text("requests.answered")}
	}
	return nil // from a newer server
}
