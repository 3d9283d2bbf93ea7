package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"golang.org/x/sync/errgroup"
)

const (
	noticesEvery  = 2 * time.Second
	noticeBatch   = 50
	noticeWorkers = 8
	noticeLease   = 3 * time.Minute // longer than a batch takes: until then no other server tries
	noticeBackoff = 30 * time.Second
	noticeMaxWait = time.Hour
)

// errMoot means that a notice has nothing to tell any more, or nobody to tell it to.
var errMoot = errors.New("the notice is moot")

// deliver tells everything that is due. What fails is tried again later, by whichever server comes first, until the notice expires.
func (a *App) deliver(ctx context.Context) {
	for {
		now := a.now()
		due, err := a.Store.DueNotices(ctx, now, now.Add(noticeLease), noticeBatch)
		if err != nil {
			a.failed(ctx, "deliver notices", err)
			return
		}
		var group errgroup.Group
		group.SetLimit(noticeWorkers)
		for _, n := range due {
			group.Go(func() error {
				a.deliverOne(ctx, n)
				return nil
			})
		}
		group.Wait()
		if len(due) < noticeBatch {
			return
		}
	}
}

// deliverOne tells one notice and removes it, or leaves it for another time.
func (a *App) deliverOne(ctx context.Context, n authz.Notice) {
	err := a.tell(ctx, n)
	wait := min(noticeBackoff<<min(max(n.Tries-1, 0), 10), noticeMaxWait) // Tries counts this one
	outcome := "delivered"
	switch {
	case err == nil:
	case errors.Is(err, errMoot):
		outcome = "moot"
	case ctx.Err() != nil: // the server is ending; the notice is due again when its lease is over
		return
	case a.now().Add(wait).Before(n.ExpiresAt):
		a.metrics.notices.WithLabelValues(n.Kind, "failed").Inc()
		a.Log.WarnContext(ctx, "notice not delivered yet", "kind", n.Kind, "client_id", n.Client, "tries", n.Tries, "next_try_in", wait.String(), "error", err)
		if err := a.Store.Postpone(ctx, n.ID, a.now().Add(wait)); err != nil {
			a.failed(ctx, "deliver notices", err)
		}
		return
	default:
		outcome = "given up"
		a.Log.ErrorContext(ctx, "notice given up", "kind", n.Kind, "client_id", n.Client, "tries", n.Tries, "error", err)
	}
	a.metrics.notices.WithLabelValues(n.Kind, outcome).Inc()
	if err := a.Store.Delivered(ctx, n.ID); err != nil {
		a.failed(ctx, "deliver notices", err)
	}
}

// tell delivers a notice by the way of its kind.
func (a *App) tell(ctx context.Context, n authz.Notice) error {
	switch n.Kind {
	case "mail.connected":
		return a.tellPerson(ctx, n, a.connectedMail)
	case "mail.replayed":
		return a.tellPerson(ctx, n, a.replayedMail)
	case "backchannel_logout":
		return a.tellClient(ctx, n)
	}
	// A newer server on the same database may know more kinds; that one delivers them.
	return fmt.Errorf("a notice of the unknown kind %q", n.Kind)
}

// tellPerson sends the e-mail of a notice. The grant has everyone's names; when it is gone, what was to be told is no longer so.
func (a *App) tellPerson(ctx context.Context, n authz.Notice, write func(authz.GrantDetail, time.Time) Mail) error {
	if a.mail == nil {
		return errMoot
	}
	grants, err := a.Store.Grants(ctx, authz.GrantFilter{User: n.User, Client: n.Client, Team: n.Team})
	if err != nil {
		return err
	}
	if len(grants) == 0 {
		return errMoot
	}
	return a.mail(ctx, write(grants[0], n.CreatedAt))
}

// tellClient posts the logout token of a notice to its client (OpenID Connect Back-Channel Logout 1.0 §2.5).
func (a *App) tellClient(ctx context.Context, n authz.Notice) error {
	logoutToken, to, err := a.Authz.LogoutToken(ctx, n)
	if errors.Is(err, client.ErrNoClient) || err == nil && to == nil {
		return errMoot
	}
	if err != nil {
		return fmt.Errorf("make the logout token: %w", err)
	}
	form := url.Values{"logout_token": {logoutToken}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(form))
	if err != nil {
		return fmt.Errorf("tell %s: %w", to.Host, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.outbound.Do(req)
	if err != nil {
		return fmt.Errorf("tell %s: %w", to.Host, err)
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	// §2.8 asks for 200; applications answer 204 as well.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("%s answered %d", to.Host, resp.StatusCode)
	}
	return nil
}
