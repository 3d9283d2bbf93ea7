package app

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// secretFiles is a server whose secrets are in files.
type secretFiles struct {
	*testing.T
	dir string
	log *testkit.Log
	*App
}

func newSecretFiles(t *testing.T, smtpURL string) *secretFiles {
	t.Helper()
	f := &secretFiles{T: t, dir: t.TempDir(), log: &testkit.Log{}}
	f.write("master", token.NewMasterKey().Text())
	f.write("smtp", smtpURL)
	f.write("database", "sqlite:"+filepath.Join(f.dir, "gatehouse.db"))
	read := func() (config.Config, error) {
		return config.Load("", []string{
			"GATEHOUSE_MASTER_KEY_FILE=" + f.path("master"), "GATEHOUSE_SMTP_URL_FILE=" + f.path("smtp"), "GATEHOUSE_DATABASE_URL_FILE=" + f.path("database"),
			"GATEHOUSE_MAIL_FROM=no-reply@auth.example.com",
		})
	}
	cfg, err := read()
	if err != nil {
		t.Fatal(err)
	}
	f.App, err = Open(t.Context(), cfg, Deps{Log: slog.New(slog.NewJSONHandler(f.log, nil)), Reread: read})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.App.Close() })
	return f
}

func (f *secretFiles) path(name string) string { return filepath.Join(f.dir, name) }

func (f *secretFiles) write(name, text string) {
	f.Helper()
	if err := os.WriteFile(f.path(name), []byte(text+"\n"), 0o600); err != nil {
		f.Fatal(err)
	}
}

// passwordServer is a mail server that takes mails from who has its password.
type passwordServer struct {
	address  string
	mu       sync.Mutex
	password string
	taken    int
}

func newPasswordServer(t *testing.T, password string) *passwordServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := &passwordServer{address: l.Addr().String(), password: password}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.converse(conn)
		}
	}()
	return s
}

func (s *passwordServer) url(password string) string {
	return "smtp://gatehouse:" + password + "@" + s.address
}

func (s *passwordServer) set(password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
}

func (s *passwordServer) converse(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mail.test\r\n")
	inData := false
	for in := bufio.NewScanner(conn); in.Scan(); {
		verb, rest, _ := strings.Cut(in.Text(), " ")
		s.mu.Lock()
		switch {
		case inData && in.Text() == ".":
			inData = false
			s.taken++
			fmt.Fprint(conn, "250 taken\r\n")
		case inData:
		case verb == "EHLO":
			fmt.Fprint(conn, "250-mail.test\r\n250 AUTH PLAIN\r\n")
		case verb == "AUTH":
			said, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if string(said) == "\x00gatehouse\x00"+s.password {
				fmt.Fprint(conn, "235 welcome\r\n")
			} else {
				fmt.Fprint(conn, "535 wrong\r\n")
			}
		case verb == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
		case verb == "DATA":
			inData = true
			fmt.Fprint(conn, "354 go on\r\n")
		default:
			fmt.Fprint(conn, "250 fine\r\n")
		}
		s.mu.Unlock()
	}
}

var oneMail = mail.Mail{To: "ann@example.com", Subject: "Hello", Text: "Hello."}

// A new password of the mail server is used as soon as the old one is refused.
func TestNewPasswordOfTheMailServer(t *testing.T) {
	server := newPasswordServer(t, "old")
	f := newSecretFiles(t, server.url("old"))
	if err := f.sendMail(t.Context(), oneMail); err != nil {
		t.Fatal(err)
	}
	server.set("new")
	if err := f.sendMail(t.Context(), oneMail); !errors.Is(err, mail.ErrLogin) {
		t.Errorf("while the file has the old password: %v", err)
	}
	f.write("smtp", server.url("new"))
	if err := f.sendMail(t.Context(), oneMail); err != nil {
		t.Errorf("the file has the new password: %v", err)
	}
	if server.taken != 2 {
		t.Errorf("%d mails were taken, want 2", server.taken)
	}
}

// SIGHUP reads all secrets in files again. A file that cannot be used changes nothing.
func TestHangupReadsTheSecretsAgain(t *testing.T) {
	server := newPasswordServer(t, "new")
	f := newSecretFiles(t, server.url("old"))
	hangup := make(chan os.Signal)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.watchFiles(ctx, hangup, nil)
	}()
	f.write("smtp", "nonsense")
	hangup <- syscall.SIGHUP
	f.write("smtp", server.url("new")) // may be read by the first signal: then that is the one which uses it
	hangup <- syscall.SIGHUP
	hangup <- syscall.SIGHUP // taken when the second one was handled
	if got := *f.mailServer.Load(); !got.Equal(mustParse(t, server.url("new"))) {
		t.Error("the password in the file is not used")
	}
	stop()
	<-ended
	if strings.Contains(f.log.String(), "gatehouse:") {
		t.Errorf("the log has a password:\n%s", f.log)
	}
}

func mustParse(t *testing.T, url string) mail.Server {
	t.Helper()
	server, err := mail.ParseServer(url)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// When a command has sealed the keys under another master key, a running server takes that from its file.
func TestNewMasterKeyWithoutARestart(t *testing.T) {
	f := newSecretFiles(t, "smtp://127.0.0.1:1")
	master := token.NewMasterKey()
	f.write("master", master.Text())
	f.rereadSecrets(t.Context()) // too early: the keys are still sealed under the old one
	f.reloadKeys(t.Context())
	if !strings.Contains(f.log.String(), "read secrets again") {
		t.Errorf("the log does not say that the new master key opens nothing:\n%s", f.log)
	}
	if err := f.RotateKeys(t.Context()); err != nil {
		t.Errorf("with the old master key: %v", err)
	}
	command, err := token.OpenKeyring(t.Context(), f.Store, f.Config.MasterKey, f.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Reseal(t.Context(), master); err != nil {
		t.Fatal(err)
	}
	f.reloadKeys(t.Context())
	if err := f.Keys.Reload(t.Context()); err != nil {
		t.Errorf("after the keys were sealed anew: %v", err)
	}
}
