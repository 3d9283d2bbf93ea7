package mail

import (
	"errors"
	netmail "net/mail"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/outbox"
)

// through is the options of a server that sends by a mail server.
func (s *mailServer) through() Options {
	return Options{Server: Server{&url.URL{Scheme: "smtp", Host: s.address}}, From: "Gatehouse <no-reply@mail.example.com>", Host: "auth.example.com"}
}

// conversation sends a mail and returns what the mail server was told, and the message in it.
func conversation(t *testing.T, s *mailServer, m Mail) (said string, header netmail.Header, message string) {
	t.Helper()
	if err := s.through().Sender()(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	said = <-s.received
	_, message, _ = strings.Cut(said, "DATA\n")
	message, _, _ = strings.Cut(message, "\n.\n")
	parsed, err := netmail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatalf("%v in\n%s", err, message)
	}
	return said, parsed.Header, message
}

// What automatic mail is asked for (RFC 3834 §5, RFC 5322 §3.6), and nothing that names the machine.
func TestMailIsAutomaticMail(t *testing.T) {
	s := newMailServer(t, nil)
	m := Mail{ID: "message-id", To: "ann@example.com", Subject: "Hello", Text: "Hello Ann"}
	said, header, _ := conversation(t, s, m)
	for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All", "User-Agent": "", "X-Mailer": "", "Precedence": "", "Return-Path": ""} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"EHLO auth.example.com\n", "MAIL FROM:<no-reply@mail.example.com>"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	id := header.Get("Message-ID")
	if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@mail.example.com>") || strings.Contains(id, m.ID) {
		t.Errorf("the Message-ID is %s", id)
	}
	if at, err := header.Date(); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("the date is %v, %v", at, err)
	}
	if host, err := os.Hostname(); err != nil || strings.Contains(said, host) {
		t.Errorf("the machine's name %q is in\n%s", host, said)
	}
	_, again, _ := conversation(t, s, m)
	if got := again.Get("Message-ID"); got != id {
		t.Errorf("a second attempt has the Message-ID %s, the first had %s", got, id)
	}
	m.ID = "another"
	if _, other, _ := conversation(t, s, m); other.Get("Message-ID") == id {
		t.Error("two mails have one Message-ID")
	}
}

// No line is longer than 998 characters, nor 78 where that can be (RFC 5322 §2.1.1), whatever people call themselves.
func TestLinesOfAMailAreShort(t *testing.T) {
	s := newMailServer(t, nil)
	for name, long := range map[string]string{
		"one word": strings.Repeat("x", 2000), "words": strings.Repeat("word ", 400), "another script": strings.Repeat("東京", 500), "dots": strings.Repeat(".\n", 500),
	} {
		_, _, message := conversation(t, s, Mail{To: "ann@example.com", Subject: "From " + long, Text: long + "\n" + long})
		head, body, _ := strings.Cut(message, "\n\n")
		for _, line := range strings.Split(body, "\n") {
			if len(line) > 78 {
				t.Errorf("%s: a line of the text has %d bytes", name, len(line))
			}
		}
		for _, line := range strings.Split(head, "\n") {
			if len(line) > 998 {
				t.Errorf("%s: a line of the header has %d bytes", name, len(line))
			}
		}
		if strings.IndexFunc(message, func(r rune) bool { return r > 126 }) >= 0 {
			t.Errorf("%s: the message is not ASCII", name)
		}
	}
}

// RFC 5321 §4.2.1: 5yz ends the attempts, 4yz does not. What concerns every mail is the mail server's.
func TestAnswersOfTheMailServer(t *testing.T) {
	for name, tt := range map[string]struct {
		replies map[string]string
		want    error // nil: to be tried again
	}{
		"no such person":                 {map[string]string{"RCPT": "550 5.1.1 no such person"}, outbox.ErrRefused},
		"greylisted":                     {map[string]string{"RCPT": "450 4.2.0 greylisted"}, nil},
		"the text is refused":            {map[string]string{".": "554 5.7.1 no"}, outbox.ErrRefused},
		"the text is refused for now":    {map[string]string{".": "451 4.3.0 later"}, nil},
		"data is refused":                {map[string]string{"DATA": "554 5.5.1 no"}, outbox.ErrRefused},
		"the sender is refused":          {map[string]string{"MAIL": "550 5.7.1 who are you"}, outbox.ErrDown},
		"the server closes":              {map[string]string{"RCPT": "421 4.3.2 closing"}, outbox.ErrDown},
		"the greeting is refused":        {map[string]string{"EHLO": "550 no", "HELO": "550 no"}, outbox.ErrDown},
		"taken, and then a bad good-bye": {map[string]string{"QUIT": "500 what?", "RSET": "500 what?"}, errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMailServer(t, nil, tt.replies)
			err := s.through().Sender()(t.Context(), Mail{To: "ann@example.com", Subject: "x", Text: "x"})
			if tt.want == errors.ErrUnsupported {
				if err != nil {
					t.Errorf("the mail was taken, and the error is %v", err)
				}
				return
			}
			if err == nil || errors.Is(err, outbox.ErrRefused) != (tt.want == outbox.ErrRefused) || errors.Is(err, outbox.ErrDown) != (tt.want == outbox.ErrDown) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want == outbox.ErrRefused && !strings.Contains(err.Error(), "@mail.example.com>") {
				t.Errorf("the operator does not see which mail it was: %v", err)
			}
		})
	}
	gone := newMailServer(t, nil)
	options := gone.through()
	options.Server = Server{&url.URL{Scheme: "smtp", Host: "127.0.0.1:1"}}
	if err := options.Sender()(t.Context(), Mail{To: "ann@example.com"}); !errors.Is(err, outbox.ErrDown) {
		t.Errorf("nobody listens: %v", err)
	}
}

// An address that needs SMTPUTF8 is given only to a server that offers it (RFC 6531 §3.4). A domain never needs it, and mails that do not
// need it do not ask for it.
func TestAddressesThatNeedSMTPUTF8(t *testing.T) {
	offers := map[string]string{"EHLO": "250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8"}
	plain := Mail{To: "ann@münchen.example", Subject: "Grüße", Text: "Grüße"}
	said, header, _ := conversation(t, newMailServer(t, nil, offers), plain)
	if !strings.Contains(said, "RCPT TO:<ann@xn--mnchen-3ya.example>") || strings.Contains(said, "SMTPUTF8\n") || !strings.Contains(header.Get("To"), "xn--mnchen-3ya") {
		t.Errorf("a domain in Unicode:\n%s", said)
	}
	unicode := Mail{To: "jörg@münchen.example", Subject: "Grüße", Text: "Grüße"}
	said, _, message := conversation(t, newMailServer(t, nil, offers), unicode)
	if !strings.Contains(said, "RCPT TO:<jörg@xn--mnchen-3ya.example>") || !strings.Contains(said, " SMTPUTF8\n") || !strings.Contains(message, "To: <jörg@") {
		t.Errorf("a local part in Unicode:\n%s", said)
	}
	s := newMailServer(t, nil)
	err := s.through().Sender()(t.Context(), unicode)
	if !errors.Is(err, outbox.ErrRefused) || !strings.Contains(err.Error(), "SMTPUTF8") || strings.Contains(err.Error(), "jörg@") {
		t.Errorf("a server without it: %v", err)
	}
	if said := <-s.received; strings.Contains(said, "MAIL") {
		t.Errorf("it was told\n%s", said)
	}
}

// Our name in EHLO is a host name or an address literal (RFC 5321 §4.1.3).
func TestGreeting(t *testing.T) {
	for host, want := range map[string]string{"auth.example.com": "auth.example.com", "192.0.2.1": "[192.0.2.1]", "2001:db8::1": "[IPv6:2001:db8::1]", "": "localhost"} {
		if got := (Options{Host: host}).greeting(); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
