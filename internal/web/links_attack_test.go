package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
	"github.com/gatehouse-auth/gatehouse/internal/web/webtest"
)

// mailedLink is a link that was mailed, and who may use it.
type mailedLink struct {
	*webtest.House
	kind    team.LinkKind
	browser *webtest.Browser
	secret  string
	fields  []string // of the form, besides the link
}

const newPassword = "another quiet gate in autumn"

// linkPurposes is the purpose of each kind of links, and how long it lives.
var linkPurposes = map[team.LinkKind]struct {
	purpose  token.Purpose
	lifetime time.Duration
}{
	team.LinkReset:  {token.PurposeLinkReset, time.Hour},
	team.LinkProve:  {token.PurposeLinkProve, 24 * time.Hour},
	team.LinkChange: {token.PurposeLinkChange, 24 * time.Hour},
	team.LinkUndo:   {token.PurposeLinkUndo, 7 * 24 * time.Hour},
	team.LinkInvite: {token.PurposeLinkInvite, 7 * 24 * time.Hour},
}

// mailed has a link of a kind mailed, about somebody.
func mailed(h *webtest.House, kind team.LinkKind, about string) mailedLink {
	h.Helper()
	l := mailedLink{House: h, kind: kind, browser: h.Browser(), fields: []string{"new", newPassword, "again", newPassword}}
	to := about
	switch kind {
	case team.LinkReset:
		l.browser.Post("/login/forgot/", url.Values{"email": {about}}).WantStatus(http.StatusSeeOther)
	case team.LinkProve:
		l.browser, l.fields = h.SignedIn(about), nil
		l.browser.Post("/account/email/", webtest.Pairs("decision", "prove")).WantStatus(http.StatusSeeOther)
	case team.LinkChange, team.LinkUndo:
		to = "new-" + about
		owner := h.SignedIn(about)
		owner.Post("/account/email/", webtest.Pairs("decision", "change", "new", to)).WantStatus(http.StatusSeeOther)
		if kind == team.LinkChange {
			l.browser, l.fields = owner, nil
			break
		}
		_, secret := linkMailedTo(h, to)
		owner.Post("/account/email/change/", webtest.Pairs("link", secret)).WantStatus(http.StatusOK)
		to = about
	case team.LinkInvite:
		to = "guest-of-" + about
		_, err := h.Directory.Invite(h.Context(), team.CommandLine, "atlas", to, team.Member)
		h.OK(err)
		l.fields = append(l.fields, "decision", "join", "name", "Guest")
	}
	_, l.secret = linkMailedTo(h, to)
	return l
}

func linkMailedTo(h *webtest.House, address string) (page, secret string) {
	h.Helper()
	mails := h.MailsTo(address)
	if len(mails) != 1 {
		h.Fatalf("%d mails to %s", len(mails), address)
	}
	return h.LinkIn(mails[0])
}

func (l mailedLink) id() string {
	id, _, _ := strings.Cut(strings.TrimPrefix(l.secret, token.PrefixLink), ".")
	return id
}

func (l mailedLink) page(secret string) string {
	return l.kind.Path() + "?" + url.Values{"link": {secret}}.Encode()
}

// use sends the form that uses a link.
func (l mailedLink) use(secret string) *webtest.Answer {
	l.Helper()
	return l.browser.Post(l.kind.Path(), webtest.Pairs(append([]string{"link", secret}, l.fields...)...))
}

// works is whether an answer to use says that it was used.
func works(status int) bool { return status == http.StatusOK || status == http.StatusSeeOther }

// used fails when the link was used, or was not.
func (l mailedLink) used(want bool) {
	l.Helper()
	row, err := l.DB.Link(l.Context(), team.LinkID(l.id()), l.Clock.Now())
	l.OK(err)
	if row.UsedAt.IsZero() == want {
		l.Errorf("%s: used %t, want %t", l.kind, !row.UsedAt.IsZero(), want)
	}
}

// onEachKind runs a test about each kind of links on both databases.
func onEachKind(t *testing.T, test func(h *webtest.House, kind team.LinkKind)) {
	t.Helper()
	for kind := range linkPurposes {
		t.Run(string(kind), func(t *testing.T) {
			webtest.OnBoth(t, func(h *webtest.House) { test(h, kind) })
		})
	}
}

// TestAttackForgedLinks: nobody makes a link from what they know, of another kind, or from the link of somebody else.
func TestAttackForgedLinks(t *testing.T) {
	onEachKind(t, func(h *webtest.House, kind team.LinkKind) {
		l := mailed(h, kind, webtest.Ana)
		other := mailed(h, kind, webtest.Ben)
		_, otherMAC, _ := strings.Cut(other.secret, ".")
		forged := map[string]string{
			"another row's MAC": token.PrefixLink + l.id() + "." + otherMAC, "no MAC": token.PrefixLink + l.id(), "an empty MAC": token.PrefixLink + l.id() + ".",
			"altered": l.secret[:len(l.secret)-2] + "AA", "none": "", "the id alone": l.id(),
		}
		for of, p := range linkPurposes {
			if of != kind {
				forged["the MAC of "+string(of)] = h.Keys.Link(p.purpose, l.id())
			}
		}
		for what, secret := range forged {
			for _, a := range []*webtest.Answer{l.use(secret), l.browser.Get(l.page(secret))} {
				if a.Status != http.StatusNotFound {
					h.Errorf("%s, %s: status %d, want 404", what, a.Request.Method, a.Status)
				}
			}
		}
		// Even a MAC of ours does not turn the row of another kind into one of this kind.
		people := []string{webtest.Cleo, h.Admin("atlas").Email, h.Admin("borealis").Email, h.Admin("cobalt").Email}
		for of := range linkPurposes {
			if of == kind {
				continue
			}
			row := mailed(h, of, people[0])
			people = people[1:]
			if a := l.use(h.Keys.Link(linkPurposes[kind].purpose, row.id())); works(a.Status) {
				h.Errorf("a row of %s: status %d", of, a.Status)
			}
			row.used(false)
		}
		l.used(false)
		if a := l.use(l.secret); !works(a.Status) {
			h.Errorf("the link itself: status %d", a.Status)
		}
		l.used(true)
		other.used(false)
	})
}

// TestAttackLinkTwice: of many who use a link at the same time one succeeds, and nobody later.
func TestAttackLinkTwice(t *testing.T) {
	onEachKind(t, func(h *webtest.House, kind team.LinkKind) {
		l := mailed(h, kind, webtest.Ana)
		var won atomic.Int64
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				if works(l.use(l.secret).Status) {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			h.Errorf("%d succeeded", won.Load())
		}
		want := http.StatusGone
		if kind == team.LinkInvite { // which tells nobody what became of it
			want = http.StatusNotFound
		}
		l.browser = h.Browser()
		if kind == team.LinkProve || kind == team.LinkChange {
			email := webtest.Ana
			if kind == team.LinkChange {
				email = "new-" + email
			}
			l.browser = h.SignedIn(email)
		}
		l.use(l.secret).WantStatus(want)
		l.browser.Get(l.page(l.secret)).WantStatus(want)
	})
}

// TestAttackLateLink: a link works until its last second, and not after it.
func TestAttackLateLink(t *testing.T) {
	onEachKind(t, func(h *webtest.House, kind team.LinkKind) {
		l := mailed(h, kind, webtest.Ana)
		again := func() {
			if kind == team.LinkProve || kind == team.LinkChange {
				l.browser = h.SignedIn(webtest.Ana)
			}
		}
		h.Clock.Advance(linkPurposes[kind].lifetime - time.Second)
		again()
		l.browser.Get(l.page(l.secret)).WantStatus(http.StatusOK)
		h.Clock.Advance(time.Second)
		again()
		for _, a := range []*webtest.Answer{l.browser.Get(l.page(l.secret)), l.use(l.secret)} {
			if a.Status != http.StatusGone && (kind != team.LinkInvite || a.Status != http.StatusNotFound) {
				h.Errorf("%s: status %d", a.Request.Method, a.Status)
			}
		}
	})
}

// TestMailScannersUseNoLink: programs that look for dangerous mails open links, ask for their heads, and fetch them ahead.
func TestMailScannersUseNoLink(t *testing.T) {
	onEachKind(t, func(h *webtest.House, kind team.LinkKind) {
		l := mailed(h, kind, webtest.Ana)
		for _, b := range []*webtest.Browser{h.Browser(), l.browser} {
			for range 2 {
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodOptions} {
					b.Do(method, l.page(l.secret), "")
				}
				b.Get(l.page(l.secret), "Sec-Purpose", "prefetch").WantStatus(http.StatusServiceUnavailable)
				b.Get(l.kind.Path() + "?" + webtest.Pairs(append([]string{"link", l.secret}, l.fields...)...).Encode())
			}
		}
		l.used(false)
		l.browser.Get(l.page(l.secret)).WantStatus(http.StatusOK)
		if a := l.use(l.secret); !works(a.Status) {
			h.Errorf("status %d", a.Status)
		}
	})
}
