package token_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

var overlap = token.RotationOverlap{Publish: time.Hour, Retire: 2 * time.Hour, Refresh: 90 * 24 * time.Hour}

func claims(at time.Time) token.AccessClaims {
	return token.AccessClaims{
		Issuer: "https://id.example", Subject: "u1", Audience: []string{"https://id.example"}, ClientID: "c1", Scope: "chatbot:read",
		IssuedAt: at.Unix(), Expires: at.Unix() + 3600, ID: "j1", Team: "acme", TeamID: "t1", GrantID: "g1",
	}
}

func TestAccessToken(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	signed, err := keys.SignAccessToken(claims(c.Now()))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	header := parsed.Signatures[0].Protected
	if header.ExtraHeaders["typ"] != "at+jwt" || header.Algorithm != "ES256" || header.KeyID != publishedKIDs(t, keys)[0] {
		t.Errorf("got the header %+v, want typ at+jwt, alg ES256 and the kid of the published key", header)
	}
	payload, err := parsed.Verify(publishedKeys(t, keys))
	if err != nil {
		t.Fatalf("the published keys do not verify the token: %v", err)
	}
	want := `{"iss":"https://id.example","sub":"u1","aud":"https://id.example","client_id":"c1","scope":"chatbot:read",` +
		`"iat":1772366400,"exp":1772370000,"jti":"j1","team":"acme","team_id":"t1","grant_id":"g1"}`
	if diff := cmp.Diff(want, string(payload)); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}

func TestAudienceOfSeveralIsAnArray(t *testing.T) {
	for _, tt := range []struct {
		aud  token.Audience
		want string
	}{
		{token.Audience{"a"}, `"a"`},
		{token.Audience{"a", "b"}, `["a","b"]`},
	} {
		if got, _ := json.Marshal(tt.aud); string(got) != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestJWKSHasPublicHalvesOnly(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	body, etag := keys.JWKS()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2 {
		t.Fatalf("got %d keys, want one for access tokens and one for ID tokens", len(set.Keys))
	}
	for i, want := range []struct {
		algorithm string
		members   []string
	}{
		{"ES256", []string{"alg", "crv", "kid", "kty", "use", "x", "y"}},
		{"RS256", []string{"alg", "e", "kid", "kty", "n", "use"}},
	} {
		if diff := cmp.Diff(want.members, slices.Sorted(maps.Keys(set.Keys[i]))); diff != "" {
			t.Errorf("members of %s (-want +got):\n%s", want.algorithm, diff)
		}
		if set.Keys[i]["alg"] != want.algorithm || set.Keys[i]["use"] != "sig" {
			t.Errorf("got %v, want alg %s and use sig", set.Keys[i], want.algorithm)
		}
	}
	again, etagAgain := keys.JWKS()
	if &again[0] != &body[0] || etag != etagAgain || !strings.HasPrefix(etag, `"`) {
		t.Errorf("the document was made twice, or its ETag %s is not quoted", etag)
	}
}

func TestKeysSurviveReopening(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	first := openKeyring(t, store, master, c)
	sealed, _ := first.Seal(forTest, pending{"s", "c"}, time.Minute)
	second := openKeyring(t, store, master, c)
	var v pending
	if err := second.Open(forTest, sealed, &v); err != nil {
		t.Errorf("reopened: %v", err)
	}
	if diff := cmp.Diff(first.Keys(), second.Keys()); diff != "" {
		t.Errorf("reopened (-first +second):\n%s", diff)
	}
}

// A database of the time before there were refresh tokens.
func TestMissingKeysAreAddedToAnExistingDatabase(t *testing.T) {
	c, master := newClock(), token.NewMasterKey()
	full := openStore(t)
	signed, _ := openKeyring(t, full, master, c).SignAccessToken(claims(c.Now()))
	stored, err := full.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := openStore(t)
	if err := old.AddKeys(t.Context(), slices.DeleteFunc(stored, func(k token.StoredKey) bool { return k.Use == token.UseMAC })); err != nil {
		t.Fatal(err)
	}
	keys := openKeyring(t, old, master, c)
	text, err := keys.RefreshToken(token.RefreshToken{Family: "F"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyring(t, old, master, c).OpenRefreshToken(text); err != nil {
		t.Errorf("after reopening: %v", err)
	}
	if _, err := keys.VerifyAccessToken(signed); err != nil {
		t.Errorf("what an earlier key signed: %v", err)
	}
	if n := len(keys.Keys()); n != 5 {
		t.Errorf("got %d keys, want 5", n)
	}
}

func TestWrongMasterKey(t *testing.T) {
	c, store := newClock(), openStore(t)
	openKeyring(t, store, token.NewMasterKey(), c)
	if _, err := token.OpenKeyring(t.Context(), store, token.NewMasterKey(), c.Now); !errors.Is(err, token.ErrWrongMasterKey) {
		t.Errorf("got %v, want ErrWrongMasterKey", err)
	}
	if _, err := token.OpenKeyring(t.Context(), openStore(t), token.MasterKey{}, c.Now); err == nil {
		t.Error("a keyring opens without a master key")
	}
}

func TestStoredKeyCannotBePassedOffAsAnother(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	openKeyring(t, store, master, c)
	stored, err := store.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, alter := range map[string]func(*token.StoredKey){
		"id":        func(k *token.StoredKey) { k.ID += "x" },
		"use":       func(k *token.StoredKey) { k.Use = "other" },
		"algorithm": func(k *token.StoredKey) { k.Algorithm += "x" },
		"sealed":    func(k *token.StoredKey) { k.Sealed[len(k.Sealed)-1] ^= 1 },
		"cut":       func(k *token.StoredKey) { k.Sealed = k.Sealed[:10] },
	} {
		altered := stored[0]
		altered.Sealed = slices.Clone(altered.Sealed)
		alter(&altered)
		other := openStore(t)
		if err := other.AddKeys(t.Context(), []token.StoredKey{altered}); err != nil {
			t.Fatal(err)
		}
		if _, err := token.OpenKeyring(t.Context(), other, master, c.Now); !errors.Is(err, token.ErrWrongMasterKey) {
			t.Errorf("%s altered: got %v, want ErrWrongMasterKey", name, err)
		}
	}
}

func TestServersStartingAtOnceAgreeOnTheKeys(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	rings := make([]*token.Keyring, 4)
	var group sync.WaitGroup
	for i := range rings {
		group.Go(func() {
			var err error
			if rings[i], err = token.OpenKeyring(t.Context(), store, master, c.Now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	for _, ring := range rings[1:] {
		if diff := cmp.Diff(rings[0].Keys(), ring.Keys()); diff != "" {
			t.Errorf("keys differ:\n%s", diff)
		}
	}
	if n := len(rings[0].Keys()); n != 5 {
		t.Errorf("got %d keys, want 5", n)
	}
}

func TestRotationTimeline(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	old := publishedKIDs(t, keys)[0]
	sealedBefore, _ := keys.Seal(forTest, pending{"s", "c"}, 24*time.Hour)
	_, etagBefore := keys.JWKS()
	c.Advance(time.Second)
	if err := keys.Rotate(t.Context(), overlap); err != nil {
		t.Fatal(err)
	}
	published := publishedKIDs(t, keys)
	if len(published) != 2 || published[0] != old {
		t.Fatalf("after rotating, %v are published, want %s and its successor", published, old)
	}
	next := published[1]
	for _, step := range []struct {
		name              string
		wait              time.Duration
		signs             string
		published         []string
		oldState, newSate string
		opensOld          bool
	}{
		{"at once", 0, old, []string{old, next}, "current", "next", true},
		{"just before it signs", time.Hour - time.Millisecond, old, []string{old, next}, "current", "next", true},
		{"when it signs", time.Millisecond, next, []string{old, next}, "retired", "current", true},
		{"just before the old one is dead", 2*time.Hour - time.Millisecond, next, []string{old, next}, "retired", "current", true},
		{"when the old one is dead", time.Millisecond, next, []string{next}, "dead", "current", false},
	} {
		c.Advance(step.wait)
		if got := signingKID(t, keys, c); got != step.signs {
			t.Errorf("%s: %s signs, want %s", step.name, got, step.signs)
		}
		if diff := cmp.Diff(step.published, publishedKIDs(t, keys)); diff != "" {
			t.Errorf("%s: published (-want +got):\n%s", step.name, diff)
		}
		if a, b := state(keys, old), state(keys, next); a != step.oldState || b != step.newSate {
			t.Errorf("%s: the old key is %s and the new one %s, want %s and %s", step.name, a, b, step.oldState, step.newSate)
		}
		var v pending
		if err := keys.Open(forTest, sealedBefore, &v); (err == nil) != step.opensOld {
			t.Errorf("%s: opening what the old key sealed: got %v, want success: %v", step.name, err, step.opensOld)
		}
	}
	if _, etag := keys.JWKS(); etag == etagBefore {
		t.Error("the ETag is the same after a rotation")
	}
}

func TestRotationInAHurryOvertakesAWaitingKey(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	for _, o := range []token.RotationOverlap{overlap, {Publish: 0, Retire: time.Hour}} {
		if err := keys.Rotate(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	published := publishedKIDs(t, keys)
	for _, wait := range []time.Duration{0, time.Hour, time.Hour} {
		c.Advance(wait)
		if got := signingKID(t, keys, c); got != published[2] {
			t.Errorf("%v later %s signs, want the newest, %s", wait, got, published[2])
		}
	}
	if got := publishedKIDs(t, keys); len(got) != 1 {
		t.Errorf("%v are published at the end, want the newest only", got)
	}
}

func TestTwoProcessesRotatingAtOnceMakeOneSuccessor(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	one, two := openKeyring(t, store, master, c), openKeyring(t, store, master, c)
	var group sync.WaitGroup
	for _, keys := range []*token.Keyring{one, two} {
		group.Go(func() {
			if err := keys.Rotate(t.Context(), overlap); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if diff := cmp.Diff(one.Keys(), two.Keys()); diff != "" {
		t.Errorf("keys differ:\n%s", diff)
	}
	if n := len(one.Keys()); n != 9 {
		t.Errorf("got %d keys, want 9", n)
	}
}

func TestReloadLearnsOfARotation(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	command, server := openKeyring(t, store, master, c), openKeyring(t, store, master, c)
	if err := command.Rotate(t.Context(), overlap); err != nil {
		t.Fatal(err)
	}
	if n := len(publishedKIDs(t, server)); n != 1 {
		t.Fatalf("before Reload %d keys are published, want 1", n)
	}
	if err := server.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(publishedKIDs(t, command), publishedKIDs(t, server)); diff != "" {
		t.Errorf("published (-command +server):\n%s", diff)
	}
}

func BenchmarkSignAccessToken(b *testing.B) {
	c := newClock()
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), c)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.SignAccessToken(claims(c.Now())); err != nil {
			b.Fatal(err)
		}
	}
}

func publishedKeys(t *testing.T, keys *token.Keyring) jose.JSONWebKeySet {
	t.Helper()
	body, _ := keys.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// publishedKIDs is the published keys for access tokens; those for ID tokens rotate with them.
func publishedKIDs(t *testing.T, keys *token.Keyring) []string {
	t.Helper()
	kids := map[string][]string{}
	for _, k := range publishedKeys(t, keys).Keys {
		kids[k.Algorithm] = append(kids[k.Algorithm], k.KeyID)
	}
	if len(kids["ES256"]) != len(kids["RS256"]) {
		t.Errorf("%d keys of ES256 are published, and %d of RS256", len(kids["ES256"]), len(kids["RS256"]))
	}
	return kids["ES256"]
}

func signingKID(t *testing.T, keys *token.Keyring, c *testkit.Clock) string {
	t.Helper()
	signed, err := keys.SignAccessToken(claims(c.Now()))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Signatures[0].Header.KeyID
}

func state(keys *token.Keyring, kid string) string {
	for _, info := range keys.Keys() {
		if info.ID == kid {
			return info.State
		}
	}
	return "absent"
}

// Keys that nothing depends on any more are deleted; all others stay, and so do the tokens that they made.
func TestPruneDeletesDeadKeysOnly(t *testing.T) {
	clock, store, master := newClock(), openStore(t), token.NewMasterKey()
	keys := openKeyring(t, store, master, clock)
	refresh, err := keys.RefreshToken(token.RefreshToken{Family: "f1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Retire: time.Hour, Refresh: 48 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after        time.Duration // the rotation
		pruned, left int
	}{
		{2*time.Hour - time.Millisecond, 0, 9},
		{2 * time.Hour, 3, 6}, // the old signing and sealing keys; the old key of refresh tokens lives longer
		{49*time.Hour - time.Millisecond, 0, 6},
		{49 * time.Hour, 1, 5},
		{10_000 * time.Hour, 0, 5},
	} {
		clock.Advance(newClock().Now().Add(step.after).Sub(clock.Now()))
		_, openErr := keys.OpenRefreshToken(refresh)
		n, err := keys.Prune(t.Context(), clock.Now())
		if err != nil || n != step.pruned || len(keys.Keys()) != step.left {
			t.Errorf("%v after the rotation: %d keys pruned, %v, and %d left; want %d and %d", step.after, n, err, len(keys.Keys()), step.pruned, step.left)
		}
		if _, again := keys.OpenRefreshToken(refresh); again != openErr {
			t.Errorf("%v after the rotation, pruning changes whether a refresh token opens: %v, then %v", step.after, openErr, again)
		}
		if stored, err := store.Keys(t.Context()); err != nil || len(stored) != step.left {
			t.Errorf("%d keys are stored, %v; want %d", len(stored), err, step.left)
		}
	}
	// The next rotation, and the next start, know where to go on.
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if n := len(openKeyring(t, store, master, clock).Keys()); n != 9 {
		t.Errorf("%d keys after the next rotation, want 9", n)
	}
}
