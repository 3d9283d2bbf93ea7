package mail

import (
	"embed"
	"fmt"
	html "html/template"
	"maps"
	"slices"
	"strings"
	text "text/template"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// letters is the template of each kind of message that is a mail. Each defines "subject" and "body"; the body is made of the components of
// html.tmpl and text.tmpl.
var letters = map[outbox.Kind]*letter{
	outbox.MailConnected:     parse("connected"),
	outbox.MailReplayed:      parse("replayed"),
	outbox.MailMemberRemoved: parse("member_removed"),
	outbox.MailTeamRemoved:   parse("team_removed"),
	outbox.MailUserDisabled:  parse("user_disabled"),
	outbox.MailInvitation:    parse("invitation"),
	outbox.MailSignUp:        parse("sign_up"),
	outbox.MailAccountClosed: parse("account_closed"),
	outbox.MailHasAccount:    parse("has_account"),
	outbox.MailPasswordReset: parse("password_reset"),
	outbox.MailAppAdded:      parse("app_added"),
	outbox.MailAppRemoved:    parse("app_removed"),
	outbox.MailPasskeyAdded:  parse("passkey_added"),
	outbox.MailPasskeyNamed:  parse("passkey_renamed"),
	outbox.MailPasskeyGone:   parse("passkey_removed"),
	outbox.MailPasskeyCloned: parse("passkey_cloned"),
	outbox.MailCodesMade:     parse("recovery_codes_made"),
	outbox.MailCodeUsed:      parse("recovery_code_used"),
	outbox.MailFactorsReset:  parse("factors_reset"),
	outbox.MailLinked:        parse("identity_linked"),
	outbox.MailUnlinked:      parse("identity_unlinked"),
	outbox.MailProveEmail:    parse("prove_email"),
	outbox.MailChangeEmail:   parse("change_email"),
	outbox.MailEmailChanged:  parse("email_changed"),
	outbox.MailEmailRestored: parse("email_restored"),
	outbox.MailEmailSet:      parse("email_set"),
	outbox.MailPassword:      parse("password"),
	outbox.MailAskedFor:      parse("application_asked_for"),
	outbox.MailApproved:      parse("application_approved"),
	outbox.MailDeclined:      parse("application_declined"),
}

// Kinds is the kinds of messages that are mails.
func Kinds() []outbox.Kind { return slices.Sorted(maps.Keys(letters)) }

// letter is one template, parsed for both forms in each language.
type letter struct {
	html map[*words.Catalogue]*html.Template
	text map[*words.Catalogue]*text.Template
}

//go:embed templates
var files embed.FS

//go:embed templates/mail.css
var style html.CSS

// parse reads a template. One that does not parse stops the program at its start.
func parse(name string) *letter {
	l := &letter{html: map[*words.Catalogue]*html.Template{}, text: map[*words.Catalogue]*text.Template{}}
	file := "templates/" + name + ".tmpl"
	for _, language := range words.Languages {
		functions := map[string]any{
			"lang": language.Code, "text": language.Text, "style": func() html.CSS { return style },
			"to":  func(key, url string) button { return button{Text: language.Text(key), URL: url} },
			"all": func(list ...string) []string { return list },
		}
		l.html[language] = html.Must(html.New(name).Funcs(functions).ParseFS(files, "templates/html.tmpl", file))
		l.text[language] = text.Must(text.New(name).Funcs(functions).ParseFS(files, "templates/text.tmpl", file))
	}
	return l
}

// button is a link to a page of ours.
type button struct{ Text, URL string }

// content is what the templates say.
type content struct {
	reader
	Email        string
	Person       string
	Application  string // its name
	Described    string // its name, and who made it where that is known
	Team         string
	Inviter      string // the name of who invites, or ""
	Time         string
	Server       string
	PublicURL    string
	Permissions  []string
	Ended        []string // names of the applications that lost their access
	Applications string   // the page where people end connections
	Password     string   // the page where people set a password
	Security     string   // the page about how people sign in
	Forgot       string   // the page that sends a link to set a new password
	SignIn       string   // the sign-in page
	HasAccount   bool     // somebody wanted to sign up who has an account
	Link         string   // the link that the mail is for
	Asker        string   // the name of who asks for the application
	Reason       string   // of an admin, or ""
	Requests     string   // the page where admins answer requests
	Start        string   // the link that starts the application's sign-in, or ""
}

// write makes the mail of a kind.
func write(language *words.Catalogue, kind outbox.Kind, about content) (Mail, error) {
	l := letters[kind]
	var subject, plain, page strings.Builder
	for _, part := range []struct {
		into *strings.Builder
		run  func(b *strings.Builder) error
	}{
		{&subject, func(b *strings.Builder) error { return l.text[language].ExecuteTemplate(b, "subject", about) }},
		{&plain, func(b *strings.Builder) error { return l.text[language].ExecuteTemplate(b, "mail", about) }},
		{&page, func(b *strings.Builder) error { return l.html[language].ExecuteTemplate(b, "mail", about) }},
	} {
		if err := part.run(part.into); err != nil {
			return Mail{}, fmt.Errorf("write %s: %w", kind, err)
		}
	}
	return Mail{To: about.Email, Subject: subject.String(), Text: plain.String(), HTML: page.String()}, nil
}
