package teams

import (
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// concernNoTeam are the kinds of events that no team's history has.
var concernNoTeam = []audit.Kind{
	audit.SignedIn, audit.SignInFailed, audit.SignedOut, audit.SessionExpired, audit.PasswordSet, audit.PasswordForgotten, audit.PasswordReset, audit.AppAdded, audit.AppRemoved, audit.PasskeyAdded,
	audit.PasskeyRenamed, audit.PasskeyRemoved, audit.PasskeyCloned, audit.RecoveryCodesMade, audit.RecoveryCodeUsed, audit.FactorsReset, audit.IdentityLinked, audit.IdentityUnlinked,
	audit.EmailProofAsked, audit.EmailChangeAsked, audit.EmailChanged, audit.EmailRestored, audit.EmailSet, audit.UserEmptied, audit.SignUpAsked, audit.SignedUp, audit.AccountClosed, audit.UserAdded, audit.UserDisabled, audit.UserEnabled, audit.UserRemoved, audit.EmailVerified, audit.ProfileChanged,
	audit.KeysRotated, audit.MasterKeyReplaced,
}

func TestEveryKindOfEventHasWords(t *testing.T) {
	for _, kind := range audit.Kinds() {
		key := "event." + string(kind)
		if !words.English.Has(key) {
			t.Errorf("no words for %s", kind)
			continue
		}
		for _, piece := range words.English.Message(key, 0) {
			if piece.Kind == words.Argument && !slices.Contains([]string{"actor", "user", "client"}, piece.Text) {
				t.Errorf("%s: nothing stands for {%s}", kind, piece.Text)
			}
		}
		listed := slices.Contains(kinds, kind)
		if listed == slices.Contains(concernNoTeam, kind) {
			t.Errorf("%s is in the list of a team: %t", kind, listed)
		}
		if label := words.English.Has(key + ".label"); label != listed {
			t.Errorf("%s has a label: %t, want %t", kind, label, listed)
		}
	}
}

func TestEventOfALaterVersionIsCalledByItsKind(t *testing.T) {
	text := sentence(audit.Entry{Event: audit.Event{Kind: "something.new"}})
	if got := words.English.Text(text[0].(string), text[1:]...); got != "something.new" {
		t.Errorf("it is called %q, want its kind", got)
	}
}
