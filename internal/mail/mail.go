// Package mail sends the mails of the outbox: what they say, and how they reach the mail server.
//
// A mail is a template in templates/, whose texts are in package words. It holds no secret.
package mail

import (
	"context"
	"embed"
	"fmt"
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
	Describe   func(oauth.Scope) []scope.Info // what a scope allows
	Send       Sender                         // nil: no mail is sent
	ServerName string
	PublicURL  string
}

// templates is the mail of each kind of message. Each defines "subject" and "text".
var templates = map[outbox.Kind]*template.Template{
	outbox.MailConnected: parse("connected"),
	outbox.MailReplayed:  parse("replayed"),
}

//go:embed templates
var files embed.FS

func parse(name string) *template.Template {
	functions := template.FuncMap{"text": words.English.Text}
	return template.Must(template.New(name).Funcs(functions).ParseFS(files, "templates/signature.tmpl", "templates/"+name+".tmpl"))
}

// Kinds is the kinds of messages that are mails.
func Kinds() []outbox.Kind { return []outbox.Kind{outbox.MailConnected, outbox.MailReplayed} }

// Deliver sends the mail of a message. When the grant that it is about has gone, there is nothing to tell any more.
func (c *Courier) Deliver(ctx context.Context, m outbox.Message) error {
	if c.Send == nil {
		return outbox.ErrObsolete
	}
	grants, err := c.Grants.Grants(ctx, authz.GrantFilter{
		User: team.UserID(m.User), Client: oauth.ClientID(m.Client), Team: team.ID(m.Team),
	})
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		return outbox.ErrObsolete
	}
	mail, err := c.write(m, grants[0])
	if err != nil {
		return err
	}
	return c.Send(ctx, mail)
}

// content is what the templates say.
type content struct {
	Person       string
	Application  string // its name
	Described    string // its name, and who made it where that is known
	Team         string
	Time         string
	Server       string
	PublicURL    string
	Permissions  []string
	Applications string // the page where people end connections
	Password     string // the page where people set a password
}

func (c *Courier) write(m outbox.Message, g authz.GrantDetail) (Mail, error) {
	about := content{
		Person: g.User.Name, Application: g.Client.Name, Described: described(g.Client), Team: g.Team.Name,
		Time: longTime(m.CreatedAt), Server: c.ServerName, PublicURL: c.PublicURL,
		Applications: c.PublicURL + "/account/applications/", Password: c.PublicURL + "/account/password/",
	}
	for _, s := range c.Describe(g.Scope) {
		about.Permissions = append(about.Permissions, s.Description)
	}
	var subject, text strings.Builder
	t := templates[m.Kind]
	if err := t.ExecuteTemplate(&subject, "subject", about); err != nil {
		return Mail{}, fmt.Errorf("write the subject of %s: %w", m.Kind, err)
	}
	if err := t.ExecuteTemplate(&text, "text", about); err != nil {
		return Mail{}, fmt.Errorf("write %s: %w", m.Kind, err)
	}
	return Mail{To: g.User.Email, Subject: subject.String(), Text: text.String()}, nil
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
