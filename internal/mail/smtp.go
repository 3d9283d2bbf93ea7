package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	gomail "github.com/wneessen/go-mail"
)

// Options are the settings of mail.
type Options struct {
	Server Server // zero: no mail is sent
	From   string // the sender; required with Server. Bounces come back to it
	Host   string // of our public URL: what we say to the mail server that we are
}

// Sender sends by the mail server of the options; nil without one.
func (o Options) Sender() Sender {
	if !o.Server.Set() {
		return nil
	}
	return func(ctx context.Context, m Mail) error { return o.Server.send(ctx, o, m) }
}

// Server is a mail server, with the password to it. It prints as [secret].
type Server struct{ url *url.URL } // a pointer, so that no printing reaches the password

// ParseServer reads smtp://USER:PASSWORD@HOST:PORT or smtps://…. It never repeats the text in its error, which may hold a
// password, and the error begins with a verb: the caller puts the name of the setting before it.
func ParseServer(s string) (Server, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return Server{}, errors.New("has to be smtp://HOST, smtps://HOST or smtp://USER:PASSWORD@HOST:PORT, with what is special in the password written as %XX")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return Server{}, errors.New("has a port that is no number from 1 to 65535")
		}
	}
	return Server{u}, nil
}

// Equal reports whether both are the same server with the same password.
func (s Server) Equal(other Server) bool {
	return s.Set() == other.Set() && (!s.Set() || s.url.String() == other.url.String())
}

// Set reports whether there is a mail server.
func (s Server) Set() bool { return s.url != nil }

// String hides the URL.
func (s Server) String() string { return "[secret]" }

// Format hides the URL from every verb of fmt.
func (s Server) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue hides the URL from slog.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the URL from encoding/json and the like.
func (s Server) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseFrom checks the sender of mails. Its error begins as that of ParseServer.
func ParseFrom(s string) (string, error) {
	if _, err := netmail.ParseAddress(s); err != nil {
		return "", fmt.Errorf("is %q; it has to be an address such as no-reply@auth.example.com or Gatehouse <no-reply@auth.example.com>", s)
	}
	return s, nil
}

// ErrLogin means that the mail server refused the user or the password.
var ErrLogin = errors.New("the mail server refuses the user or the password")

// smtpTimeout bounds the connection to the mail server.
const smtpTimeout = 15 * time.Second

// sendTimeout bounds one mail.
const sendTimeout = 45 * time.Second

// send sends a mail by SMTP. The error is ErrDown of the outbox when no mail can be sent, and its ErrRefused when this one never will be.
func (s Server) send(ctx context.Context, o Options, m Mail) error {
	message, unicode, err := o.message(m)
	if err != nil {
		return fmt.Errorf("%w: address a mail: %w", outbox.ErrRefused, withoutAddress(err, m.To))
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	// The library leaves the connection open when the server does not offer what it asks for, and does not look at ctx once it is open.
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return s.dial(ctx, network, address)
	}
	client, err := gomail.NewClient(s.url.Hostname(), append(s.options(), gomail.WithHELO(o.greeting()), gomail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}))...)
	if err != nil {
		return fmt.Errorf("set up the mail client: %w", err)
	}
	if !unicode {
		gomail.WithoutSMTPUTF8()(client)
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		if answer, ok := errors.AsType[*textproto.Error](err); ok && slices.Contains([]int{530, 534, 535}, answer.Code) { // RFC 4954 §6
			err = fmt.Errorf("%w: %w", ErrLogin, err)
		}
		return fmt.Errorf("send a mail by %s: %w: %w", s.url.Host, outbox.ErrDown, err)
	}
	defer client.CloseWithSMTPClient(connection) // an error after the mail was taken changes nothing
	if offered, _ := connection.Extension("SMTPUTF8"); unicode && !offered {
		return fmt.Errorf("%w: %s does not offer SMTPUTF8, which the recipient's address needs (RFC 6531)", outbox.ErrRefused, s.url.Host)
	}
	err = client.SendWithSMTPClient(connection, message)
	if err == nil || message.IsDelivered() {
		return nil
	}
	return fmt.Errorf("send the mail %s by %s: %w", message.GetMessageID(), s.url.Host, withoutAddress(judged(err), m.To))
}

// addresslessError is an error whose text does not name the recipient of a mail. Addresses are personal data, and logs are kept and copied by other
// rules than the database. The Message-ID finds the mail in the log of the mail server.
type addresslessError struct {
	err     error
	address string
}

// withoutAddress hides an address in an error: answers of mail servers quote it.
func withoutAddress(err error, address string) error { return &addresslessError{err, address} }

func (e *addresslessError) Error() string {
	if e.address == "" {
		return e.err.Error()
	}
	return regexp.MustCompile("(?i)"+regexp.QuoteMeta(e.address)).ReplaceAllLiteralString(e.err.Error(), "[recipient]")
}

func (e *addresslessError) Unwrap() error { return e.err }

// judged says what an answer of the mail server means for this mail and for others (RFC 5321 §4.2.1): 4yz is tried again, 5yz is not.
func judged(err error) error {
	answer, ok := errors.AsType[*gomail.SendError](err)
	switch {
	case !ok, answer.ErrorCode() == 421, answer.ErrorCode() == 0, answer.Reason == gomail.ErrSMTPMailFrom: // not about this mail's recipient or text
		return fmt.Errorf("%w: %w", outbox.ErrDown, err)
	case answer.ErrorCode() >= 500:
		return fmt.Errorf("%w: %w", outbox.ErrRefused, err)
	}
	return err
}

// dial connects, with TLS from the start for smtps.
func (s Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: smtpTimeout}
	if s.url.Scheme != "smtps" {
		return dialer.DialContext(ctx, network, address)
	}
	secure := tls.Dialer{NetDialer: &dialer, Config: &tls.Config{ServerName: s.url.Hostname(), MinVersion: tls.VersionTLS12}}
	return secure.DialContext(ctx, network, address)
}

// smtpAuth is the ways to prove the password, the best first. The library refuses those that show the password to the
// server when there is no TLS.
var smtpAuth = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}

// options are the options of the mail library. Without TLS nothing is sent, except to this machine, so a password never
// travels in the clear.
func (s Server) options() []gomail.Option {
	port, policy := 587, gomail.TLSMandatory
	options := []gomail.Option{gomail.WithTimeout(smtpTimeout)}
	if oauth.IsLoopback(s.url.Hostname()) {
		policy = gomail.TLSOpportunistic
	}
	if s.url.Scheme == "smtps" {
		port, policy = 465, gomail.NoTLS // dial has done it
	}
	if given, err := strconv.Atoi(s.url.Port()); err == nil {
		port = given
	}
	options = append(options, gomail.WithTLSPolicy(policy), gomail.WithPort(port))
	if s.url.User != nil {
		password, _ := s.url.User.Password()
		options = append(options, gomail.WithOpportunisticSMTPAuth(smtpAuth...), gomail.WithUsername(s.url.User.Username()), gomail.WithPassword(password))
	}
	return options
}
