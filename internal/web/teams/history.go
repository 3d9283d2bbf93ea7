package teams

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var historyPage = ui.NewPage[historyView](files, "history.html")

// historyView is what happened in a team.
type historyView struct {
	ui.Frame
	Team   string
	Filter ui.Filter
	Events []eventLine // the newest first
	ui.Pagination
}

// Empty stands where the events would be.
func (v historyView) Empty() ui.Empty {
	if v.Newest != "" {
		return ui.Empty{Lead: ui.Text("history.nothing_older")}
	}
	return ui.Empty{Lead: ui.Text("history.none")}
}

// eventLine is an event in words.
type eventLine struct {
	At                 ui.Moment
	Sentence           ui.Words
	Detail             string
	Address, RequestID string
	Alarm              bool // something that should not happen
}

// eventsPerPage is how many events a page shows.
const eventsPerPage = 50

// history lists a team's events.
func (room *Room) history(w http.ResponseWriter, r *request) error {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return err
	}
	kind, err := route.Field(values, "kind")
	if err != nil {
		return err
	}
	before, err := route.Field(values, "before")
	if err != nil {
		return err
	}
	filter := audit.Filter{Team: string(r.team.ID), Kind: knownKind(kind), Limit: eventsPerPage + 1}
	if before != "" {
		if filter.Before, err = strconv.ParseInt(before, 10, 64); err != nil || filter.Before <= 0 {
			return oauth.InvalidRequest.Errorf("before must be the number of an event")
		}
	}
	events, err := room.Directory.History(r.Context(), r.actor, filter)
	if err != nil {
		return err
	}
	view := historyView{Frame: r.frame(), Team: r.team.Name, Filter: filterOf(r.Address(), filter.Kind)}
	if filter.Before != 0 {
		view.Newest = historyAddress(r.Address(), filter.Kind, 0)
	}
	if len(events) > eventsPerPage {
		events = events[:eventsPerPage]
		view.Older = historyAddress(r.Address(), filter.Kind, events[eventsPerPage-1].ID)
	}
	view.Events = room.eventLines(r, events)
	return room.Show(w, r.Request.Request, http.StatusOK, historyPage.With(view))
}

// historyAddress is the page with a team's events of a kind, from an event on.
func historyAddress(page string, kind audit.Kind, before int64) string {
	values := url.Values{}
	if kind != "" {
		values.Set("kind", string(kind))
	}
	if before != 0 {
		values.Set("before", strconv.FormatInt(before, 10))
	}
	if len(values) > 0 {
		page += "?" + values.Encode()
	}
	return page
}

// eventLines puts events in words.
func (room *Room) eventLines(r *request, events []audit.Entry) []eventLine {
	var lines []eventLine
	for _, e := range events {
		sentence := sentence(e)
		lines = append(lines, eventLine{
			At: r.Clock().OnDate(e.At), Sentence: sentence, Detail: room.newDetail(r, e.Event, sentence), Address: e.Address, RequestID: e.RequestID,
			Alarm: e.Kind.Traits().Alarm,
		})
	}
	return lines
}

// withScope are the kinds whose detail is a scope.
var withScope = []audit.Kind{audit.ConsentGiven, audit.ConsentDenied, audit.TokenIssued, audit.MachineToken}

// newDetail is the detail of an event when it says more than the sentence does. A scope is said in words.
func (room *Room) newDetail(r *request, e audit.Event, sentence ui.Words) string {
	if slices.Contains(sentence, any(ui.Strong(e.Detail))) || e.Kind == audit.RefreshReplayed {
		return ""
	}
	if slices.Contains(withScope, e.Kind) {
		return strings.Join(access.InWords(room.Authz, r.Language(), strings.Fields(e.Detail)), " · ")
	}
	return e.Detail
}
