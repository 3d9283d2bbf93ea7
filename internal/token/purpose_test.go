package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Two purposes with one name would open each other's values.
func TestSealedValueOfOnePurposeOpensForNoOther(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	for sealedFor := token.Purpose(1); sealedFor < token.PurposesEnd; sealedFor++ {
		sealed, err := keys.Seal(sealedFor, pending{"s", "c"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for openedFor := range token.PurposesEnd + 2 {
			var got pending
			switch err := keys.Open(openedFor, sealed, &got); {
			case openedFor == sealedFor && (err != nil || got.State != "s"):
				t.Errorf("%s as itself: got %v, %v", sealedFor, got, err)
			case openedFor != sealedFor && !errors.Is(err, token.ErrNotOurs):
				t.Errorf("%s as %q: got %v, want ErrNotOurs", sealedFor, openedFor, err)
			case openedFor != sealedFor && got != (pending{}):
				t.Errorf("%s as %q: left %v", sealedFor, openedFor, got)
			}
		}
	}
	for _, unknown := range []token.Purpose{0, token.PurposesEnd, 255} {
		if _, err := keys.Seal(unknown, pending{}, time.Minute); err == nil {
			t.Errorf("sealed for the purpose %d, which has no name", unknown)
		}
	}
}
