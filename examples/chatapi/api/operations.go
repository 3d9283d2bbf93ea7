package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// operation is one operation of the API. Handler and document use the same scopes.
type operation struct {
	method  string
	path    string // as in OpenAPI, with a trailing slash
	id      string
	summary string
	scopes  []string
	body    any // an example of the request body, or nil
	status  int // on success
	result  any // an example of the response
	perform func(call) (any, error)
}

// call is one request with its verified token.
type call struct {
	*http.Request
	token *resourceserver.Token
	teams *teams
}

// The scopes, in the order of the documentation.
var scopes = []struct{ name, description string }{
	{"chatbot:read", "See the team's chatbots"},
	{"chatbot:interact", "Send messages to the team's chatbots"},
	{"session:read", "See the team's sessions and what was said in them"},
	{"session:write", "Start sessions with the team's chatbots"},
}

// operations is the whole API.
var operations = []operation{
	{
		method: "GET", path: "/api/me/", id: "me", summary: "The person and the team that the token is for",
		status: 200, result: exampleMe, perform: call.me,
	},
	{
		method: "GET", path: "/api/chatbots/", id: "listChatbots", summary: "The team's chatbots", scopes: []string{"chatbot:read"},
		status: 200, result: list[Chatbot]{[]Chatbot{exampleChatbot}}, perform: call.listChatbots,
	},
	{
		method: "GET", path: "/api/chatbots/{id}/", id: "getChatbot", summary: "One chatbot", scopes: []string{"chatbot:read"},
		status: 200, result: exampleChatbot, perform: call.getChatbot,
	},
	{
		method: "POST", path: "/api/chatbots/{id}/messages/", id: "sendMessage", summary: "Send a message to a chatbot, in an existing or a new session", scopes: []string{"chatbot:interact"},
		body: newMessage{Message: "When do you open?", Session: exampleSession.ID}, status: 201, result: exampleExchange, perform: call.sendMessage,
	},
	{
		method: "GET", path: "/api/sessions/", id: "listSessions", summary: "The team's sessions, latest first", scopes: []string{"session:read"},
		status: 200, result: list[Session]{[]Session{exampleSession}}, perform: call.listSessions,
	},
	{
		method: "POST", path: "/api/sessions/", id: "startSession", summary: "Start a session with a chatbot", scopes: []string{"session:write"},
		body: newSession{Chatbot: exampleChatbot.ID, Participant: "Ines"}, status: 201, result: exampleSession, perform: call.startSession,
	},
	{
		method: "GET", path: "/api/sessions/{id}/", id: "getSession", summary: "One session with its messages", scopes: []string{"session:read"},
		status: 200, result: exampleTranscript, perform: call.getSession,
	},
}

// list is the response of every list operation.
type list[T any] struct {
	Results []T `json:"results"`
}

// Me is the content of the token.
type Me struct {
	Subject  string   `json:"sub"`
	ClientID string   `json:"client_id"`
	Team     string   `json:"team"`
	TeamID   string   `json:"team_id"`
	Scopes   []string `json:"scopes"`
}

func (c call) me() (any, error) {
	t := c.token
	return Me{Subject: t.Subject, ClientID: t.ClientID, Team: t.Team, TeamID: t.TeamID, Scopes: append([]string{}, t.Scopes...)}, nil
}

func (c call) listChatbots() (any, error) {
	return list[Chatbot]{c.teams.of(c.token).chatbots()}, nil
}

func (c call) getChatbot() (any, error) { return c.teams.of(c.token).chatbot(c.PathValue("id")) }

func (c call) listSessions() (any, error) {
	return list[Session]{c.teams.of(c.token).sessions()}, nil
}

func (c call) getSession() (any, error) { return c.teams.of(c.token).transcript(c.PathValue("id")) }

// newSession is the body of startSession.
type newSession struct {
	Chatbot     string `json:"chatbot"`
	Participant string `json:"participant,omitempty"`
}

func (c call) startSession() (any, error) {
	var body newSession
	if err := c.read(&body); err != nil {
		return nil, err
	}
	if body.Chatbot == "" {
		return nil, invalid(`"chatbot" is missing: send the id of one of the team's chatbots`)
	}
	participant := "API"
	if body.Participant != "" {
		var err error
		if participant, err = text("participant", body.Participant, 100); err != nil {
			return nil, err
		}
	}
	return c.teams.of(c.token).start(body.Chatbot, participant)
}

// newMessage is the body of sendMessage.
type newMessage struct {
	Message string `json:"message"`
	Session string `json:"session,omitempty"`
}

// Exchange is a message and the reply.
type Exchange struct {
	Session string  `json:"session"`
	Message Message `json:"message"`
	Reply   Message `json:"reply"`
}

func (c call) sendMessage() (any, error) {
	chatbot, err := c.teams.of(c.token).chatbot(c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	var body newMessage
	if err := c.read(&body); err != nil {
		return nil, err
	}
	message, err := text("message", body.Message, 2000)
	if err != nil {
		return nil, err
	}
	return c.teams.of(c.token).say(chatbot, body.Session, message)
}

// read decodes the body strictly. An unknown member is an error, so that misspellings are noticed.
func (c call) read(into any) error {
	if kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type")); kind != "application/json" {
		return invalid("send a JSON object with Content-Type: application/json")
	}
	raw, err := io.ReadAll(c.Body)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return invalid(fmt.Sprintf("%q must be a %s, not a %s", wrong.Field, wrong.Type, wrong.Value))
		}
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return invalid(name + " is not a known member")
		}
		return invalid("the body is not a JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return invalid("the body has something after its JSON object")
	}
	return nil
}

// text returns a required member of the body without surrounding white space. It has at most limit characters.
func text(member, value string, limit int) (string, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return "", invalid(fmt.Sprintf("%q is missing: send 1 to %d characters", member, limit))
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return "", invalid(fmt.Sprintf("%q has %d characters; at most %d are accepted", member, n, limit))
	}
	return value, nil
}

func byteCount(n int64) string { return fmt.Sprintf("%d KiB", n>>10) }
