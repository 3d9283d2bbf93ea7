package api

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// An example is not a database: everything is in memory, and what is too much is forgotten.
const (
	maxTeams    = 1000 // the one that was away longest begins anew
	maxSessions = 200  // per team; the oldest goes
	maxMessages = 100  // per session; the oldest go
)

// Chatbot is one of a team's chatbots.
type Chatbot struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Session is one conversation with a chatbot.
type Session struct {
	ID          string    `json:"id"`
	Chatbot     Reference `json:"chatbot"`
	Participant string    `json:"participant"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Reference names a chatbot inside a session.
type Reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Message is one thing that was said.
type Message struct {
	Role      string    `json:"role"` // user or assistant
	Content   string    `json:"content"`
	CreatedAt time.Time `json:"created_at"`
}

// Transcript is a session with what was said in it.
type Transcript struct {
	Session
	Messages []Message `json:"messages"`
}

// teams is every team's data, each under the team's stable id.
type teams struct {
	now  func() time.Time
	mu   sync.Mutex
	byID map[string]*teamData
}

func newTeams(now func() time.Time) *teams { return &teams{now: now, byID: map[string]*teamData{}} }

// of is the data of a token's team: the only way to any data. A team that was not seen before gets samples.
func (t *teams) of(token *resourceserver.Token) *teamData {
	t.mu.Lock()
	defer t.mu.Unlock()
	data := t.byID[token.TeamID]
	if data == nil {
		if len(t.byID) >= maxTeams {
			t.forgetOne()
		}
		data = sample(token.TeamID, token.Team, t.now)
		t.byID[token.TeamID] = data
	}
	data.used = t.now()
	return data
}

func (t *teams) forgetOne() {
	var oldest string
	for id, data := range t.byID {
		if oldest == "" || data.used.Before(t.byID[oldest].used) {
			oldest = id
		}
	}
	delete(t.byID, oldest)
}

// teamData is one team's chatbots and sessions.
type teamData struct {
	teamID string
	now    func() time.Time
	used   time.Time // guarded by teams.mu
	bots   []Chatbot // never changes

	mu      sync.Mutex
	talks   []*Transcript // the oldest first
	started int           // sessions ever, for their ids
}

func (d *teamData) chatbots() []Chatbot { return d.bots }

func (d *teamData) chatbot(id string) (Chatbot, error) {
	i := slices.IndexFunc(d.bots, func(b Chatbot) bool { return b.ID == id })
	if i < 0 {
		return Chatbot{}, errNoChatbot
	}
	return d.bots[i], nil
}

func (d *teamData) sessions() []Session {
	d.mu.Lock()
	defer d.mu.Unlock()
	sessions := make([]Session, 0, len(d.talks))
	for _, t := range slices.Backward(d.talks) {
		sessions = append(sessions, t.Session)
	}
	return sessions
}

func (d *teamData) transcript(id string) (Transcript, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := d.find(id)
	if err != nil {
		return Transcript{}, err
	}
	return Transcript{t.Session, slices.Clone(t.Messages)}, nil
}

func (d *teamData) find(id string) (*Transcript, error) {
	i := slices.IndexFunc(d.talks, func(t *Transcript) bool { return t.ID == id })
	if i < 0 {
		return nil, errNoSession
	}
	return d.talks[i], nil
}

func (d *teamData) start(chatbotID, participant string) (Session, error) {
	bot, err := d.chatbot(chatbotID)
	if err != nil {
		return Session{}, invalid(`"chatbot" is not the id of one of the team's chatbots`)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open(bot, participant, d.now()).Session, nil
}

// open adds a session. The caller holds mu, or is the only one who knows d.
func (d *teamData) open(bot Chatbot, participant string, at time.Time) *Transcript {
	d.started++
	at = at.UTC().Truncate(time.Second)
	t := &Transcript{Session: Session{
		ID: identifier(d.teamID, "session", d.started), Chatbot: Reference{bot.ID, bot.Name}, Participant: participant, CreatedAt: at, UpdatedAt: at,
	}, Messages: []Message{}}
	d.talks = append(d.talks, t)
	d.talks = slices.Delete(d.talks, 0, max(0, len(d.talks)-maxSessions))
	return t
}

// say adds a message and its reply to a session, a new one when sessionID is empty.
func (d *teamData) say(bot Chatbot, sessionID, message string) (Exchange, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var t *Transcript
	if sessionID == "" {
		t = d.open(bot, "API", d.now())
	} else {
		var err error
		if t, err = d.find(sessionID); err != nil || t.Chatbot.ID != bot.ID {
			return Exchange{}, invalid(`"session" is not the id of a session with this chatbot`)
		}
	}
	said, reply := t.add("user", message, d.now()), t.add("assistant", replyTo(bot, message), d.now())
	return Exchange{Session: t.ID, Message: said, Reply: reply}, nil
}

func (t *Transcript) add(role, content string, at time.Time) Message {
	m := Message{Role: role, Content: content, CreatedAt: at.UTC().Truncate(time.Second)}
	t.Messages = append(t.Messages, m)
	t.Messages = slices.Delete(t.Messages, 0, max(0, len(t.Messages)-maxMessages))
	t.UpdatedAt = m.CreatedAt
	return m
}

// replyTo is what an example can say.
func replyTo(bot Chatbot, message string) string {
	if short := []rune(message); len(short) > 80 {
		message = string(short[:79]) + "…"
	}
	return fmt.Sprintf("%s here. You said “%s”. I am an example and have nothing better to answer yet.", bot.Name, message)
}
