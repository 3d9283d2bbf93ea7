package teams

import (
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// actorCommandLine is the actor of an event that an operator caused on the command line (audit.Event).
const actorCommandLine = "command line"

// kinds are the kinds of events that can happen in a team, in the order of the list to choose from. The words for a kind are
// "event.KIND" and, in that list, "event.KIND.label".
var kinds = []audit.Kind{
	audit.ConsentGiven, audit.ConsentDenied, audit.GrantRevoked, audit.TokenIssued, audit.TokenRefreshed, audit.TokenRevoked,
	audit.MachineToken, audit.RefreshReplayed, audit.RefreshRetried, audit.CodeReplayed, audit.RefreshRefused, audit.CodeRefused, audit.ClientAuthFailed, audit.LimitReached,
	audit.PolicyChanged, audit.ClientAskedFor, audit.ClientAskedAgain, audit.RequestWithdrawn, audit.ClientApproved, audit.ClientDeclined, audit.ApprovalRemoved, audit.ClientCut,
	audit.ClientBlocked, audit.ClientUnblocked, audit.ClientAdded, audit.ClientUpdated, audit.SecretRotated, audit.ClientDisabled,
	audit.ClientEnabled, audit.ClientRemoved, audit.MemberAdded, audit.MemberRemoved, audit.MemberRoleChanged, audit.InvitationSent, audit.InvitationWithdrawn, audit.InvitationAccepted, audit.InvitationDeclined, audit.TeamAdded, audit.TeamRenamed, audit.TeamFactor, audit.TeamProvider, audit.TeamRemoved,
}

// knownKind is a kind that can be chosen, else "": any.
func knownKind(kind string) audit.Kind {
	if slices.Contains(kinds, audit.Kind(kind)) {
		return audit.Kind(kind)
	}
	return ""
}

// filterOf is the form that chooses a kind.
func filterOf(page string, chosen audit.Kind) ui.Filter {
	f := ui.Filter{
		Action: page, Name: "kind", Label: ui.Text("history.show"), Everything: ui.Text("history.everything"), ButtonLabel: ui.Text("history.show"),
	}
	for _, kind := range kinds {
		f.Choices = append(f.Choices, ui.Choice{Value: string(kind), Label: ui.Text("event." + string(kind) + ".label"), Chosen: kind == chosen})
	}
	return f
}

// sentence is an event in words, with the names of the people and applications. An event of a kind that is newer than this server is
// its kind.
func sentence(e audit.Entry) ui.Words {
	key := "event." + string(e.Kind)
	if own := key + ".own"; e.Actor == e.User && words.English.Has(own) {
		key = own // the person is not named twice
	}
	if !words.English.Has(key) {
		return ui.Text("event.unknown", "kind", string(e.Kind))
	}
	var arguments []any
	for _, piece := range words.English.Message(key, 0) {
		if piece.Kind != words.Argument {
			continue
		}
		arguments = append(arguments, piece.Text, who(piece.Text, e))
	}
	return ui.Text(key, arguments...)
}

// who is the actor, user or client of an event: a name, or words for somebody without one.
func who(role string, e audit.Entry) any {
	name, id, gone := e.UserName, e.User, "history.somebody_gone"
	switch role {
	case "client":
		name, id, gone = e.ClientName, e.Client, "history.application_gone"
	case "actor":
		if e.Actor == actorCommandLine {
			return ui.Somebody("history.operator")
		}
		name, id = e.ActorName, e.Actor
		if strings.HasPrefix(e.Actor, "client:") {
			gone = "history.application_gone"
		}
	}
	switch {
	case id == "":
		return ui.Somebody("history.somebody_unknown")
	case name == "":
		return ui.Somebody(gone)
	}
	return ui.Strong(name)
}
