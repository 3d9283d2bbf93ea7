package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/internal/config"
	"github.com/gatehouse-auth/gatehouse/internal/mail"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// rereadSecrets reads the configuration again, and uses its secrets from now on: the database's password, the mail server's, and the master
// key. All other settings stay as they were at the start.
func (a *App) rereadSecrets(ctx context.Context) {
	if a.reread == nil {
		return
	}
	cfg, err := a.reread()
	if err != nil {
		a.failed(ctx, "read secrets again", err)
		return
	}
	var changed []string
	used := func(name string, isNew bool, err error) {
		if err != nil {
			a.failed(ctx, "read secrets again", fmt.Errorf("%s: %w", name, err))
		} else if isNew {
			changed = append(changed, name)
		}
	}
	isNew, err := a.Store.UseURL(cfg.DatabaseURL)
	used("database_url", isNew, err)
	used("smtp_url", a.useMailServer(cfg.Mail.Server), nil)
	isNew, err = a.useMasterKey(ctx, cfg)
	used("master_key", isNew, err)
	used("providers", a.providers.UseSecrets(cfg.Providers) != nil, nil)
	if changed != nil {
		a.Log.InfoContext(ctx, "new secrets are used", "settings", changed)
	}
}

// databaseURL is the database URL as the configuration has it now.
func (a *App) databaseURL() (string, error) {
	if a.reread == nil {
		return a.Config.DatabaseURL, nil
	}
	cfg, err := a.reread()
	return cfg.DatabaseURL, err
}

// useMailServer reports whether the mail server is another than before, or has another password.
func (a *App) useMailServer(server mail.Server) bool {
	was := a.mailServer.Load()
	if was == nil || !server.Set() || was.Equal(server) {
		return false // a server that sent no mails has no messages either
	}
	a.mailServer.Store(&server)
	return true
}

// sendMail sends by the mail server of today. When that refuses the password, it is read again.
func (a *App) sendMail(ctx context.Context, m mail.Mail) error {
	send := func() error {
		return mail.Options{Server: *a.mailServer.Load(), From: a.Config.Mail.From, Host: a.host()}.Sender()(ctx, m)
	}
	err := send()
	if !errors.Is(err, mail.ErrLogin) || a.reread == nil {
		return err
	}
	cfg, problem := a.reread()
	if problem != nil || !a.useMailServer(cfg.Mail.Server) {
		return errors.Join(err, problem)
	}
	a.Log.InfoContext(ctx, "new secrets are used", "settings", []string{"smtp_url"})
	return send()
}

// host is that of the public URL.
func (a *App) host() string {
	u, err := url.Parse(a.Config.PublicURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// useMasterKey reports whether the master key is another than before.
func (a *App) useMasterKey(ctx context.Context, cfg config.Config) (bool, error) {
	master := cfg.MasterKey
	if path := cfg.OwnMasterKey(); path != "" {
		var err error
		if master, err = ReadMasterKey(path); err != nil {
			return false, err
		}
	}
	return a.Keys.UseMasterKey(ctx, master)
}

// reloadKeys reads the keys again: a command or another server may have changed them, or sealed them under another master key.
func (a *App) reloadKeys(ctx context.Context) {
	err := a.Keys.Reload(ctx)
	if errors.Is(err, token.ErrWrongMasterKey) && a.reread != nil {
		cfg, problem := a.reread()
		if problem == nil {
			_, problem = a.useMasterKey(ctx, cfg)
		}
		if problem == nil {
			a.Log.InfoContext(ctx, "new secrets are used", "settings", []string{"master_key"})
			return
		}
	}
	if err != nil {
		a.failed(ctx, "reload keys", err)
	}
}
