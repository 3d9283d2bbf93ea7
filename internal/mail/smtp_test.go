package mail

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"net/url"
	"strings"
	"testing"
)

// mailServer is as much of a mail server as takes one message.
type mailServer struct {
	address  string
	received chan string // the commands and the message of each connection
}

// newMailServer starts one. replies are what it answers to some commands instead of the usual, by how they begin.
func newMailServer(t *testing.T, config *tls.Config, replies ...map[string]string) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	t.Cleanup(func() { l.Close() })
	s := &mailServer{l.Addr().String(), make(chan string, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.received <- converse(conn, replies)
		}
	}()
	return s
}

// converse answers a mail client (RFC 5321 §3) and returns what it said.
func converse(conn net.Conn, replies []map[string]string) string {
	defer conn.Close()
	var said strings.Builder
	in := bufio.NewScanner(conn)
	fmt.Fprint(conn, "220 mail.test\r\n")
	other := func(line string) (reply string, found bool) {
		for _, r := range replies {
			for command, reply := range r {
				if strings.HasPrefix(line, command) {
					return reply, true
				}
			}
		}
		return "", false
	}
	for inData := false; in.Scan(); {
		line := in.Text()
		said.WriteString(line + "\n")
		if reply, found := other(line); found && (!inData || line == ".") {
			inData = false
			fmt.Fprint(conn, reply+"\r\n")
			continue
		}
		switch verb, _, _ := strings.Cut(line, " "); {
		case inData && line == ".":
			inData = false
			fmt.Fprint(conn, "250 taken\r\n")
		case inData:
		case verb == "DATA":
			inData = true
			fmt.Fprint(conn, "354 go on\r\n")
		case verb == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return said.String()
		case verb == "EHLO":
			fmt.Fprint(conn, "250-mail.test\r\n250 AUTH PLAIN\r\n")
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
	}
	return said.String()
}

func TestMailIsSentBySMTP(t *testing.T) {
	server := newMailServer(t, nil)
	if (Options{}).Sender() != nil {
		t.Error("mails are sent without a server")
	}
	send := Options{Server: Server{&url.URL{Scheme: "smtp", Host: server.address}}, From: "Gatehouse <no-reply@auth.example.com>"}.Sender()
	if err := send(t.Context(), Mail{To: "ann@example.com", Subject: "Grüße, Ann", Text: "Hello Ann,\n\na line\n.\nand a dot\n"}); err != nil {
		t.Fatal(err)
	}
	said := <-server.received
	for _, want := range []string{"MAIL FROM:<no-reply@auth.example.com>", "RCPT TO:<ann@example.com>"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	_, message, _ := strings.Cut(said, "DATA\n")
	m, err := netmail.ReadMessage(strings.NewReader(message))
	if err != nil {
		t.Fatalf("%v in\n%s", err, message)
	}
	for _, name := range []string{"Date", "Message-ID", "Content-Type"} {
		if m.Header.Get(name) == "" {
			t.Errorf("no %s in\n%s", name, message)
		}
	}
	if !strings.HasPrefix(m.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("it is %s", m.Header.Get("Content-Type"))
	}
	if !strings.Contains(message, "and a dot") {
		t.Errorf("the text is cut off:\n%s", message)
	}
}

// A name or an address cannot add headers or recipients.
func TestMailCannotBeInjectedInto(t *testing.T) {
	server := newMailServer(t, nil)
	send := Options{Server: Server{&url.URL{Scheme: "smtp", Host: server.address}}, From: "no-reply@auth.example.com"}.Sender()
	if err := send(t.Context(), Mail{To: "ann@example.com\r\nRCPT TO:<eve@example.com>", Subject: "x", Text: "x"}); err == nil {
		t.Error("an address of two lines was taken")
	}
	if err := send(t.Context(), Mail{To: "ann@example.com", Subject: "x\r\nBcc: eve@example.com", Text: "x"}); err != nil {
		t.Fatal(err)
	}
	if said := <-server.received; strings.Contains(said, "\nBcc:") {
		t.Errorf("a subject became a header:\n%s", said)
	}
}

// testCertificate is one that nobody vouches for.
func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.StartTLS()
	defer server.Close()
	return server.TLS.Certificates[0]
}

// A server that speaks TLS from the start gets the password, one whose certificate nobody vouches for gets nothing.
func TestMailServerWithTLSFromTheStart(t *testing.T) {
	server := newMailServer(t, &tls.Config{Certificates: []tls.Certificate{testCertificate(t)}})
	send := Options{Server: Server{&url.URL{Scheme: "smtps", User: url.UserPassword("us", "hunter2"), Host: server.address}}, From: "a@example.com"}.Sender()
	if err := send(t.Context(), Mail{To: "b@example.com"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
	if said := <-server.received; said != "" {
		t.Errorf("it was told %s", said)
	}
}

func TestMailServerWithOldTLSGetsNothing(t *testing.T) {
	server := newMailServer(t, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{testCertificate(t)}})
	send := Options{Server: Server{&url.URL{Scheme: "smtps", User: url.UserPassword("us", "hunter2"), Host: server.address}}, From: "a@example.com"}.Sender()
	if err := send(t.Context(), Mail{To: "b@example.com"}); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("got %v, want that no version of TLS is common to both", err)
	}
}

func TestMailServerWithoutTLSGetsNothingFromAnotherMachine(t *testing.T) {
	server := newMailServer(t, nil)
	_, port, err := net.SplitHostPort(server.address)
	if err != nil {
		t.Fatal(err)
	}
	// 0.0.0.0 reaches this machine, and is not known to be it.
	err = Options{Server: Server{&url.URL{Scheme: "smtp", User: url.UserPassword("us", "hunter2"), Host: "0.0.0.0:" + port}}, From: "a@example.com"}.Sender()(t.Context(), Mail{To: "b@example.com"})
	if err == nil || !strings.Contains(err.Error(), "STARTTLS") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want a failure for want of STARTTLS", err)
	}
	if said := <-server.received; strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL") {
		t.Errorf("it was told\n%s", said)
	}
}

func TestServerDoesNotPrint(t *testing.T) {
	cfg := Options{Server: Server{&url.URL{Scheme: "smtp", User: url.UserPassword("us", "hunter2"), Host: "mail.example.com"}}}
	text, err := json.Marshal(cfg.Server)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "url", cfg.Server)
	for _, printed := range []string{string(text), logged.String(), fmt.Sprint(cfg.Server), fmt.Sprintf("%v %+v %#v %s", cfg.Server, cfg, cfg.Server, cfg.Server)} {
		if strings.Contains(printed, "hunter2") {
			t.Errorf("the password is in %s", printed)
		}
	}
}

// TestErrorsDoNotNameTheRecipient: what the mail server says about an address is logged without the address, and with the Message-ID.
func TestErrorsDoNotNameTheRecipient(t *testing.T) {
	for command, reply := range map[string]string{
		"RCPT TO:": "550 5.1.1 <ANN@example.com>: Recipient address rejected: no ann@example.com here", "DATA": "451 4.7.1 not now, ann@example.com",
	} {
		s := newMailServer(t, nil, map[string]string{command: reply})
		err := s.through().Sender()(t.Context(), Mail{ID: "m1", To: "ann@example.com", Subject: "x", Text: "x"})
		if err == nil || strings.Contains(strings.ToLower(err.Error()), "ann") || !strings.Contains(err.Error(), messageID("m1")+"@") || !strings.Contains(err.Error(), reply[:3]) {
			t.Errorf("%s: the error is %v", command, err)
		}
	}
	for _, to := range []string{"no address", "ann@example.com\r\nRCPT TO:<eve@example.com>"} {
		err := Options{Server: Server{&url.URL{Scheme: "smtp", Host: "192.0.2.1"}}, From: "a@example.com"}.Sender()(t.Context(), Mail{To: to})
		if err == nil || strings.Contains(err.Error(), to) {
			t.Errorf("the error is %v", err)
		}
	}
}
