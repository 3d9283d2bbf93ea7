package app

import (
	"context"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/events"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

const deliverEvery = 2 * time.Second

// newOutbox gives each kind of message its courier.
func (a *App) newOutbox(send mail.Sender) *outbox.Delivery {
	cfg := a.Config
	if send == nil && cfg.Mail.Server.Set() {
		a.mailServer.Store(&cfg.Mail.Server)
		send = a.sendMail
	}
	mails := &mail.Courier{
		Grants: a.Store, People: a.Store, Links: a.Store, Invited: a.Store, Newcomers: a.Store, Governed: a.Store, Keys: a.Keys, Now: a.now, Describe: a.Authz.Describe, Send: send, ServerName: cfg.ServerName, PublicURL: cfg.PublicURL,
		Language: words.Named(cfg.Language),
	}
	logouts := &events.Courier{HTTP: a.outbound, LogoutToken: a.Authz.LogoutToken}
	couriers := map[outbox.Kind]outbox.Courier{outbox.BackchannelLogout: logouts.Deliver}
	for _, kind := range mail.Kinds() {
		couriers[kind] = mails.Deliver
	}
	return &outbox.Delivery{
		Store: a.Store, Couriers: couriers, Now: a.now, Log: a.Log,
		Observe: func(kind outbox.Kind, outcome outbox.Outcome) {
			a.metrics.notices.WithLabelValues(string(kind), string(outcome)).Inc()
		},
	}
}

// deliver delivers all messages that are due. A server whose clock is wrong would give up messages too early, or try them too often.
func (a *App) deliver(ctx context.Context) {
	if !a.clockRight(ctx) {
		return
	}
	if err := a.outbox.Run(ctx); err != nil {
		a.failed(ctx, "deliver notices", err)
	}
}
