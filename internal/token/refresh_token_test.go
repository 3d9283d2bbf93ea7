package token_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func refreshToken(t testing.TB, keys *token.Keyring, r token.RefreshToken) string {
	t.Helper()
	text, err := keys.RefreshToken(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRefreshTokenComesBack(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	for _, want := range []token.RefreshToken{
		{Family: token.NewID()}, {Family: token.NewID(), Generation: 1}, {Family: "F", Generation: math.MaxInt64}, {Family: strings.Repeat("a-_Z9", 12), Generation: 10},
	} {
		text := refreshToken(t, keys, want)
		if !strings.HasPrefix(text, "gh_rt_") || strings.ContainsAny(text, "+/=&?#% ") {
			t.Errorf("got %q, want our prefix and nothing that a form would encode", text)
		}
		got, err := keys.OpenRefreshToken(text)
		if err != nil || got.Family != want.Family || got.Generation != want.Generation || got.Key == "" {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
		if again := refreshToken(t, keys, got); again != text {
			t.Errorf("the same family, generation and key gave %q and then %q", text, again)
		}
	}
	for _, bad := range []token.RefreshToken{{}, {Family: "a.b"}, {Family: "a b"}, {Family: strings.Repeat("a", 65)}, {Family: "F", Generation: -1}} {
		if text, err := keys.RefreshToken(bad); err == nil {
			t.Errorf("%+v became %q", bad, text)
		}
	}
}

func TestRefreshTokenCannotBeAltered(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	text := refreshToken(t, keys, token.RefreshToken{Family: token.NewID(), Generation: 41})
	refused := func(altered string) {
		t.Helper()
		if got, err := keys.OpenRefreshToken(altered); !errors.Is(err, token.ErrNotOurs) || got != (token.RefreshToken{}) {
			t.Errorf("%q: got %+v, %v, want ErrNotOurs", altered, got, err)
		}
	}
	for i := range len(text) {
		for b := range 256 {
			if byte(b) != text[i] {
				refused(text[:i] + string([]byte{byte(b)}) + text[i+1:])
			}
		}
		refused(text[:i])
		for _, insert := range []string{"0", "A", "\n", ".", "="} {
			refused(text[:i] + insert + text[i:])
		}
	}
	for _, tail := range []string{"A", "=", "\n", ".", " ", ".A", "\x00"} {
		refused(text + tail)
	}
	// The same number in other spellings.
	for _, number := range []string{"+41", "041", "0x29", "-41", "41 ", "4_1", "9223372036854775808"} {
		refused(strings.Replace(text, ".41.", "."+number+".", 1))
	}
	refused("")
	refused("gh_rt_")
	refused(strings.Repeat(text, 100))
	other := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	refused(refreshToken(t, other, token.RefreshToken{Family: "F"}))
}

func TestRefreshTokenIsTheSameOnEveryServer(t *testing.T) {
	c, store, master := newClock(), openStore(t), token.NewMasterKey()
	one, two := openKeyring(t, store, master, c), openKeyring(t, store, master, c)
	want := token.RefreshToken{Family: "F", Generation: 7}
	text := refreshToken(t, one, want)
	for name, keys := range map[string]*token.Keyring{"another server": two, "a restarted one": openKeyring(t, store, master, c)} {
		if got := refreshToken(t, keys, want); got != text {
			t.Errorf("%s makes %q, want %q", name, got, text)
		}
	}
	if err := one.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := refreshToken(t, one, want); got != text {
		t.Errorf("after Reload: %q, want %q", got, text)
	}
}

// A family stays with its key, so that its successor is the same before and after a rotation; and that key is there as long as the family can live.
func TestRefreshTokensOutliveRotation(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	text := refreshToken(t, keys, token.RefreshToken{Family: "F", Generation: 7})
	first, _ := keys.OpenRefreshToken(text)
	successor := refreshToken(t, keys, token.RefreshToken{Family: "F", Generation: 8, Key: first.Key})
	if err := keys.Rotate(t.Context(), overlap); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name     string
		wait     time.Duration
		newKey   bool
		accepted bool
	}{
		{"at once", 0, false, true},
		{"when the next key signs", overlap.Publish, true, true},
		{"when other keys are dead", overlap.Retire, true, true},
		{"just before the end", overlap.Refresh - overlap.Retire - time.Millisecond, true, true},
		{"at the end", time.Millisecond, true, false},
	} {
		c.Advance(step.wait)
		got, err := keys.OpenRefreshToken(text)
		if step.accepted && (err != nil || got != first) || !step.accepted && !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%s: got %+v, %v, want acceptance: %v", step.name, got, err, step.accepted)
		}
		if again := refreshToken(t, keys, token.RefreshToken{Family: "F", Generation: 8, Key: first.Key}); (again == successor) != step.accepted {
			t.Errorf("%s: the successor is %q, before it was %q", step.name, again, successor)
		}
		fresh, _ := keys.OpenRefreshToken(refreshToken(t, keys, token.RefreshToken{Family: "G"}))
		if (fresh.Key != first.Key) != step.newKey {
			t.Errorf("%s: a new family has the key %s, the old one %s", step.name, fresh.Key, first.Key)
		}
	}
}

func TestMACKeysNeverDieUnlessToldWhen(t *testing.T) {
	c := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), c)
	text := refreshToken(t, keys, token.RefreshToken{Family: "F"})
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Retire: time.Hour}); err != nil {
		t.Fatal(err)
	}
	c.Advance(100 * 365 * 24 * time.Hour)
	if _, err := keys.OpenRefreshToken(text); err != nil {
		t.Error(err)
	}
}

func FuzzOpenRefreshToken(f *testing.F) {
	keys := openKeyring(f, openStore(f), token.NewMasterKey(), newClock())
	text := refreshToken(f, keys, token.RefreshToken{Family: "F", Generation: 12})
	for _, seed := range []string{text, "", "gh_rt_", "gh_rt_F.12", strings.Replace(text, ".12.", ".012.", 1), strings.Replace(text, "F", "G", 1), "gh_rt_...", "gh_rt_F.-1.a.b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := keys.OpenRefreshToken(s); err == nil && s != text || err != nil && got != (token.RefreshToken{}) {
			t.Errorf("%q opens as %+v, %v, and was never made", s, got, err)
		}
	})
}

func BenchmarkRefreshToken(b *testing.B) {
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), newClock())
	r := token.RefreshToken{Family: token.NewID(), Generation: 12345}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.RefreshToken(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenRefreshToken(b *testing.B) {
	keys := openKeyring(b, openStore(b), token.NewMasterKey(), newClock())
	text := refreshToken(b, keys, token.RefreshToken{Family: token.NewID(), Generation: 12345})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.OpenRefreshToken(text); err != nil {
			b.Fatal(err)
		}
	}
}
