package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// Mail is one e-mail: plain text, in plain words.
type Mail struct {
	To      string
	Subject string
	Text    string
}

// String is the mail as the demo prints it.
func (m Mail) String() string {
	return fmt.Sprintf("To: %s\nSubject: %s\n\n%s", m.To, m.Subject, m.Text)
}

// accountPage is where people end connections.
func (a *App) accountPage() string { return a.Config.PublicURL + "/account/applications/" }

// passwordPage is where people give themselves a new password.
func (a *App) passwordPage() string { return a.Config.PublicURL + "/account/password/" }

// connectedMail tells a person about a new connection, so that one which they did not make does not go unnoticed.
func (a *App) connectedMail(g authz.GrantDetail, at time.Time) Mail {
	return Mail{
		To:      g.User.Email,
		Subject: fmt.Sprintf("%s was connected to %s", g.Client.Name, g.Team.Name),
		Text: fmt.Sprintf(`Hello %s,

the application %s can now reach the team %s for you.
It was connected on %s, with your account at %s.

It may:
%s
If that was you, there is nothing to do.

If it was not you, or you no longer want it, end the connection here:

  %s

It stops working at once. If it was not you, somebody else has used your
account; give it a new password as well:

  %s

%s
`,
			g.User.Name, application(g.Client), g.Team.Name, longTime(at), a.Config.ServerName, a.permissions(g), a.accountPage(), a.passwordPage(), a.signature()),
	}
}

// replayedMail tells a person that a refresh token came back after it had been used, what that means, and what to do.
func (a *App) replayedMail(g authz.GrantDetail, at time.Time) Mail {
	return Mail{
		To:      g.User.Email,
		Subject: fmt.Sprintf("%s was disconnected from %s, to be safe", g.Client.Name, g.Team.Name),
		Text: fmt.Sprintf(`Hello %s,

an application that you connected renews its access with a key that works only
once. On %s an old key of this application came back:

  %s, in the team %s

Either the application made a mistake, or somebody has a copy of its key. Nobody
can tell which from here, so the access that hung on this key was ended, for the
application and for whoever else has the key. Your password is not affected.

What to do:

- If the application asks you to connect it again, and you still trust it, do.
- If this happens again, tell those who make the application.
- To end everything that it may do for you instead, go to

  %s

%s
`,
			g.User.Name, longTime(at), application(g.Client), g.Team.Name, a.accountPage(), a.signature()),
	}
}

// application is a client's name, and who stands behind it where that is known.
func application(c client.Client) string {
	if c.Owner == "" {
		return c.Name
	}
	return fmt.Sprintf("%s (by %s)", c.Name, c.Owner)
}

// permissions is what a grant allows, a line for each scope.
func (a *App) permissions(g authz.GrantDetail) string {
	var b strings.Builder
	for _, s := range a.Authz.Describe(g.Scope) {
		fmt.Fprintf(&b, "- %s\n", s.Description)
	}
	return b.String()
}

func (a *App) signature() string {
	return fmt.Sprintf("%s\n%s", a.Config.ServerName, a.Config.PublicURL)
}

// longTime is a time in words. A server does not know where its people are.
func longTime(at time.Time) string { return at.UTC().Format("2 January 2006 at 15:04 UTC") }
