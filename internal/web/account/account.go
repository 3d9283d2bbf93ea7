package account

import (
	"context"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var accountPage = ui.NewPage[accountView](files, "account.html")

// accountView is the page about the person's own account.
type accountView struct {
	ui.Frame
	Notice   *ui.Notice
	Person   ui.Person
	Avatar   ui.Avatar
	Replays  []ui.Alert
	Since    ui.Moment // when they signed in here
	Grants   int       // how many connections they have
	Teams    ui.OwnTeams
	Attempts []signInAttempt // the newest first
}

// signInAttempt is a sign-in, or one that failed.
type signInAttempt struct {
	At      ui.Moment
	Address string
	Failed  bool
}

const shownAttempts = 5

func (room *Room) account(w http.ResponseWriter, r *browser.Request) error {
	ctx, user := r.Context(), r.Session.User
	view := accountView{
		Frame: r.Frame(), Notice: room.notice(r), Person: ui.Person{Name: user.Name, Email: user.Email}, Since: r.Clock().Ago(r.Session.AuthTime),
		Avatar: ui.Avatar{Name: user.Name, Picture: r.Profile().Picture},
	}
	actor, memberships, err := room.Directory.Acting(ctx, user)
	if err != nil {
		return err
	}
	grants, err := room.Authz.Grants(ctx, actor, authz.GrantFilter{User: user.ID})
	if err != nil {
		return err
	}
	view.Teams, view.Grants = ownTeams(user.Email, memberships, grants, "", ""), len(grants)
	view.Teams.New = room.newTeam(ctx, actor)
	if view.Replays, err = room.replays(ctx, actor, memberships, r.Clock()); err != nil {
		return err
	}
	if view.Attempts, err = room.attempts(ctx, actor, r.Clock()); err != nil {
		return err
	}
	return room.Show(w, r.Request, http.StatusOK, accountPage.With(view))
}

// attempts are the newest sign-ins to the account, failures included: only the person knows which were theirs.
func (room *Room) attempts(ctx context.Context, actor team.Actor, clock ui.Clock) ([]signInAttempt, error) {
	events, err := room.events(ctx, actor, audit.Filter{User: string(actor.User), Limit: shownAttempts}, audit.SignedIn, audit.SignInFailed)
	if err != nil {
		return nil, err
	}
	var attempts []signInAttempt
	for _, e := range events[:min(len(events), shownAttempts)] {
		attempts = append(attempts, signInAttempt{At: clock.OnDate(e.At), Address: e.Address, Failed: e.Kind == audit.SignInFailed})
	}
	return attempts, nil
}
