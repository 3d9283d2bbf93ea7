package mail

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	netmail "net/mail"
	"net/netip"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"
)

// message is a mail as it is sent, and whether it needs SMTPUTF8 (RFC 6531). Everything in it that names us comes from the settings, never from the
// name of the machine.
func (o Options) message(m Mail) (message *gomail.Msg, unicode bool, err error) {
	from, err := parseAddress(o.From)
	if err != nil {
		return nil, false, err
	}
	to, err := parseAddress(m.To)
	if err != nil {
		return nil, false, err
	}
	message = gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(from) // and the Return-Path: somebody has to hear of bounces
	message.ToMailAddress(to)
	message.Subject(shortened(m.Subject))
	message.SetDate()
	message.SetMessageIDWithValue(messageID(m.ID) + "@" + domain(from.Address))
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no out-of-office reply
	message.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" { // multipart/alternative: the last part is the one that is preferred (RFC 2046 §5.1.4)
		message.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	return message, !isASCII(from.Address) || !isASCII(to.Address), nil
}

// parseAddress is an address whose domain is an A-label, so that only a local part can need SMTPUTF8.
func parseAddress(s string) (*netmail.Address, error) {
	a, err := netmail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	at := strings.LastIndexByte(a.Address, '@')
	if ascii, err := idna.Lookup.ToASCII(a.Address[at+1:]); err == nil {
		a.Address = a.Address[:at+1] + ascii
	}
	return a, nil
}

// shortened keeps a subject shorter than a line may be (RFC 5322 §2.1.1), also when it is one word.
func shortened(subject string) string {
	const most = 200
	if runes := []rune(subject); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return subject
}

func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > 126 }) < 0 }

// messageID is the left half of a Message-ID (RFC 5322 §3.6.4). Each attempt to send a message has the same, so a mail server can see that it is one mail.
func messageID(id string) string {
	if id == "" {
		id = rand.Text()
	}
	sum := sha256.Sum256([]byte(id))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// greeting is our name in EHLO (RFC 5321 §4.1.3, §4.1.4).
func (o Options) greeting() string {
	address, err := netip.ParseAddr(o.Host)
	switch {
	case o.Host == "":
		return "localhost"
	case err == nil && address.Is4():
		return "[" + o.Host + "]"
	case err == nil:
		return "[IPv6:" + o.Host + "]"
	}
	return o.Host
}
