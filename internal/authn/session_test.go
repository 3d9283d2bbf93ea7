package authn_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
)

func TestSIDIsOneOfASessionAndSaysNothingOfIt(t *testing.T) {
	one, two := authn.Session{ID: "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"}, authn.Session{ID: "vngWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"}
	sid := one.SID()
	if sid != one.SID() || sid == two.SID() {
		t.Errorf("got %q, %q and %q for another session, want the same and another", sid, one.SID(), two.SID())
	}
	if raw, err := base64.RawURLEncoding.DecodeString(sid); err != nil || len(raw) != 16 {
		t.Errorf("got %q, want 128 bits in base64url", sid)
	}
	if strings.Contains(one.ID, sid[:8]) {
		t.Errorf("the sid %q is a part of the id", sid)
	}
}
