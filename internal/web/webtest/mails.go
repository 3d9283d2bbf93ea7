package webtest

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
)

// Mails delivers what is due, and returns the mails that were sent by that.
func (h *House) Mails() (sent []mail.Mail) {
	h.Helper()
	var mu sync.Mutex
	courier := &mail.Courier{
		Grants: h.DB, People: h.DB, Links: h.DB, Invited: h.DB, Newcomers: h.DB, Governed: h.DB, Keys: h.Keys, Now: h.Clock.Now, Describe: h.authz.Describe, ServerName: h.Parts.ServerName, PublicURL: h.Parts.Issuer,
		Send: func(_ context.Context, m mail.Mail) error {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, m)
			return nil
		},
	}
	delivery := outbox.Delivery{
		Store: h.DB, Couriers: map[outbox.Kind]outbox.Courier{}, Now: h.Clock.Now, Log: slog.New(slog.NewJSONHandler(h.Logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(outbox.Kind, outbox.Outcome) {},
	}
	for _, kind := range mail.Kinds() {
		delivery.Couriers[kind] = courier.Deliver
	}
	h.OK(delivery.Run(h.Context()))
	return sent
}

// MailsTo is Mails that went to an address, without those to others.
func (h *House) MailsTo(address string) (sent []mail.Mail) {
	h.Helper()
	for _, m := range h.Mails() {
		if m.To == address {
			sent = append(sent, m)
		}
	}
	return sent
}

var linkInMail = regexp.MustCompile(`\S+\?link=(\S+)`)

// LinkIn is the link in a mail: its address without the server's, and its secret.
func (h *House) LinkIn(m mail.Mail) (page, secret string) {
	h.Helper()
	match := linkInMail.FindStringSubmatch(m.Text)
	if match == nil {
		h.Fatalf("no link in the mail:\n%s", m)
	}
	page, ours := strings.CutPrefix(match[0], h.Parts.Issuer)
	if !ours {
		h.Fatalf("the link leads to %s", match[0])
	}
	return page, match[1]
}

// Statements is how many statements were sent to the database so far.
func (h *House) Statements() int64 { return h.statements.Load() }
