package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
	"go.yaml.in/yaml/v4"
)

// SMTPURL is the mail server, with the password to it. It prints as [secret].
type SMTPURL struct{ url *url.URL } // a pointer, so that no printing reaches what is behind it

// Set reports whether there is a mail server.
func (u SMTPURL) Set() bool { return u.url != nil }

// String hides the URL.
func (u SMTPURL) String() string { return "[secret]" }

// Format hides the URL from every verb of fmt.
func (u SMTPURL) Format(f fmt.State, _ rune) { io.WriteString(f, u.String()) }

// LogValue hides the URL from slog.
func (u SMTPURL) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText hides the URL from encoding/json and the like.
func (u SMTPURL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// setSMTPURL never repeats the value in its error.
func setSMTPURL(c *Config, n *yaml.Node) error {
	s, err := scalar(n)
	if err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("has to be smtp://HOST, smtps://HOST or smtp://USER:PASSWORD@HOST:PORT, with what is special in the password written as %XX")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("has a port that is no number from 1 to 65535")
		}
	}
	c.SMTPURL = SMTPURL{u}
	return nil
}

func parseMailFrom(s string) (string, error) {
	if _, err := mail.ParseAddress(s); err != nil {
		return "", fmt.Errorf("is %q; it has to be an address such as no-reply@auth.example.com or Gatehouse <no-reply@auth.example.com>", s)
	}
	return s, nil
}

// smtpTimeout bounds the connection to the mail server.
const smtpTimeout = 15 * time.Second

// mailer sends by SMTP.
func (u SMTPURL) mailer(from string) func(context.Context, Mail) error {
	return func(ctx context.Context, m Mail) error {
		message := gomail.NewMsg()
		if err := errors.Join(message.From(from), message.To(m.To)); err != nil {
			return fmt.Errorf("address an e-mail: %w", err)
		}
		message.Subject(m.Subject)
		message.SetDate()
		message.SetMessageID()
		message.SetBodyString(gomail.TypeTextPlain, m.Text)
		// The client leaves the connection open when the server does not offer what it asks for.
		var conn net.Conn
		defer func() {
			if conn != nil {
				conn.Close()
			}
		}()
		dial := func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			conn, err = u.dial(ctx, network, address)
			return conn, err
		}
		client, err := gomail.NewClient(u.url.Hostname(), append(u.options(), gomail.WithDialContextFunc(dial))...)
		if err != nil {
			return fmt.Errorf("set up the mail client: %w", err)
		}
		if err := client.DialAndSendWithContext(ctx, message); err != nil {
			return fmt.Errorf("send an e-mail by %s: %w", u.url.Host, err)
		}
		return nil
	}
}

// dial connects, with TLS from the start for smtps.
func (u SMTPURL) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: smtpTimeout}
	if u.url.Scheme != "smtps" {
		return dialer.DialContext(ctx, network, address)
	}
	secure := tls.Dialer{NetDialer: &dialer, Config: &tls.Config{ServerName: u.url.Hostname(), MinVersion: tls.VersionTLS12}}
	return secure.DialContext(ctx, network, address)
}

// smtpAuth is how the password is proved, best first. What shows it to the server is refused without TLS.
var smtpAuth = []gomail.SMTPAuthType{gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin}

// options are those of the mail client. A password never travels in the clear: without TLS there is no sending, but to this machine.
func (u SMTPURL) options() []gomail.Option {
	port, policy := 587, gomail.TLSMandatory
	options := []gomail.Option{gomail.WithTimeout(smtpTimeout)}
	if isLoopbackURL(u.url.String()) {
		policy = gomail.TLSOpportunistic
	}
	if u.url.Scheme == "smtps" {
		port, policy = 465, gomail.NoTLS // dial has begun with it
	}
	if given, err := strconv.Atoi(u.url.Port()); err == nil {
		port = given
	}
	options = append(options, gomail.WithTLSPolicy(policy), gomail.WithPort(port))
	if u.url.User != nil {
		password, _ := u.url.User.Password()
		options = append(options, gomail.WithOpportunisticSMTPAuth(smtpAuth...), gomail.WithUsername(u.url.User.Username()), gomail.WithPassword(password))
	}
	return options
}
