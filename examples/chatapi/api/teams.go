package api

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// The example keeps everything in memory, within these limits.
const (
	maxTeams    = 1000 // beyond that, the team that was used least recently is deleted
	maxSessions = 200  // per team; beyond that, the oldest is deleted
	maxMessages = 100  // per session; beyond that, the oldest are deleted
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

// Message is one message of a session.
type Message struct {
	Role      string    `json:"role"` // user or assistant
	Content   string    `json:"content"`
	CreatedAt time.Time `json:"created_at"`
}

// Transcript is a session with its messages.
type Transcript struct {
	Session
	Messages []Message `json:"messages"`
}

// teams holds the data of every team, by the team's stable id.
type teams struct {
	now  func() time.Time
	mu   sync.Mutex
	byID map[string]*teamData
}

func newTeams(now func() time.Time) *teams { return &teams{now: now, byID: map[string]*teamData{}} }

// of returns the data of a token's team. There is no other way to reach data. A new team gets samples.
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
	talks   []*Transcript // oldest first
	started int           // number of sessions ever started, for their ids
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

// open adds a session. The caller holds mu, or d is not shared yet.
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

// say adds a message and its reply to a session. If sessionID is empty, it starts a new session.
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

// replyTo returns the chatbot's reply.
func replyTo(bot Chatbot, message string) string {
	if short := []rune(message); len(short) > 80 {
		message = string(short[:79]) + "…"
	}
	return fmt.Sprintf("%s here. You said “%s”. I am an example, so I have no better answer.", bot.Name, message)
}
