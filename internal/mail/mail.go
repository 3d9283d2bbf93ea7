// Package mail sends the mails of the outbox: what they say, how they look, and how they reach the mail server.
//
// A mail is one template in templates/, which makes its plain text and its HTML. Its texts are in package words. To add a kind: a kind and a rule in
// package outbox, the template, its row in the table in letter.go, a sample in sample.go, and the texts.
package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Mail is one mail: the same in plain text and in HTML.
type Mail struct {
	ID      string // of the message in the outbox
	To      string
	Subject string
	Text    string
	HTML    string
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
		UserByEmail(ctx context.Context, email string) (team.User, error)
		Profile(ctx context.Context, id team.UserID) (team.Profile, error)
	}
	Links   team.Links
	Invited interface {
		InvitationOf(ctx context.Context, link team.LinkID) (team.Invitation, error)
	}
	Newcomers interface {
		Newcomer(ctx context.Context, link team.LinkID) (team.Newcomer, error)
	}
	Governed interface {
		Rows(ctx context.Context, team team.ID) ([]govern.Row, error)
		Requests(ctx context.Context, team team.ID, now time.Time) ([]govern.Request, error)
		Client(ctx context.Context, id oauth.ClientID) (client.Client, error)
		Memberships(ctx context.Context, user team.UserID) ([]team.Membership, error)
	}
	Keys       *token.Keyring // makes the secrets of links
	Now        func() time.Time
	Describe   func(oauth.Scope) []scope.Info // what a scope allows
	Send       Sender                         // nil: no mail is sent
	ServerName string
	PublicURL  string
	Language   *words.Catalogue // for people who have chosen none; nil is English
}

// reader is who reads a mail.
type reader struct {
	Language *words.Catalogue
	zone     *time.Location // nil is UTC
}

// reader is the reader of a mail to a person; "" is an address without an account.
func (c *Courier) reader(ctx context.Context, user team.UserID) (reader, error) {
	var profile team.Profile
	if user != "" {
		var err error
		if profile, err = c.People.Profile(ctx, user); err != nil && !errors.Is(err, team.ErrNoUser) {
			return reader{}, fmt.Errorf("load the profile of the person to tell: %w", err)
		}
	}
	return reader{words.Choose(words.Wishes{Setting: profile.Language}, c.Language), profile.Location()}, nil
}

// time is a moment in words, in the reader's time zone.
func (r reader) time(at time.Time) string {
	at = at.UTC()
	if r.zone != nil {
		at = at.In(r.zone)
	}
	return r.Language.Text("mail.time", "date", r.Language.Date(at), "time", at.Format("15:04"), "zone", words.Zone(at))
}

// described is a client's name, and who made it where that is known.
func (r reader) described(c client.Client) string {
	if c.Owner == "" {
		return c.Name
	}
	return r.Language.Text("mail.application", "name", c.Name, "owner", c.Owner)
}

// Deliver sends the mail of a message. outbox.ErrObsolete when there is nothing to tell any more.
func (c *Courier) Deliver(ctx context.Context, m outbox.Message) error {
	if c.Send == nil {
		return outbox.ErrObsolete
	}
	about := content{
		Server: c.ServerName, PublicURL: c.PublicURL,
		Applications: c.PublicURL + "/account/applications/", Password: c.PublicURL + "/account/password/", Security: c.PublicURL + "/account/security/", Forgot: c.PublicURL + "/login/forgot/",
		SignIn: c.PublicURL + "/login/",
		Team:   m.TeamName, Ended: m.Applications,
	}
	kind, fill := m.Kind, c.fillPerson
	switch {
	case m.Kind == outbox.MailConnected || m.Kind == outbox.MailReplayed:
		fill = c.fillGrant
	case m.Kind == outbox.MailAskedFor || m.Kind == outbox.MailApproved || m.Kind == outbox.MailDeclined:
		fill = c.fillGoverned
	case m.Kind == outbox.MailSignUp:
		fill = c.fillSignUp
	case m.Kind == outbox.MailAccountClosed:
		fill = c.fillGone
	case m.Link != "":
		fill = c.fillLink
	}
	if err := fill(ctx, m, &about); err != nil {
		return err
	}
	about.Time = about.reader.time(m.CreatedAt)
	if about.HasAccount {
		kind = outbox.MailHasAccount
	}
	mail, err := write(about.Language, kind, about)
	if err != nil {
		return err
	}
	mail.ID = m.ID
	return c.Send(ctx, mail)
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
	if about.reader, err = c.reader(ctx, g.User.ID); err != nil {
		return err
	}
	about.Email, about.Person, about.Application, about.Described, about.Team = g.User.Email, g.User.Name, g.Client.Name, about.described(g.Client), g.Team.Name
	for _, s := range c.Describe(g.Scope) {
		about.Permissions = append(about.Permissions, s.In(about.Language))
	}
	return nil
}

// fillGoverned fills in the person and the application of a message about a team's decision, or about a request for one. There is nothing to tell when the
// request was answered or withdrawn meanwhile, or the approval taken back.
func (c *Courier) fillGoverned(ctx context.Context, m outbox.Message, about *content) error {
	if err := c.fillPerson(ctx, m, about); err != nil {
		return err
	}
	id := team.ID(m.Team)
	application, err := c.Governed.Client(ctx, oauth.ClientID(m.Client))
	if errors.Is(err, client.ErrNoClient) {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("load the application of a request: %w", err)
	}
	about.Application, about.Described = application.Name, about.described(application)
	if m.Kind == outbox.MailAskedFor {
		return c.fillRequest(ctx, m, about)
	}
	rows, err := c.Governed.Rows(ctx, id)
	if err != nil {
		return fmt.Errorf("load what the team decided: %w", err)
	}
	i := slices.IndexFunc(rows, func(row govern.Row) bool { return row.Client == application.ID })
	if m.Kind == outbox.MailDeclined {
		if i >= 0 && rows[i].State == govern.Declined {
			about.Reason = rows[i].Reason
		}
		return nil
	}
	if i < 0 || rows[i].State != govern.Approved {
		return outbox.ErrObsolete
	}
	if application.InitiateLoginURI != "" {
		about.Start = oauth.InitiateLogin(application.InitiateLoginURI, c.PublicURL)
	}
	about.Permissions = nil
	for _, s := range c.Describe(rows[i].Scope) {
		about.Permissions = append(about.Permissions, s.In(about.Language))
	}
	return nil
}

// fillRequest fills in who asks for an application, and the page where an admin answers, if the person is still one.
func (c *Courier) fillRequest(ctx context.Context, m outbox.Message, about *content) error {
	requests, err := c.Governed.Requests(ctx, team.ID(m.Team), c.Now())
	if err != nil {
		return fmt.Errorf("load the requests of a team: %w", err)
	}
	i := slices.IndexFunc(requests, func(r govern.Request) bool { return string(r.Client) == m.Client })
	if i < 0 {
		return outbox.ErrObsolete
	}
	memberships, err := c.Governed.Memberships(ctx, team.UserID(m.User))
	if err != nil {
		return fmt.Errorf("load the teams of an admin: %w", err)
	}
	in := slices.IndexFunc(memberships, func(in team.Membership) bool { return string(in.Team.ID) == m.Team && in.Role == team.Admin })
	if in < 0 {
		return outbox.ErrObsolete
	}
	about.Asker, about.Requests = requests[i].Name, c.PublicURL+"/teams/"+memberships[in].Team.Slug+"/applications/requests/"
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
	about.Email, about.Person = cmp.Or(m.Email, person.Email), person.Name
	about.reader, err = c.reader(ctx, person.ID)
	return err
}

// fillLink fills in the link of a message and the person that it is for. A link that was used or has expired is not sent, nor is one that resets
// the password of nobody.
func (c *Courier) fillLink(ctx context.Context, m outbox.Message, about *content) error {
	link, err := c.Links.Link(ctx, team.LinkID(m.Link), c.Now())
	if err == nil {
		err = link.Works(c.Now())
	}
	if errors.Is(err, team.ErrLinkExpired) || errors.Is(err, team.ErrLinkUsed) || err == nil && link.User == "" && link.Kind == team.LinkReset {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("load the link to send: %w", err)
	}
	about.Email, about.Link = link.Email, link.URL(c.Keys, c.PublicURL)
	if about.reader, err = c.reader(ctx, link.User); err != nil {
		return err
	}
	if link.Kind == team.LinkInvite {
		i, err := c.Invited.InvitationOf(ctx, link.ID)
		if errors.Is(err, team.ErrNoInvitation) {
			return outbox.ErrObsolete
		}
		about.Team, about.Inviter = i.Team.Name, i.ByName
		return err
	}
	if link.User == "" {
		return nil
	}
	person, err := c.People.User(ctx, link.User)
	if errors.Is(err, team.ErrNoUser) || err == nil && !person.DisabledAt.IsZero() {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("load the person of a link: %w", err)
	}
	about.Person = person.Name
	return nil
}

// fillSignUp fills in the link to sign up with an address; for an address that has an account, who has it. A disabled person gets no mail, as when they
// ask for a new password. What a stranger typed as a name is not in the mail: anybody could send their words to any address.
func (c *Courier) fillSignUp(ctx context.Context, m outbox.Message, about *content) error {
	link, err := c.Links.Link(ctx, team.LinkID(m.Link), c.Now())
	if err == nil {
		err = link.Works(c.Now())
	}
	var asked team.Newcomer
	if err == nil {
		asked, err = c.Newcomers.Newcomer(ctx, link.ID)
	}
	if errors.Is(err, team.ErrLinkExpired) || errors.Is(err, team.ErrLinkUsed) {
		return outbox.ErrObsolete
	}
	if err != nil {
		return fmt.Errorf("load the link to send: %w", err)
	}
	person, err := c.People.UserByEmail(ctx, link.Email)
	if err != nil && !errors.Is(err, team.ErrNoUser) {
		return fmt.Errorf("look for the account of an address: %w", err)
	}
	if err == nil && !person.DisabledAt.IsZero() {
		return outbox.ErrObsolete
	}
	if err == nil && person.EmailVerified {
		about.Email, about.Person, about.HasAccount = person.Email, person.Name, true
		about.reader, err = c.reader(ctx, person.ID)
		return err
	}
	about.Email, about.Link = link.Email, link.URL(c.Keys, c.PublicURL)
	about.reader = reader{Language: words.Choose(words.Wishes{Setting: asked.Language}, c.Language)}
	return nil
}

// fillGone fills in a message to somebody who has no account any more: what is known of them is in the message.
func (c *Courier) fillGone(_ context.Context, m outbox.Message, about *content) error {
	about.Email, about.reader = m.Email, reader{Language: words.Choose(words.Wishes{Setting: m.Language}, c.Language)}
	return nil
}
