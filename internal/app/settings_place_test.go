package app

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

const (
	passphrase = "a long and quiet passphrase"
	callback   = "https://weather.example/cb"

	// RFC 7636, appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// guest is a browser, or an application, at an address.
type guest struct {
	p       *place
	address string
	cookies map[string]string
}

func (p *place) from(address string) *guest {
	return &guest{p: p, address: address, cookies: map[string]string{}}
}

func (p *place) answer(method, path, body string, headers ...string) *answer {
	return p.from("192.0.2.1").do(method, path, body, headers...)
}

func (p *place) post(path string, namesAndValues ...string) *answer {
	return p.from("192.0.2.1").post(path, namesAndValues...)
}

// answer is what a request got.
type answer struct{ *httptest.ResponseRecorder }

func (a *answer) status() string { return strconv.Itoa(a.Code) }

func (g *guest) do(method, path, body string, headers ...string) *answer {
	r := httptest.NewRequestWithContext(g.p.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = g.address + ":1234"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for name, value := range g.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	g.p.Handler().ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		g.cookies[c.Name] = c.Value
	}
	return &answer{w}
}

func (g *guest) get(path string) *answer { return g.do(http.MethodGet, path, "") }

func (g *guest) post(path string, namesAndValues ...string) *answer {
	form := url.Values{}
	for i := 0; i < len(namesAndValues); i += 2 {
		form.Add(namesAndValues[i], namesAndValues[i+1])
	}
	return g.do(http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

// The team and the application of the tests.
var acme = team.Team{ID: "t-acme", Slug: "acme", Name: "Acme"}

const weather = "c-weather"

// settle makes ann, her team and an application, once.
func (p *place) settle() {
	p.Helper()
	if p.settled {
		return
	}
	p.settled = true
	ann := addUser(p.T, p.App, "ann@example.com", passphrase)
	p.ok(p.Store.AddTeam(p.Context(), acme))
	p.ok(p.Store.AddMember(p.Context(), team.Membership{User: ann.ID, Team: acme, Role: team.Member, CreatedAt: p.clock.Now()}))
	p.ok(p.Store.AddClient(p.Context(), client.Client{ID: weather, Name: "Weather Bot", Public: true, RedirectURIs: []string{callback}, CreatedAt: p.clock.Now()}))
}

func (p *place) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// addClient adds a machine client.
func (p *place) addClient(machine bool) (id, secret string) {
	p.Helper()
	p.settle()
	made := token.NewSecret(token.PrefixClientSecret)
	c := client.Client{ID: "c-machine", Name: "Machine", Machine: machine, Team: acme, Secrets: []client.Secret{{Hash: made.Hash(), CreatedAt: p.clock.Now()}}, CreatedAt: p.clock.Now()}
	p.ok(p.Store.AddClient(p.Context(), c))
	return string(c.ID), made.Reveal()
}

// machine is the token response to a machine.
func (p *place) machine() map[string]any {
	p.Helper()
	id, secret := p.addClient(true)
	return p.token("grant_type", "client_credentials", "client_id", id, "client_secret", secret)
}

func (p *place) token(namesAndValues ...string) map[string]any {
	p.Helper()
	var response map[string]any
	if err := json.Unmarshal(p.post("/o/token/", namesAndValues...).Body.Bytes(), &response); err != nil {
		p.Fatal(err)
	}
	return response
}

func (p *place) redeem(code string) map[string]any {
	p.Helper()
	return p.token("grant_type", "authorization_code", "client_id", weather, "code", code, "redirect_uri", callback, "code_verifier", verifier)
}

func (p *place) refresh(refreshToken any) map[string]any {
	p.Helper()
	text, _ := refreshToken.(string)
	return p.token("grant_type", "refresh_token", "client_id", weather, "refresh_token", text)
}

// signedIn is ann's browser.
func (p *place) signedIn() *guest {
	p.Helper()
	p.settle()
	g := p.from("192.0.2.1")
	if a := g.post("/login/", "email", "ann@example.com", "password", passphrase); a.Code != http.StatusSeeOther {
		p.Fatalf("signing in: got %d %s", a.Code, a.Body)
	}
	return g
}

// code is a code of ann's.
func (p *place) code() string {
	p.Helper()
	return p.signedIn().code()
}

func (g *guest) authorize() *answer {
	return g.get("/o/authorize/?" + url.Values{
		"response_type": {"code"}, "client_id": {weather}, "redirect_uri": {callback}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
		"scope": {"openid " + g.p.Config.Authz.Catalogue.Scope()[0]},
	}.Encode())
}

// consent is the sealed request of the consent page.
func (g *guest) consent() string {
	g.p.Helper()
	body := g.authorize().Body.String()
	found := regexp.MustCompile(`name="request" value="([^"]+)"`).FindStringSubmatch(body)
	if found == nil {
		g.p.Fatalf("no consent page:\n%s", body)
	}
	return found[1]
}

func (g *guest) agree(request string) *answer {
	return g.post("/o/consent/", "request", request, "decision", "authorize", "team", string(acme.ID))
}

func (g *guest) code() string {
	g.p.Helper()
	a := g.authorize()
	if a.Code == http.StatusOK {
		a = g.agree(g.consent())
	}
	to, err := url.Parse(a.Header().Get("Location"))
	if err != nil || to.Query().Get("code") == "" {
		g.p.Fatalf("no code: got %d %s", a.Code, a.Header().Get("Location"))
	}
	return to.Query().Get("code")
}

func decodePart(part string) []byte {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		panic(err)
	}
	return decoded
}

// mailSink is a mail server that takes everything, and the lines of what it took.
func mailSink(t *testing.T) (address string, lines chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	lines = make(chan string, 1000)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go takeMail(c, lines)
		}
	}()
	return l.Addr().String(), lines
}

func takeMail(c net.Conn, lines chan<- string) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	say := func(s string) { c.Write([]byte(s + "\r\n")) }
	say("220 sink")
	inMail := false
	for in := bufio.NewScanner(c); in.Scan(); {
		switch line := in.Text(); {
		case inMail && line != ".":
			lines <- line
		case line == "DATA":
			inMail = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			inMail = false
			say("250 ok")
		}
	}
}

// writeCertificates writes one.pem and two.pem for the key of key.pem, and other.pem with another key.
func writeCertificates(t *testing.T, dir string) {
	t.Helper()
	write := func(name, kind string, der []byte) {
		if err := os.WriteFile(dir+"/"+name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var key *ecdsa.PrivateKey
	for _, name := range []string{"other.pem", "key.pem"} {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		write(name, "PRIVATE KEY", der)
	}
	for _, name := range []string{"one", "two"} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		write(name+".pem", "CERTIFICATE", der)
	}
}

// certificateName is what the public listener calls itself, or why it does not open.
func (p *place) certificateName() string {
	if _, err := p.certificate(); err != nil {
		return regexp.MustCompile("(?s)/.*/").ReplaceAllString(err.Error(), "")
	}
	conn, err := tls.Dial("tcp", p.serving().public, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}
