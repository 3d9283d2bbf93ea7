package team

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// The longest things that are accepted.
const (
	maxEmailBytes = 254 // RFC 5321 §4.5.3.1.3, less the angle brackets
	maxNameRunes  = 100
	maxSlugBytes  = 63 // a DNS label, so that a slug may become a host name
)

var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// NormalizeEmail is the form in which e-mail addresses are compared: trimmed, in lower case, in Unicode's form NFC, and with the domain
// in its A-label form (RFC 5890 §2.3.2.1). It says nothing about whether it is one.
func NormalizeEmail(email string) string {
	email = norm.NFC.String(strings.ToLower(strings.TrimSpace(email)))
	local, domain, found := strings.Cut(email, "@")
	if ascii, err := idna.Lookup.ToASCII(domain); found && err == nil {
		return local + "@" + ascii
	}
	return email
}

// ParseEmail is an e-mail address as it was typed, trimmed, or a sentence saying why it cannot be one. Whether mail arrives there is
// another question.
func ParseEmail(email string) (string, error) {
	typed, normal := strings.TrimSpace(email), NormalizeEmail(email)
	switch {
	case normal == "":
		return "", errors.New("the e-mail is missing")
	case !utf8.ValidString(email): // lower case would hide it
		return "", errors.New("the e-mail is not UTF-8")
	case len(normal) > maxEmailBytes:
		return "", fmt.Errorf("the e-mail is longer than %d bytes", maxEmailBytes)
	}
	// mail.ParseAddress also reads comments, quotes and display names; what it returns is then not what it was given.
	address, err := mail.ParseAddress(normal)
	if err != nil || address.Address != normal || strings.Count(normal, "@") != 1 || strings.ContainsFunc(normal, unprintable) {
		return "", fmt.Errorf("%q is not an e-mail address", email)
	}
	return typed, nil
}

func unprintable(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }

// parseName is a person's or a team's name, trimmed.
func parseName(what, name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case name == "":
		return "", fmt.Errorf("the %s is missing", what)
	}
	return name, CheckText("the "+what, name)
}

// CheckText says what is wrong with a text that strangers are shown: the name of a person, a team or an application, or a reason.
// It keeps out what could disguise it: control characters, line breaks, characters that turn the direction of text or cannot be seen.
// what names the text in the error ("the name").
func CheckText(what, text string) error {
	return checkText(what, text, maxNameRunes, unfitForText)
}

// CheckLines is CheckText for a text of several lines, which has at most so many characters.
func CheckLines(what, text string, most int) error {
	return checkText(what, text, most, func(r rune) bool { return unfitForText(r) && r != '\n' && r != '\r' })
}

func checkText(what, text string, most int, unfit func(rune) bool) error {
	switch {
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", what)
	case utf8.RuneCountInString(text) > most:
		return fmt.Errorf("%s is longer than %d characters", what, most)
	case strings.ContainsFunc(text, unfit):
		return fmt.Errorf("%s has a control character or another that cannot be seen", what)
	}
	return nil
}

// unfitForText lets joiners through: Persian names and many emoji need them.
func unfitForText(r rune) bool {
	const zeroWidthNonJoiner, zeroWidthJoiner = '\u200c', '\u200d'
	return !unicode.IsGraphic(r) && r != zeroWidthNonJoiner && r != zeroWidthJoiner
}

// CheckSlug says what is wrong with a slug.
func CheckSlug(slug string) error {
	switch {
	case slug == "":
		return errors.New("the slug is missing")
	case len(slug) > maxSlugBytes:
		return fmt.Errorf("the slug is longer than %d characters", maxSlugBytes)
	case !slugPattern.MatchString(slug):
		return fmt.Errorf("the slug %q is not made of a-z, 0-9 and single hyphens between them, for example acme-labs", slug)
	}
	return nil
}

// CheckName says what is wrong with the name of a person or a team.
func CheckName(name string) error {
	_, err := parseName("name", name)
	return err
}
