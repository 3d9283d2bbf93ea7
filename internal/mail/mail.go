// Package mail sends the mails of the outbox: what they say, and how they reach the mail server.
//
// A mail is a template in templates/, whose texts are in package words. It holds no secret.
package mail

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Mail is one mail: plain text, in plain words.
type Mail struct {
	ID      string // of the message in the outbox
	To      string
	Subject string
	Text    string
}

// String is the mail as the demo prints it.
func (m Mail) String() string {
	return fmt.Sprintf("To: %s\nSubject: %s\n\n%s", m.To, m.Subject, m.Text)
}

// Sender sends one mail.
type Sender func(context.Context, Mail) error

// Courier writes and sends the mails of the outbox.
type Courier struct {
	Grants interface {
		Grants(ctx context.Context, f authz.GrantFilter) ([]authz.GrantDetail, error)
	}
	People interface {
		User(ctx context.Context, id team.UserID) (team.User, error)
	}
	Describe   func(oauth.Scope) []scope.Info // what a scope allows
	Send       Sender                         // nil: no mail is sent
	ServerName string
	PublicURL  string
}

// templates is the mail of each kind of message. Each defines "subject" and "text".
var templates = map[outbox.Kind]*template.Template{
	outbox.MailConnected:     parse("connected"),
	outbox.MailReplayed:      parse("replayed"),
	outbox.MailMemberRemoved: parse("member_removed"),
	outbox.MailTeamRemoved:   parse("team_removed"),
	outbox.MailUserDisabled:  parse("user_disabled"),
	outbox.MailAppAdded:      parse("app_added"),
	outbox.MailAppRemoved:    parse("app_removed"),
	outbox.MailPasskeyAdded:  parse("passkey_added"),
	outbox.MailPasskeyNamed:  parse("passkey_renamed"),
	outbox.MailPasskeyGone:   parse("passkey_removed"),
	outbox.MailPasskeyCloned: parse("passkey_cloned"),
	outbox.MailCodesMade:     parse("recovery_codes_made"),
	outbox.MailCodeUsed:      parse("recovery_code_used"),
	outbox.MailFactorsReset:  parse("factors_reset"),
}

//go:embed templates
var files embed.FS

func parse(name string) *template.Template {
	functions := template.FuncMap{"text": words.English.Text}
	return template.Must(template.New(name).Funcs(functions).ParseFS(files, "templates/signature.tmpl", "templates/"+name+".tmpl"))
}

// Kinds is the kinds of messages that are mails.
func Kinds() []outbox.Kind { return slices.Sorted(maps.Keys(templates)) }

// Deliver sends the mail of a message. outbox.ErrObsolete when there is nothing to tell any more.
func (c *Courier) Deliver(ctx context.Context, m outbox.Message) error {
	if c.Send == nil {
		return outbox.ErrObsolete
	}
	about := content{
		Time: longTime(m.CreatedAt), Server: c.ServerName, PublicURL: c.PublicURL,
		Applications: c.PublicURL + "/account/applications/", Password: c.PublicURL + "/account/password/", Security: c.PublicURL + "/account/security/",
		Team: m.TeamName, Ended: m.Applications,
	}
	fill := c.fillPerson
	if m.Kind == outbox.MailConnected || m.Kind == outbox.MailReplayed {
		fill = c.fillGrant
	}
	if err := fill(ctx, m, &about); err != nil {
		return err
	}
	mail, err := write(m.Kind, about)
	if err != nil {
		return err
	}
	mail.ID = m.ID
	return c.Send(ctx, mail)
}

// content is what the templates say.
type content struct {
	Email        string
	Person       string
	Application  string // its name
	Described    string // its name, and who made it where that is known
	Team         string
	Time         string
	Server       string
	PublicURL    string
	Permissions  []string
	Ended        []string // names of the applications that lost their access
	Applications string   // the page where people end connections
	Password     string   // the page where people set a password
	Security     string   // the page about how people sign in
}

// fillGrant fills in the person, application and team of a message about a grant, unless the grant has ended.
func (c *Courier) fillGrant(ctx context.Context, m outbox.Message, about *content) error {
	grants, err := c.Grants.Grants(ctx, authz.GrantFilter{
		User: team.UserID(m.User), Client: oauth.ClientID(m.Client), Team: team.ID(m.Team),
	})
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		return outbox.ErrObsolete
	}
	g := grants[0]
	about.Email, about.Person, about.Application, about.Described, about.Team = g.User.Email, g.User.Name, g.Client.Name, described(g.Client), g.Team.Name
	for _, s := range c.Describe(g.Scope) {
		about.Permissions = append(about.Permissions, s.Description)
	}
	return nil
}

// fillPerson fills in the person of a message. Nobody is told that they were disabled who has been enabled again.
func (c *Courier) fillPerson(ctx context.Context, m outbox.Message, about *content) error {
	person, err := c.People.User(ctx, team.UserID(m.User))
	if errors.Is(err, team.ErrNoUser) || err == nil && m.Kind == outbox.MailUserDisabled && person.DisabledAt.IsZero() {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("load the person to tell: %w", err)
	}
	about.Email, about.Person = person.Email, person.Name
	return nil
}

func write(kind outbox.Kind, about content) (Mail, error) {
	var subject, text strings.Builder
	t := templates[kind]
	if err := t.ExecuteTemplate(&subject, "subject", about); err != nil {
		return Mail{}, fmt.Errorf("write the subject of %s: %w", kind, err)
	}
	if err := t.ExecuteTemplate(&text, "text", about); err != nil {
		return Mail{}, fmt.Errorf("write %s: %w", kind, err)
	}
	return Mail{To: about.Email, Subject: subject.String(), Text: text.String()}, nil
}

// described is a client's name, and who made it where that is known.
func described(c client.Client) string {
	if c.Owner == "" {
		return c.Name
	}
	return words.English.Text("mail.application", "name", c.Name, "owner", c.Owner)
}

// longTime is a time in words, in UTC: a server does not know where its people are.
func longTime(at time.Time) string {
	at = at.UTC()
	return words.English.Text("mail.time", "date", words.English.Date(at), "time", at.Format("15:04"))
}
