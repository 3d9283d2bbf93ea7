package api

import (
	"crypto/sha256"
	"encoding/base32"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// roles are the jobs of the sample chatbots. A team gets three consecutive ones, chosen by its slug, with its name in front.
var roles = []struct{ name, description string }{
	{"Front Desk", "Answers common questions: opening hours, directions, contacts."},
	{"Reading Coach", "Picks a text at the reader's level and asks about it afterwards."},
	{"Appointment Book", "Finds a time that suits everybody and reminds them a day before."},
	{"Harvest Helper", "Looks at the weather and says what to sow, water and pick this week."},
	{"Night Line", "Listens when nobody else is awake, and knows when to call a person."},
	{"Travel Desk", "Plans the way there and back, and what to do when the train is late."},
	{"Stock Room", "Counts what is left and orders what is running out."},
	{"Study Buddy", "Makes small exercises of what was learned last week."},
	{"Repair Bench", "Asks what broke, tells what to try, and books a visit when it has to."},
	{"Kitchen Table", "Turns what is in the cupboard into three meals."},
	{"Welcome Guide", "Shows newcomers around in their first month."},
}

// talks are the messages of the sample sessions. Person and chatbot take turns; the person starts.
var talks = []struct {
	participant string
	said        []string
}{
	{"Ines", []string{"Hello! Are you there on Saturdays?", "Yes, from nine to one. Shall I put you down for a time?", "Ten, please.", "Done: Saturday at ten."}},
	{"Tomás", []string{"I am new here. Where do I begin?", "Welcome! Tell me what you would like to do first, and I will take you there."}},
	{"Mei", []string{"Can you send me what we talked about last week?", "I can read it to you: we settled on three small steps, and you have done two of them.", "Good. On to the third, then."}},
}

// sample returns the initial data of a team. It is the same at every start, and clearly different between teams.
func sample(teamID, slug string, now func() time.Time) *teamData {
	d := &teamData{teamID: teamID, now: now}
	hash := fnv.New32a()
	hash.Write([]byte(slug))
	first := int(hash.Sum32() % uint32(len(roles)))
	for i := range 3 {
		role := roles[(first+i)%len(roles)]
		d.bots = append(d.bots, Chatbot{ID: identifier(teamID, "chatbot", i+1), Name: title(slug) + " " + role.name, Description: role.description})
	}
	for i, talk := range talks {
		at := now().Add(-time.Duration(len(talks)-i) * 26 * time.Hour)
		t := d.open(d.bots[i%len(d.bots)], talk.participant, at)
		for turn, content := range talk.said {
			role := []string{"user", "assistant"}[turn%2]
			t.add(role, content, at.Add(time.Duration(turn)*time.Minute))
		}
	}
	return d
}

// title turns "north-clinic" into "North Clinic".
func title(slug string) string {
	var words []string
	for word := range strings.SplitSeq(slug, "-") {
		if word != "" {
			words = append(words, strings.ToUpper(word[:1])+word[1:])
		}
	}
	return strings.Join(words, " ")
}

// identifier returns the id of a team's n-th object of a kind. Ids differ between teams.
func identifier(teamID, kind string, n int) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + teamID + "\x00" + strconv.Itoa(n)))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:16])
}

// The examples in the documentation.
var (
	exampleTime       = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	exampleMe         = Me{Subject: "QK7V2M4Z…", ClientID: "X5RW3TDN…", Team: "acme", TeamID: "HJ2PLC6Y…", Scopes: []string{"chatbot:read", "session:read"}}
	exampleChatbot    = Chatbot{ID: "mz4x7qk2c5gw6r3a", Name: "Acme Front Desk", Description: roles[0].description}
	exampleSession    = Session{ID: "p6h2vt5ynw3kq7ds", Chatbot: Reference{exampleChatbot.ID, exampleChatbot.Name}, Participant: "Ines", CreatedAt: exampleTime, UpdatedAt: exampleTime}
	exampleMessage    = Message{Role: "user", Content: "When do you open?", CreatedAt: exampleTime}
	exampleReply      = Message{Role: "assistant", Content: "At nine. Shall I put you down for a time?", CreatedAt: exampleTime}
	exampleTranscript = Transcript{exampleSession, []Message{exampleMessage, exampleReply}}
	exampleExchange   = Exchange{Session: exampleSession.ID, Message: exampleMessage, Reply: exampleReply}
)
