package authn_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/crypto/argon2"
)

func TestSignInStartsSession(t *testing.T) {
	h := newHouse(t)
	r := ask(right)
	r.Email = "  ADA@Example.com "
	in := h.signIn(r)
	got, err := h.auth.Session(t.Context(), in.Cookie.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if got.User.ID != h.ada.ID || !got.AuthTime.Equal(h.clock.Now()) || !slices.Equal(got.Methods, []string{"pwd"}) {
		t.Errorf("got session %+v, want ada's, from now, by pwd", got)
	}
	if got.ID == in.Cookie.Reveal() || !in.Cookie.Matches(got.ID) {
		t.Error("the session's id is not the hash of its cookie")
	}
	h.clock.Advance(14*24*time.Hour - time.Second)
	if !h.alive(in.Cookie) {
		t.Error("the session ended before its time")
	}
	h.clock.Advance(time.Second)
	if h.alive(in.Cookie) {
		t.Error("the session outlived its time")
	}
}

// RFC 8265 §4.2: one keyboard composes a character, another sends its parts.
func TestPasswordAndEmailWorkInEveryUnicodeForm(t *testing.T) {
	const composed, decomposed = "\u00fcber den d\u00e4chern", "u\u0308ber den da\u0308chern"
	for _, set := range []string{composed, decomposed} {
		h := newHouse(t)
		jo := h.addUser("jo\u0308@mu\u0308ller.example", "Jö")
		h.setPassword(jo, set)
		for _, typed := range []string{composed, decomposed} {
			for _, email := range []string{"jo\u0308@mu\u0308ller.example", "JÖ@xn--mller-kva.example"} {
				if in := h.signIn(authn.SignInRequest{Email: email, Password: typed, Address: ask(right).Address}); in.Session.User.ID != jo.ID {
					t.Errorf("%q with %q signs in %s", email, typed, in.Session.User.ID)
				}
			}
		}
	}
}

// A hash from before there was one form is of the password as it was typed. It still works, and is replaced.
func TestPasswordHashedInAnotherFormIsHashedAnew(t *testing.T) {
	const decomposed, composed = "u\u0308ber den da\u0308chern", "\u00fcber den d\u00e4chern"
	h := newHouse(t)
	legacy := asTyped(t, h.hash(), decomposed)
	if err := h.db.SetPassword(t.Context(), h.ada.ID, legacy, h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	r := ask(composed)
	if _, err := h.auth.SignIn(t.Context(), r); !errors.Is(err, authn.ErrSignInFailed) {
		t.Fatalf("the other form of a hash as it was typed: got %v, want ErrSignInFailed", err)
	}
	r.Password = decomposed
	h.signIn(r)
	if h.hash() == legacy {
		t.Error("the hash was not replaced")
	}
	r.Password = composed
	h.signIn(r)
}

// hash is the hash of ada's password.
func (h *house) hash() string {
	h.t.Helper()
	_, hash, err := h.db.Password(h.t.Context(), h.ada.Email)
	if err != nil {
		h.t.Fatal(err)
	}
	return hash
}

// asTyped is a hash like another, of a password as it was typed.
func asTyped(t *testing.T, like, password string) string {
	t.Helper()
	var memory, passes uint32
	var threads uint8
	parts := strings.Split(like, "$")
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		t.Fatal(err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		t.Fatal(err)
	}
	parts[5] = base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, passes, memory, threads, 32))
	return strings.Join(parts, "$")
}

func TestPasswordWithControlCharacterIsRefusedWithAReason(t *testing.T) {
	h := newHouse(t)
	err := h.auth.SetPassword(t.Context(), h.ada, "violet\ttower\tkettle")
	if _, ok := errors.AsType[*authn.WeakPasswordError](err); !ok {
		t.Errorf("got %v, want *WeakPasswordError", err)
	}
}

func TestSignInFailuresAreAlike(t *testing.T) {
	h := newHouse(t)
	h.addUser("grace@example.com", "Grace Hopper") // has no password
	bob := h.addUser("bob@example.com", "Bob")
	h.setPassword(bob, right)
	if err := h.db.DisableUser(t.Context(), bob.ID, h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]authn.SignInRequest{
		"wrong password":              {Email: "ada@example.com", Password: wrong},
		"no password given":           {Email: "ada@example.com"},
		"unknown e-mail":              {Email: "eve@example.com", Password: right},
		"not an e-mail":               {Email: "\x00'--", Password: right},
		"nothing":                     {},
		"person without a password":   {Email: "grace@example.com", Password: right},
		"… and none given":            {Email: "grace@example.com"},
		"disabled, right password":    {Email: "bob@example.com", Password: right},
		"password as long as a novel": {Email: "ada@example.com", Password: strings.Repeat(right, 1000)},
	} {
		r.Address = home
		in, err := h.auth.SignIn(t.Context(), r)
		if err != authn.ErrSignInFailed {
			t.Errorf("%s: got %v, want exactly ErrSignInFailed", name, err)
		}
		if in.Cookie.Reveal() != "" || in.Browser != "" {
			t.Errorf("%s: a failure hands out cookies", name)
		}
	}
}

// A machine that is busy can make any one attempt slow, but not the fastest of several faster than the hash it has to compute.
// The time of a sign-in is that of its hash, and a hash cannot be had without its memory, which can be counted where time cannot.
func TestUnknownEmailCostsAHash(t *testing.T) {
	h := newHouse(t)
	h.auth = h.authenticator(h.db, authn.Defaults())
	h.setPassword(h.ada, right)
	h.addUser("grace@example.com", "Grace Hopper")
	const hash = 19 << 20 // bytes of argon2id
	for _, email := range []string{"ada@example.com", "eve@example.com", "grace@example.com"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		h.fail(h.auth, authn.SignInRequest{Email: email, Password: wrong, Address: home}, 1)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took < hash || took > 2*hash {
			t.Errorf("a failed sign-in as %s took %d bytes, want those of one hash, %d", email, took, hash)
		}
	}
}

func TestSignInChangesSessionID(t *testing.T) {
	h := newHouse(t)
	planted := token.NewSecret(token.PrefixSession) // by an attacker who can set a cookie
	r := ask(right)
	r.Replaces = planted.Reveal()
	first := h.signIn(r)
	if h.alive(planted) {
		t.Error("the planted cookie became a session")
	}
	r.Replaces = first.Cookie.Reveal()
	second := h.signIn(r)
	if second.Cookie.Reveal() == first.Cookie.Reveal() {
		t.Error("the session kept its id")
	}
	if h.alive(first.Cookie) || !h.alive(second.Cookie) {
		t.Error("the new session did not replace the old one")
	}
}

func TestFailedSignInKeepsSession(t *testing.T) {
	h := newHouse(t)
	in := h.signIn(ask(right))
	r := ask(wrong)
	r.Replaces = in.Cookie.Reveal()
	h.fail(h.auth, r, 1)
	if !h.alive(in.Cookie) {
		t.Error("a wrong password ended the session there was")
	}
}

func TestSignOutEndsSession(t *testing.T) {
	h := newHouse(t)
	here, there := h.signIn(ask(right)), h.signIn(ask(right))
	if err := h.auth.SignOut(t.Context(), here.Cookie.Reveal()); err != nil {
		t.Fatal(err)
	}
	if h.alive(here.Cookie) {
		t.Error("the session is still there after signing out")
	}
	if !h.alive(there.Cookie) {
		t.Error("another browser was signed out too")
	}
	for _, cookie := range []string{"", "nonsense", here.Cookie.Reveal(), token.PrefixSession + strings.Repeat("x", 9000)} {
		if err := h.auth.SignOut(t.Context(), cookie); err != nil {
			t.Errorf("signing out with cookie %.20q: %v", cookie, err)
		}
	}
}

func TestSetPasswordEndsSessions(t *testing.T) {
	h := newHouse(t)
	in := h.signIn(ask(right))
	h.setPassword(h.ada, wrong)
	if h.alive(in.Cookie) {
		t.Error("a session outlived the password")
	}
	h.fail(h.auth, ask(right), 1)
	h.signIn(ask(wrong))
}

func TestWeakPasswordChangesNothing(t *testing.T) {
	h := newHouse(t)
	in := h.signIn(ask(right))
	if err := h.auth.SetPassword(t.Context(), h.ada, "lovelace"); err == nil {
		t.Fatal("a weak password was taken")
	}
	if !h.alive(in.Cookie) {
		t.Error("a refused password ended the session")
	}
	h.signIn(ask(right))
}

func TestDisablingEndsSessionsForGood(t *testing.T) {
	h := newHouse(t)
	in := h.signIn(ask(right))
	if err := h.db.DisableUser(t.Context(), h.ada.ID, h.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if h.alive(in.Cookie) {
		t.Error("a disabled person is still signed in")
	}
	if err := h.db.EnableUser(t.Context(), h.ada.ID); err != nil {
		t.Fatal(err)
	}
	if h.alive(in.Cookie) {
		t.Error("enabling a person revived a session")
	}
}

// meanwhile is a store in which something happens just before a session is saved: after the password was verified.
type meanwhile struct {
	*store.DB
	happens func()
}

func (m meanwhile) StartSession(ctx context.Context, s authn.Session, replaces string) error {
	m.happens()
	return m.DB.StartSession(ctx, s, replaces)
}

func TestSignInLosesAgainstWhatHappensMeanwhile(t *testing.T) {
	for name, happens := range map[string]func(h *house){
		"password replaced": func(h *house) { h.setPassword(h.ada, wrong) },
		"person disabled": func(h *house) {
			if err := h.db.DisableUser(h.t.Context(), h.ada.ID, h.clock.Now()); err != nil {
				h.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			var started []string
			racing := h.authenticator(spy{meanwhile{h.db, func() { happens(h) }}, &started}, options())
			if _, err := racing.SignIn(t.Context(), ask(right)); err != authn.ErrSignInFailed {
				t.Errorf("got %v, want ErrSignInFailed", err)
			}
			if err := h.db.EnableUser(t.Context(), h.ada.ID); err != nil {
				t.Fatal(err)
			}
			for _, id := range started {
				if _, err := h.db.Session(t.Context(), id, h.clock.Now()); !errors.Is(err, authn.ErrNoSession) {
					t.Errorf("the session of the old password is alive: %v", err)
				}
			}
			if len(started) != 1 {
				t.Errorf("%d sessions were started, want 1 attempt", len(started))
			}
		})
	}
}

// spy notes the ids of sessions.
type spy struct {
	meanwhile
	ids *[]string
}

func (s spy) StartSession(ctx context.Context, session authn.Session, replaces string) error {
	*s.ids = append(*s.ids, session.ID)
	return s.meanwhile.StartSession(ctx, session, replaces)
}

// hangingUp is a store whose caller hangs up as soon as a session is saved.
type hangingUp struct {
	spy
	hangUp func()
}

func (s hangingUp) StartSession(ctx context.Context, session authn.Session, replaces string) error {
	defer s.hangUp()
	return s.spy.StartSession(ctx, session, replaces)
}

// A session of a password that has just been replaced ends although its browser hung up.
func TestSessionOfTheOldPasswordEndsAlthoughTheBrowserHungUp(t *testing.T) {
	h := newHouse(t)
	ctx, hangUp := context.WithCancel(t.Context())
	var started []string
	replaced := meanwhile{h.db, func() { h.setPassword(h.ada, wrong) }}
	racing := h.authenticator(hangingUp{spy{replaced, &started}, hangUp}, options())
	if _, err := racing.SignIn(ctx, ask(right)); err == nil {
		t.Error("the old password signed somebody in")
	}
	if len(started) != 1 {
		t.Fatalf("%d sessions were started, want 1", len(started))
	}
	if _, err := h.db.Session(t.Context(), started[0], h.clock.Now()); !errors.Is(err, authn.ErrNoSession) {
		t.Errorf("the session of the old password is alive: %v", err)
	}
}

func TestSignInRenewsOldHash(t *testing.T) {
	h := newHouse(t)
	elsewhere := h.signIn(ask(right))
	h.auth = h.authenticator(h.db, authn.Defaults())
	_, before, err := h.db.Password(t.Context(), h.ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	in := h.signIn(ask(right))
	_, after, err := h.db.Password(t.Context(), h.ada.Email)
	if err != nil {
		t.Fatal(err)
	}
	const want = "$argon2id$v=19$m=19456,t=2,p=1$"
	if strings.HasPrefix(before, want) || !strings.HasPrefix(after, want) {
		t.Errorf("got hash %.40s before and %.40s after, want one that begins %s after only", before, after, want)
	}
	if !h.alive(elsewhere.Cookie) || !h.alive(in.Cookie) {
		t.Error("renewing the hash ended a session")
	}
	h.signIn(ask(right))
	if _, again, _ := h.db.Password(t.Context(), h.ada.Email); again != after {
		t.Error("a hash that is up to date was renewed")
	}
}

func TestSetPasswordOfNobody(t *testing.T) {
	h := newHouse(t)
	if err := h.auth.SetPassword(t.Context(), team.User{ID: "nobody"}, right); !errors.Is(err, team.ErrNoUser) {
		t.Errorf("got %v, want ErrNoUser", err)
	}
}

func TestChangePassword(t *testing.T) {
	const chosen = "kettle-tower-violet-rain"
	h := newHouse(t)
	here, there := h.signIn(ask(right)), h.signIn(ask(right))
	change := ask(right)
	change.Replaces, change.Browser = here.Cookie.Reveal(), here.Browser

	if _, err := h.auth.ChangePassword(t.Context(), change, "lovelace"); err == nil {
		t.Fatal("a weak password was taken")
	}
	guess := change
	guess.Password = wrong
	if _, err := h.auth.ChangePassword(t.Context(), guess, chosen); !errors.Is(err, authn.ErrSignInFailed) {
		t.Fatalf("without the current password: got %v, want ErrSignInFailed", err)
	}
	if !h.alive(here.Cookie) || !h.alive(there.Cookie) {
		t.Error("a refused change ended a session")
	}

	again, err := h.auth.ChangePassword(t.Context(), change, chosen)
	if err != nil {
		t.Fatal(err)
	}
	if h.alive(here.Cookie) || h.alive(there.Cookie) || !h.alive(again.Cookie) {
		t.Error("the sessions of the old password are alive, or the new one is not")
	}
	h.strangers()
	known := ask(right)
	known.Browser = again.Browser // is no stranger to the new password
	h.fail(h.auth, known, 1)
	known.Password = chosen
	h.signIn(known)
}

func TestChangePasswordIsThrottled(t *testing.T) {
	h := newHouse(t)
	for range 10 {
		if _, err := h.auth.ChangePassword(t.Context(), ask(wrong), right); !errors.Is(err, authn.ErrSignInFailed) {
			t.Fatalf("got %v, want ErrSignInFailed", err)
		}
	}
	if _, err := h.auth.ChangePassword(t.Context(), ask(right), wrong); err == nil {
		t.Error("the eleventh guess was answered")
	}
}
