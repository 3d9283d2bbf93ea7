// Package inbox is where the mails of the demo go: it keeps them in memory and shows them in the browser, newest first, beside a sample of every
// mail there is. So nobody needs a mail server to try everything.
//
// Its pages show the secrets in mails to everybody who reaches them. Only the demo may import it, and the demo listens on this machine only.
package inbox

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

//go:embed *.html
var files embed.FS

var (
	listPage = ui.NewPage[listView](files, "list.html")
	mailPage = ui.NewPage[mailView](files, "mail.html")
)

// Path is where the pages are.
const Path = "/dev/mails/"

// most is how many mails are kept: the newest.
const most = 200

// Inbox keeps mails. The zero Inbox with its fields set is empty.
type Inbox struct {
	ServerName string
	PublicURL  string
	Now        func() time.Time

	mu       sync.Mutex
	received []received // the oldest first
	last     int        // number of the newest
}

// received is a mail with its number, which counts from one.
type received struct {
	mail.Mail
	number int
	at     time.Time
}

// Send keeps a mail. It is a mail.Sender.
func (in *Inbox) Send(_ context.Context, m mail.Mail) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.last++
	in.received = append(in.received, received{m, in.last, in.Now()})
	if extra := len(in.received) - most; extra > 0 {
		in.received = slices.Delete(in.received, 0, extra)
	}
	return nil
}

// listView is the list of mails and of samples.
type listView struct {
	ui.Frame
	Mails   []entry
	Samples []entry
}

// Empty stands where the mails would be.
func (listView) Empty() ui.Empty {
	return ui.Empty{Lead: ui.Text("dev_mails.none"), More: ui.Text("dev_mails.none_more")}
}

// entry is a mail in a list.
type entry struct {
	Href    string
	Subject string
	To      string
	At      ui.Moment
}

// mailView is one mail.
type mailView struct {
	ui.Frame
	Subject string
	To      string
	At      ui.Moment
	HTML    string // its address
	Text    string
}

// ServeHTTP implements http.Handler: the list at Path, a mail at Path/NUMBER, a sample at Path/sample/KIND, and the HTML of both at …/html.
func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	public, err := url.Parse(in.PublicURL)
	if err != nil || r.Host != public.Host || r.Method != http.MethodGet && r.Method != http.MethodHead { // another host: DNS rebinding
		http.NotFound(w, r)
		return
	}
	name, html := strings.CutSuffix(strings.Trim(strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(Path, "/")), "/"), "/html")
	switch found, ok := in.find(name); {
	case name == "" && !html:
		show(w, listPage.With(in.list()))
	case !ok:
		http.NotFound(w, r)
	case html:
		showHTML(w, found.HTML)
	default:
		show(w, mailPage.With(mailView{
			Frame:   ui.Frame{Title: ui.Text("dev_mails.mail_title", "subject", found.Subject), ServerName: in.ServerName},
			Subject: found.Subject, To: found.To, At: ui.ClockAt(in.Now(), nil).OnDate(found.at), HTML: Path + name + "/html", Text: found.Text,
		}))
	}
}

// find is a mail by its number, or a sample by its kind.
func (in *Inbox) find(name string) (received, bool) {
	if kind, ok := strings.CutPrefix(name, "sample/"); ok {
		if !slices.Contains(mail.Kinds(), outbox.Kind(kind)) {
			return received{}, false
		}
		sample, err := mail.Sample(words.English, outbox.Kind(kind), in.ServerName, in.PublicURL)
		return received{Mail: sample, at: in.Now()}, err == nil
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	i := slices.IndexFunc(in.received, func(r received) bool { return strconv.Itoa(r.number) == name })
	if i < 0 {
		return received{}, false
	}
	return in.received[i], true
}

func (in *Inbox) list() listView {
	view := listView{Frame: ui.Frame{Title: ui.Text("dev_mails.title"), ServerName: in.ServerName}}
	clock := ui.ClockAt(in.Now(), nil)
	in.mu.Lock()
	for _, r := range slices.Backward(in.received) {
		view.Mails = append(view.Mails, entry{Href: Path + strconv.Itoa(r.number), Subject: r.Subject, To: r.To, At: clock.Ago(r.at)})
	}
	in.mu.Unlock()
	for _, kind := range mail.Kinds() {
		if sample, err := mail.Sample(words.English, kind, in.ServerName, in.PublicURL); err == nil {
			view.Samples = append(view.Samples, entry{Href: Path + "sample/" + string(kind), Subject: sample.Subject})
		}
	}
	return view
}

func show(w http.ResponseWriter, page ui.Content) {
	var body bytes.Buffer
	if err := page.Render(&body); err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
		return
	}
	write(w, "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'", body.Bytes())
}

// showHTML shows the mail as a mail program does, in a frame of the page. Its links open in the whole window, because our pages refuse frames.
func showHTML(w http.ResponseWriter, html string) {
	html = strings.Replace(html, "<head>", `<head><base target="_top">`, 1)
	write(w, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'", []byte(html))
}

func write(w http.ResponseWriter, policy string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex")
	w.Write(body) // an error means that the browser has hung up
}
