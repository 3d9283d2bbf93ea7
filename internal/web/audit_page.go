package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// auditView is what happened in a team.
type auditView struct {
	teamChrome
	Kinds  []kindChoice
	Events []eventLine // the newest first
	Older  string      // the address of the next page, or ""
	Newest string      // the address of the first page, or "" on it
}

// Tab is which of the team's pages this is.
func (auditView) Tab() string { return "audit" }

// kindChoice is one kind of event to look for.
type kindChoice struct {
	Kind, Label string
	Chosen      bool
}

// eventLine is an event in words.
type eventLine struct {
	At                 moment
	Words              []phrase
	Detail             string
	Address, RequestID string
	Alarm              bool // something that should not happen
}

// phrase is a piece of a sentence: our words, or a name that a stranger chose.
type phrase struct{ Text, Name string }

// eventsPerPage is how many events a page shows.
const eventsPerPage = 50

// teamAudit lists a team's events.
func (s *server) teamAudit(w http.ResponseWriter, r *http.Request, session *authn.Session, t team.Team) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	kind, err := field(values, "kind")
	if err != nil {
		return err
	}
	before, err := field(values, "before")
	if err != nil {
		return err
	}
	filter := audit.Filter{Team: string(t.ID), Kind: knownKind(kind), Limit: eventsPerPage + 1}
	if before != "" {
		if filter.Before, err = strconv.ParseInt(before, 10, 64); err != nil || filter.Before <= 0 {
			return oauth.InvalidRequest.Errorf("before must be the number of an event")
		}
	}
	var events []audit.Event
	if s.Audit != nil {
		if events, err = s.Audit.Events(r.Context(), filter); err != nil {
			return err
		}
	}
	view := auditView{teamChrome: s.teamChrome(r, session, t), Kinds: kindChoices(filter.Kind)}
	if filter.Before != 0 {
		view.Newest = auditAddress(t, filter.Kind, 0)
	}
	if len(events) > eventsPerPage {
		events = events[:eventsPerPage]
		view.Older = auditAddress(t, filter.Kind, events[eventsPerPage-1].ID)
	}
	if view.Events, err = s.eventLines(r.Context(), events); err != nil {
		return err
	}
	return s.show(w, r, http.StatusOK, view)
}

// auditAddress is the page of a team's events of a kind, from an event on.
func auditAddress(t team.Team, kind audit.Kind, before int64) string {
	values := url.Values{}
	if kind != "" {
		values.Set("kind", string(kind))
	}
	if before != 0 {
		values.Set("before", strconv.FormatInt(before, 10))
	}
	address := "/teams/" + t.Slug + "/audit/"
	if len(values) > 0 {
		address += "?" + values.Encode()
	}
	return address
}

// eventLines puts events in words.
func (s *server) eventLines(ctx context.Context, events []audit.Event) ([]eventLine, error) {
	names := s.names()
	var lines []eventLine
	for _, e := range events {
		words, err := names.sentence(ctx, e)
		if err != nil {
			return nil, err
		}
		lines = append(lines, eventLine{
			At: onDate(e.At), Words: words, Detail: newDetail(e, words), Address: e.Address, RequestID: e.RequestID, Alarm: e.Kind.Traits().Alarm,
		})
	}
	return lines, nil
}

// newDetail is the detail of an event when it says more than the sentence does.
func newDetail(e audit.Event, words []phrase) string {
	named := slices.ContainsFunc(words, func(p phrase) bool { return p.Name == e.Detail })
	if named || e.Kind == audit.RefreshReplayed {
		return ""
	}
	return e.Detail
}

// sentence is what happened, with the names of who was concerned.
func (n *names) sentence(ctx context.Context, e audit.Event) ([]phrase, error) {
	var phrases []phrase
	rest := wordsOf(e).sentence
	for rest != "" {
		text, after, found := strings.Cut(rest, "{")
		if text != "" {
			phrases = append(phrases, phrase{Text: text})
		}
		if !found {
			break
		}
		var who string
		who, rest, _ = strings.Cut(after, "}")
		name, err := n.who(ctx, who, e)
		if err != nil {
			return nil, err
		}
		phrases = append(phrases, name)
	}
	if first := &phrases[0]; first.Name == "" {
		first.Text = sentence(first.Text)
	}
	return phrases, nil
}

// who is the actor, user or client of an event.
func (n *names) who(ctx context.Context, role string, e audit.Event) (phrase, error) {
	find, id, otherwise := n.user, e.User, "somebody who is no longer here"
	switch role {
	case "client":
		find, id, otherwise = n.client, e.Client, "an application that was removed"
	case "actor":
		client, isClient := strings.CutPrefix(e.Actor, "client:")
		switch {
		case e.Actor == "":
			return phrase{Text: "somebody unknown"}, nil
		case e.Actor == actorCommandLine:
			return phrase{Text: "an operator of this server"}, nil
		case isClient:
			find, id, otherwise = n.client, client, "an application that was removed"
		default:
			id = e.Actor
		}
	}
	if id == "" {
		return phrase{Text: "somebody unknown"}, nil
	}
	name, err := find(ctx, id)
	if err != nil || name != "" {
		return phrase{Name: name}, err
	}
	return phrase{Text: otherwise}, nil
}
