package web

import (
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
)

// actorCommandLine is who acts on the command line (audit.Event).
const actorCommandLine = "command line"

// eventWords is a kind of event as pages say it. {actor}, {user} and {client} stand for names.
type eventWords struct {
	kind     audit.Kind
	label    string // in the list of kinds
	sentence string
}

// auditWords is every kind of event, in the order of the list to choose from.
var auditWords = []eventWords{
	{kind: audit.ConsentGiven, label: "Application authorized", sentence: "{user} authorized {client}"},
	{kind: audit.ConsentDenied, label: "Application refused", sentence: "{user} did not authorize {client}"},
	{kind: audit.GrantRevoked, label: "Access ended", sentence: "{actor} ended the access that {user} had given to {client}"},
	{kind: audit.TokenIssued, label: "Connection made", sentence: "{client} was connected for {user}"},
	{kind: audit.TokenRefreshed, label: "Access renewed", sentence: "{client} renewed its access for {user}"},
	{kind: audit.TokenRevoked, label: "Access given back", sentence: "{client} gave back its access"},
	{kind: audit.MachineToken, label: "Access by a machine", sentence: "{client} got a token to act for itself"},
	{kind: audit.RefreshReplayed, label: "Refresh token used twice", sentence: "a used refresh token of {client} for {user} was presented again, so that connection was ended"},
	{kind: audit.CodeReplayed, label: "Code used twice", sentence: "a used code of {client} for {user} was presented again, so what came of it was ended"},
	{kind: audit.RefreshRefused, label: "Refresh token refused", sentence: "{client} presented a refresh token that was refused"},
	{kind: audit.CodeRefused, label: "Code refused", sentence: "{client} presented a code that was refused"},
	{kind: audit.ClientAuthFailed, label: "Application not recognised", sentence: "somebody who claimed to be {client} could not prove it"},
	{kind: audit.ClientBlocked, label: "Application blocked", sentence: "{actor} blocked {client}"},
	{kind: audit.ClientUnblocked, label: "Application allowed again", sentence: "{actor} allowed {client} again"},
	{kind: audit.ClientAdded, label: "Application registered", sentence: "{actor} registered {client}"},
	{kind: audit.ClientUpdated, label: "Application changed", sentence: "{actor} changed the registration of {client}"},
	{kind: audit.SecretRotated, label: "Secret replaced", sentence: "{actor} gave {client} a new secret"},
	{kind: audit.ClientDisabled, label: "Application switched off", sentence: "{actor} switched {client} off"},
	{kind: audit.ClientEnabled, label: "Application switched on", sentence: "{actor} switched {client} on again"},
	{kind: audit.ClientRemoved, label: "Application removed", sentence: "{actor} removed {client}"},
	{kind: audit.MemberAdded, label: "Member added", sentence: "{actor} added {user} to the team"},
	{kind: audit.MemberRemoved, label: "Member removed", sentence: "{actor} removed {user} from the team"},
	{kind: audit.TeamAdded, label: "Team created", sentence: "{actor} created the team"},
	{kind: audit.TeamRenamed, label: "Team renamed", sentence: "{actor} renamed the team"},
	{kind: audit.TeamRemoved, label: "Team removed", sentence: "{actor} removed the team"},

	// These concern no team, so that no team's list has them to choose.
	{kind: audit.SignedIn, sentence: "{user} signed in"},
	{kind: audit.SignInFailed, sentence: "somebody failed to sign in as {user}"},
	{kind: audit.SignedOut, sentence: "{user} signed out"},
	{kind: audit.PasswordSet, sentence: "{actor} set the password of {user}"},
	{kind: audit.UserAdded, sentence: "{actor} added {user}"},
	{kind: audit.UserDisabled, sentence: "{actor} shut {user} out"},
	{kind: audit.UserEnabled, sentence: "{actor} let {user} in again"},
	{kind: audit.KeysRotated, sentence: "{actor} rotated the signing keys"},
	{kind: audit.MasterKeyReplaced, sentence: "{actor} replaced the master key"},
}

// wordsOf is the words for an event. Who ended what was their own is not named twice.
func wordsOf(e audit.Event) eventWords {
	for _, words := range auditWords {
		if words.kind != e.Kind {
			continue
		}
		if e.Kind == audit.GrantRevoked && e.Actor == e.User {
			words.sentence = "{user} ended the access of {client}"
		}
		return words
	}
	return eventWords{kind: e.Kind, sentence: string(e.Kind)}
}

// knownKind is a kind that can be chosen, else "": any.
func knownKind(kind string) audit.Kind {
	for _, words := range auditWords {
		if words.label != "" && string(words.kind) == kind {
			return words.kind
		}
	}
	return ""
}

func kindChoices(chosen audit.Kind) []kindChoice {
	var choices []kindChoice
	for _, words := range auditWords {
		if words.label != "" {
			choices = append(choices, kindChoice{Kind: string(words.kind), Label: words.label, Chosen: words.kind == chosen})
		}
	}
	return choices
}

// sentence begins text with a capital letter.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
