package authn

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"golang.org/x/text/secure/precis"
)

const (
	leastAlone       = 15 // characters, where a password is all there is (NIST SP 800-63B-4 §3.1.1.2)
	leastWithFactor  = 8  // where everybody has to have a second factor too
	maxPasswordBytes = 256
	minStrength      = 2  // of zxcvbn's 0 to 4: about a hundred million guesses
	weighed          = 64 // bytes whose strength is judged: the time grows with the cube of the length
)

// MinPasswordLength is how many characters a new password needs at least.
func (a *Authenticator) MinPasswordLength() int {
	switch {
	case a.opts.PasswordMinLength > 0:
		return a.opts.PasswordMinLength
	case a.opts.RequireSecondFactor == RequireAll:
		return leastWithFactor
	}
	return leastAlone
}

// CheckPassword is *WeakPasswordError when a new password is too short or too easy to guess. words are what an attacker would try first.
func (a *Authenticator) CheckPassword(password string, words ...string) error {
	return CheckPassword(a.MinPasswordLength(), password, words...)
}

// CheckPassword is *WeakPasswordError when a password is too short (fewer characters than least), too long (over 256 bytes) or too easy
// to guess, in the form in which it is hashed. words are what an attacker would try first.
func CheckPassword(least int, password string, words ...string) error {
	if !utf8.ValidString(password) {
		return &WeakPasswordError{Words: "password.weak.not_text"}
	}
	prepared, err := preparePassword(password)
	switch {
	case err != nil && password != "":
		return &WeakPasswordError{Words: "password.weak.character"}
	case utf8.RuneCountInString(prepared) < least:
		return &WeakPasswordError{"password.weak.short", least}
	case len(prepared) > maxPasswordBytes:
		return &WeakPasswordError{"password.weak.long", maxPasswordBytes}
	}
	password = prepared
	head := password[:min(len(password), weighed)]
	strength := zxcvbn.PasswordStrength(head, guessable(words))
	if strength.Score >= minStrength {
		return nil
	}
	var patterns []string
	for _, m := range strength.MatchSequence {
		patterns = append(patterns, m.Pattern+" "+m.DictionaryName)
	}
	return &WeakPasswordError{Words: advice(patterns)}
}

// preparePassword is a password in the form in which it is hashed: OpaqueString (RFC 8265 §4.2), so that it does not matter which
// keyboard composes its characters. The error is for a password with characters that this form does not allow.
func preparePassword(password string) (string, error) { return precis.OpaqueString.String(password) }

// guessable is the words and their parts: for ada.lovelace@example.com also ada, lovelace, example and com.
func guessable(words []string) []string {
	out := []string{"gatehouse"}
	for _, word := range words {
		word = strings.ToLower(word)
		out = append(out, word)
		out = append(out, strings.FieldsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })...)
	}
	return out
}

// advice is the key of the words that say why a password is weak, and what to do. patterns are those that were found in it.
func advice(patterns []string) string {
	has := func(prefix string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return strings.HasPrefix(p, prefix) })
	}
	switch {
	case has("dictionary user_inputs"):
		return "password.weak.name"
	case has("repeat"):
		return "password.weak.repeat"
	case has("sequence"), has("spatial"):
		return "password.weak.sequence"
	case has("dictionary Passwords"):
		return "password.weak.common"
	case has("date"):
		return "password.weak.date"
	}
	return "password.weak.guessable"
}

// SetPassword checks and stores a password, and ends the user's sessions. The error is *WeakPasswordError,
// *limit.ThrottledError when the server is busy with other passwords, team.ErrNoUser, or a failure of the store.
func (a *Authenticator) SetPassword(ctx context.Context, u team.User, password string) error {
	hash, err := a.newHash(ctx, u, password)
	if err != nil {
		return err
	}
	if err := a.store.SetPassword(ctx, u.ID, hash, a.rightTime()); err != nil {
		return fmt.Errorf("set password of user %s: %w", u.ID, err)
	}
	return nil
}

// NewHash is the hash of a password that somebody chooses who gets an account. *WeakPasswordError, *limit.ThrottledError.
func (a *Authenticator) NewHash(ctx context.Context, email, name, password string) (string, error) {
	return a.newHash(ctx, team.User{Email: email, Name: name}, password)
}

// newHash checks a new password of a person, and hashes it. *WeakPasswordError, *limit.ThrottledError.
func (a *Authenticator) newHash(ctx context.Context, u team.User, password string) (string, error) {
	if err := a.CheckPassword(password, u.Email, u.Name); err != nil {
		return "", err
	}
	password, err := preparePassword(password)
	if err != nil {
		return "", err
	}
	return a.hasher.hash(ctx, password)
}
