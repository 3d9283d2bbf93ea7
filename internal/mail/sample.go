package mail

import (
	"net/url"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Sample is a mail of a kind with made-up content, for a look at it without any event.
func Sample(language *words.Catalogue, kind outbox.Kind, server, publicURL string) (Mail, error) {
	return write(language, kind, content{
		reader: reader{Language: language},
		Email:  "ada@example.com", Person: "Ada Obi", Application: "Weekly Report", Described: "Weekly Report (by Ferris Analytics)", Team: "Clinic North", Inviter: "Ben Sand",
		Time: reader{Language: language}.time(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), Server: server, PublicURL: publicURL,
		Permissions:  []string{"See the team’s chatbots", "Start sessions"},
		Ended:        []string{"Shift Planner", "Weekly Report"},
		Applications: publicURL + "/account/applications/", Password: publicURL + "/account/password/", Security: publicURL + "/account/security/", Forgot: publicURL + "/login/forgot/", SignIn: publicURL + "/login/",
		Asker: "Ben Sand", Reason: "Reports go through our own warehouse.", Requests: publicURL + "/teams/clinic-north/applications/requests/", Start: "https://report.example/start?iss=" + url.QueryEscape(publicURL),
		Link: publicURL + linkOf[kind].Path() + "?link=gh_ln_SAMPLE.SAMPLE.a-sample-of-a-link-that-leads-nowhere-43-chars",
	})
}

// linkOf is the kind of the link in a mail.
var linkOf = map[outbox.Kind]team.LinkKind{
	outbox.MailPasswordReset: team.LinkReset, outbox.MailProveEmail: team.LinkProve, outbox.MailChangeEmail: team.LinkChange,
	outbox.MailEmailChanged: team.LinkUndo, outbox.MailInvitation: team.LinkInvite, outbox.MailSignUp: team.LinkSignUp,
}
