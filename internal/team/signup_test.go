package team_test

import (
	"errors"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// TestWhoMaySignUp: the domain is compared as a whole, in its A-label form.
func TestWhoMaySignUp(t *testing.T) {
	domains := []string{"example.org", "xn--mnchen-3ya.example"}
	for _, c := range []struct {
		mode  team.SignUpMode
		email string
		want  error
	}{
		{"", "ada@example.org", team.ErrNoSignUp},
		{team.SignUpOff, "ada@example.org", team.ErrNoSignUp},
		{team.SignUpInvited, "ada@example.org", team.ErrNoSignUp},
		{team.SignUpOpen, "ada@anywhere.example", nil},
		{team.SignUpDomain, "ada@example.org", nil},
		{team.SignUpDomain, "Ada@EXAMPLE.org", nil},
		{team.SignUpDomain, "ada@münchen.example", nil},
		{team.SignUpDomain, "ada@MÜNCHEN.example", nil},
		{team.SignUpDomain, "ada@mu\u0308nchen.example", nil},
		{team.SignUpDomain, "ada@example。org", nil},
		{team.SignUpDomain, "ada@xn--mnchen-3ya.example", nil},
		{team.SignUpDomain, "ada@evil-example.org", team.ErrOtherDomain},
		{team.SignUpDomain, "ada@sub.example.org", team.ErrOtherDomain},
		{team.SignUpDomain, "ada@example.org.evil.example", team.ErrOtherDomain},
		{team.SignUpDomain, "ada@evil.example", team.ErrOtherDomain},
		{team.SignUpDomain, "ada@munchen.example", team.ErrOtherDomain},
		{team.SignUpDomain, "example.org", team.ErrOtherDomain},
		{team.SignUpDomain, "", team.ErrOtherDomain},
	} {
		if err := (team.SignUp{Mode: c.mode, Domains: domains}).May(c.email); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s, %q: %v, want %v", c.mode, c.email, err, c.want)
		}
	}
}

func TestParseDomain(t *testing.T) {
	for typed, want := range map[string]string{
		"example.org": "example.org", " Example.ORG ": "example.org", "münchen.example": "xn--mnchen-3ya.example", "xn--mnchen-3ya.example": "xn--mnchen-3ya.example",
		"": "", "@example.org": "", "ada@example.org": "", "example org": "", "*.example.org": "", "example.org.": "", "-.org": "",
	} {
		if got, err := team.ParseDomain(typed); got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
	}
}
