package authn_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"golang.org/x/text/secure/precis"
)

func TestCheckPassword(t *testing.T) {
	for _, test := range []struct {
		password string
		advice   string // a part of it; empty when the password is fine
	}{
		{"", "too short"},
		{"Zq8#kLm", "too short"},
		{"éééé", "too short"},
		{strings.Repeat("violet tower ", 20), "too long"},
		{"violet-tower-\xff", "not valid UTF-8"},
		{"violet\ttower\tkettle", "cannot be used"},
		{"k\u0323q7V\u0323w!m", "too short"}, // counted in the form that is hashed
		{"password", "many people use"},
		{"Passw0rd!", "many people use"},
		{"12345678", "many people use"},
		{"iloveyou2", "many people use"},
		{"gatehouse1", "your name or e-mail"},
		{"lovelace", "your name or e-mail"},
		{"ada@example.com", "your name or e-mail"},
		{"AdaLovelace1", "your name or e-mail"},
		{"aaaaaaaaaaaa", "repeats"},
		{"rstuvwxyz", "alphabet"},
		{"sunflower7", "three or four words"},
		{strings.Repeat("a", 64) + "violet-tower-kettle", "repeats"}, // only so much is judged, because judging takes time

		{"Zq8#kLm2", ""},
		{"correct horse battery staple", ""},
		{"violet-tower-kettle", ""},
		{"пароль на каждый день", ""},
		{"日本語のパスワードです", ""},
		{strings.Repeat("violet tower", 21), ""}, // 252 bytes
	} {
		err := authn.CheckPassword(8, test.password, "Ada.Lovelace@example.com", "Ada Lovelace")
		weak, ok := errors.AsType[*authn.WeakPasswordError](err)
		switch {
		case test.advice == "" && err != nil:
			t.Errorf("%.30q: got %v, want it taken", test.password, err)
		case test.advice != "" && (!ok || !strings.Contains(weak.Error(), test.advice)):
			t.Errorf("%.30q: got %v, want advice that says %q", test.password, err, test.advice)
		}
	}
}

// TestMinPasswordLength: 15 characters where a password is all there is, 8 where everybody has to have a second factor (NIST SP 800-63B-4 §3.1.1.2), or what
// the setting says. Passwords that exist stay.
func TestMinPasswordLength(t *testing.T) {
	const eight, fourteen, fifteen = "Zq8#kLm2", "violet-tower-k", "violet-tower-ke"
	for _, tt := range []struct {
		require authn.Require
		setting int
		want    int
	}{
		{authn.RequireOff, 0, 15}, {authn.RequireOperators, 0, 15}, {authn.RequireAll, 0, 8}, {authn.RequireOff, 8, 8}, {authn.RequireAll, 20, 20},
	} {
		h := newHouse(t)
		opts := options()
		opts.RequireSecondFactor, opts.PasswordMinLength = tt.require, tt.setting
		h.auth = h.authenticator(h.db, opts)
		if got := h.auth.MinPasswordLength(); got != tt.want {
			t.Errorf("%s, %d: %d characters, want %d", tt.require, tt.setting, got, tt.want)
		}
		for _, password := range []string{eight, fourteen, fifteen} {
			err := h.auth.SetPassword(t.Context(), h.ada, password)
			weak, ok := errors.AsType[*authn.WeakPasswordError](err)
			if long := len(password) >= tt.want; (err == nil) != long || !long && (!ok || weak.Count != tt.want) {
				t.Errorf("%s, %d: %q: %v", tt.require, tt.setting, password, err)
			}
		}
	}
	h := newHouse(t)
	opts := options()
	opts.PasswordMinLength = 8
	short := h.authenticator(h.db, opts)
	if err := short.SetPassword(t.Context(), h.ada, eight); err != nil {
		t.Fatal(err)
	}
	if _, err := h.auth.SignIn(t.Context(), ask(eight)); err != nil {
		t.Errorf("a password of before the setting: %v", err)
	}
}

// No input may make the check of the strength panic or take long.
func FuzzCheckPassword(f *testing.F) {
	for _, seed := range []string{"password", "日本語のパスワードです", "aaa\x00bbb\xff", "2026-01-01", strings.Repeat("ab1", 80), "ÅÅÅÅÅÅÅÅÅÅ", "İİİİİİİİİ", "1.1.91"} {
		f.Add(seed, "ada@example.com")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		err := authn.CheckPassword(8, password, word)
		hashed, _ := precis.OpaqueString.String(password)
		if err == nil && (len([]rune(hashed)) < 8 || len(hashed) > 256) {
			t.Errorf("%q was taken", password)
		}
	})
}
