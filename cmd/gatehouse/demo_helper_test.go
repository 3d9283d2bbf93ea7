package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// runningDemo is a demo that has started.
type runningDemo struct {
	demoJSON
	stop func()
	said *demoLog
}

// demoLog is the standard error of a demo.
type demoLog struct {
	mu     sync.Mutex
	mails  chan string // the e-mails, in order
	others strings.Builder
}

// Write implements io.Writer. The demo writes each e-mail in one call.
func (l *demoLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.HasPrefix(p, []byte(mailMark)) {
		l.mails <- strings.ReplaceAll(string(p), mailMark, "")
	} else {
		l.others.Write(p)
	}
	return len(p), nil
}

// mail returns the next e-mail.
func (l *demoLog) mail(t *testing.T) string {
	t.Helper()
	select {
	case m := <-l.mails:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("no e-mail came")
		return ""
	}
}

// startDemo runs the command "gatehouse demo" in this process, and waits for its output.
func startDemo(t *testing.T, dir string, port int) runningDemo {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	printed, stdout := io.Pipe()
	stderr := &demoLog{mails: make(chan string, 100)}
	e := &env{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, now: time.Now}
	root := newRootCommand(e)
	root.SetArgs([]string{"demo", "--json", "--data", dir, "--port", fmt.Sprint(port)})
	done := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		stdout.CloseWithError(io.EOF)
		done <- err
	}()
	d := runningDemo{said: stderr}
	ended := false
	d.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the demo ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the demo does not end")
		}
		if stderr.others.Len() > 0 {
			t.Errorf("the demo logged: %s", &stderr.others)
		}
	}
	t.Cleanup(d.stop)
	if err := json.NewDecoder(printed).Decode(&d.demoJSON); err != nil {
		t.Fatalf("the demo printed nothing (%v)", err)
	}
	return d
}

// freePorts returns a free port whose next port is also free.
func freePorts(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		next, err := net.Listen("tcp", fmt.Sprint("localhost:", port+1))
		l.Close()
		if err == nil {
			next.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

// browser follows redirects, keeps cookies and submits forms.
type browser struct {
	t      *testing.T
	client *http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return browser{t, &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second}}
}

// page is the page that the browser ended on.
type page struct {
	url    *url.URL
	status int
	body   string
}

func (b browser) do(req *http.Request) page {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{resp.Request.URL, resp.StatusCode, string(body)}
}

func (b browser) get(target string) page {
	b.t.Helper()
	req, err := http.NewRequest("GET", target, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b browser) post(target string, form url.Values) page {
	b.t.Helper()
	req, err := http.NewRequest("POST", target, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

var (
	formAction  = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`)
	teamChoice  = regexp.MustCompile(`(?s)<input type="radio" name="team" value="([^"]+)".*?<code>([^<]+)</code>`)
)

// submit sends the form of a page with its hidden fields and values.
func (b browser) submit(p page, values url.Values) page {
	b.t.Helper()
	action := formAction.FindStringSubmatch(p.body)
	if action == nil {
		b.t.Fatalf("no form at %s (%d):\n%s", p.url, p.status, p.body)
	}
	for _, m := range hiddenInput.FindAllStringSubmatch(p.body, -1) {
		if !values.Has(m[1]) {
			values.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	target, err := p.url.Parse(html.UnescapeString(action[1]))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post(target.String(), values)
}

// choose agrees for a team, and selects it if the page offers a choice.
func (b browser) choose(p page, slug string) page {
	b.t.Helper()
	values := url.Values{"decision": {"authorize"}}
	for _, m := range teamChoice.FindAllStringSubmatch(p.body, -1) {
		if m[2] == slug {
			values.Set("team", m[1])
		}
	}
	return b.submit(p, values)
}

// tokenOf posts to the token endpoint.
func (b browser) tokenOf(d runningDemo, form url.Values) (token struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Team         string `json:"team"`
},
) {
	b.t.Helper()
	p := b.post(d.Issuer+"/o/token/", form)
	if err := json.Unmarshal([]byte(p.body), &token); err != nil || p.status != 200 {
		b.t.Fatalf("%s: got %d, %v: %s", form.Get("grant_type"), p.status, err, p.body)
	}
	return token
}

// chatbots returns the chatbots that the example API shows for an access token.
func (b browser) chatbots(d runningDemo, accessToken string) string {
	b.t.Helper()
	req, err := http.NewRequest("GET", d.Issuer+"/api/chatbots/", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	p := b.do(req)
	if p.status != 200 {
		b.t.Fatalf("chatbots: got %d: %s", p.status, p.body)
	}
	return p.body
}
