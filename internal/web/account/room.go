// Package account is the pages about the person who is signed in: the start page, their account, what they connected, their password.
package account

import (
	"cmp"
	"context"
	"embed"
	"net/http"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

//go:embed *.html
var files embed.FS

// Room is the pages.
type Room struct {
	*browser.Pages
	Authz   *authz.Server
	Factors *authn.Enrolment
}

// Routes is the table of the room's pages. The start page is also for people who are not signed in.
func (room *Room) Routes() []route.Route {
	return append(room.Room("account.label", []browser.Page{
		{Path: "/account/", Title: "account.title", Tab: "account.tab", Get: room.account},
		{Path: "/account/applications/", Title: "account_applications.title", Tab: "account_applications.tab", Get: room.applications, Post: room.endGrant},
		{Path: pathSecurity, Title: "factors.title", Tab: "factors.tab", OneFactor: true, Get: room.security},
		{Path: pathApp, Title: "factors.app_add", OneFactor: true, Get: room.askApp, Post: room.changeApp},
		{Path: pathCodes, Title: "factors.codes_new", OneFactor: true, Get: room.askCodes, Post: room.newCodes},
		{Path: pathPasskeys, Title: "factors.passkey_add", OneFactor: true, Get: room.askPasskey, Post: room.addPasskey},
		{Path: pathPasskeys + "{passkey}/", Title: "factors.passkey_title", Get: room.passkey, Post: room.changePasskey},
		{Path: pathIdentities + "{identity}/", Title: "identities.unlink_title", Get: room.askUnlink, Post: room.unlink},
		{Path: pathProviders + "{provider}/", Title: "identities.link_title", Get: room.askLink, Post: room.link},
		{Path: "/account/password/", Title: "password.title", Tab: "password.tab", Get: room.askPassword, Post: room.changePassword},
		{Path: "/account/email/", Title: "email.title", Tab: "email.tab", Fresh: true, Get: room.showEmail, Post: room.sendEmailLink},
		{Path: "/account/sessions/", Title: "sessions.title", Tab: "sessions.tab", Get: room.sessions, Post: room.endSession},
		{Path: "/account/sessions/others/", Title: "sessions.others_title", Get: room.askOtherSessions, Post: room.endOtherSessions},
		{Path: pathClose, Title: "close.title", Fresh: true, Get: room.askClose, Post: room.close},
		{Path: pathData, Title: "data.title", Fresh: true, Get: room.askData, Post: room.data},
		{Path: "/account/profile/", Title: "profile.title", Tab: "profile.tab", Get: room.showProfile, Post: room.saveProfile},
		{Path: "/account/profile/picture/", Title: "profile.title", Post: room.changePicture, MaxBody: maxUpload},
	}),
		route.Route{Path: "/", Get: room.home},
		// Password managers open it to change a password (W3C, A Well-Known URL for Changing Passwords).
		route.Route{Path: "/.well-known/change-password/", Get: func(w http.ResponseWriter, _ *http.Request) error {
			route.SeeOther(w, "/account/password/")
			return nil
		}})
}

// notice is what the person has just done, in words; nil when the page's address does not say.
func (room *Room) notice(r *browser.Request) *ui.Notice {
	n := r.Notice("")
	if n == nil {
		return nil
	}
	notice := &ui.Notice{Lost: access.InWords(room.Authz, r.Language(), n.Scope)}
	switch n.What {
	case noticeEnded:
		notice.Text = ui.Text("account_applications.ended", "application", ui.Strong(n.Application), "team", ui.Strong(n.Team))
	case noticeEmail:
		notice.Text = ui.Text("email.sent", "address", ui.Strong(n.Person))
	case noticePassword:
		notice.Text = ui.Text("password.changed")
	case noticeAppAdded:
		notice.Text = ui.Text("factors.app_added")
	case noticeAppRemoved:
		notice.Text = ui.Text("factors.app_removed")
	case noticePasskeyAdded:
		notice.Text = ui.Text("factors.passkey_added", "passkey", ui.Strong(n.Passkey))
	case noticePasskeyRenamed:
		notice.Text = ui.Text("factors.passkey_renamed")
	case noticePasskeyRemoved:
		notice.Text = ui.Text("factors.passkey_removed", "passkey", ui.Strong(n.Passkey))
	case noticeSession:
		notice.Text = ui.Text("sessions.ended")
	case noticeSessions:
		notice.Text = ui.Text("sessions.others_ended")
	case browser.NoticeLinked:
		notice.Text = ui.Text("identities.linked_now", "provider", ui.Strong(n.Application))
	case noticeUnlinked:
		notice.Text = ui.Text("identities.unlinked_now", "provider", ui.Strong(n.Application))
	case noticeProfile:
		notice.Text = ui.Text("profile.saved")
	case noticePicture:
		notice.Text = ui.Text("profile.picture_saved")
	case noticeNoPicture:
		notice.Text = ui.Text("profile.picture_removed")
	default: // from a newer server
		return nil
	}
	return notice
}

// What was done.
const (
	noticeEnded    = "ended"
	noticePassword = "password"
	noticeUnlinked = "unlinked"
	noticeEmail    = "email"

	noticeAppAdded       = "app_added"
	noticeAppRemoved     = "app_removed"
	noticePasskeyAdded   = "passkey_added"
	noticePasskeyRenamed = "passkey_renamed"
	noticePasskeyRemoved = "passkey_removed"
	noticeSession        = "session"
	noticeSessions       = "sessions"
	noticeProfile        = "profile"
	noticePicture        = "picture"
	noticeNoPicture      = "no picture"
)

const replayWindow = 30 * 24 * time.Hour

// replays are alerts about the person's connections: a code or a refresh token was used twice lately. more are kinds of events besides those.
func (room *Room) replays(ctx context.Context, actor team.Actor, memberships []team.Membership, clock ui.Clock, more ...audit.Kind) ([]ui.Alert, error) {
	kinds := append([]audit.Kind{audit.RefreshReplayed, audit.CodeReplayed}, more...)
	events, err := room.events(ctx, actor, audit.Filter{User: string(actor.User), Since: room.Now().Add(-replayWindow)}, kinds...)
	if err != nil {
		return nil, err
	}
	var alerts []ui.Alert
	for _, e := range events {
		alerts = append(alerts, replayAlert(e, clock.OnDate(e.At), teamOf(memberships, team.ID(e.Team)).Name))
	}
	return alerts, nil
}

// replayAlert puts a replay in words. in is the name of the team, "" when the person has left it.
func replayAlert(e audit.Entry, at ui.Moment, in string) ui.Alert {
	var who any = ui.Name(e.ClientName)
	if e.ClientName == "" {
		who = ui.Text("replay.some_application")
	}
	arguments := []any{"time", at, "application", who}
	code, retried := e.Kind == audit.CodeReplayed, e.Kind == audit.RefreshRetried
	switch {
	case retried && in != "":
		return ui.Alert{Text: ui.Text("replay.retried_in_team", append(arguments, "team", ui.Name(in))...), More: ui.Text("replay.retried_more")}
	case retried:
		return ui.Alert{Text: ui.Text("replay.retried", arguments...), More: ui.Text("replay.retried_more")}
	case code && in != "":
		return ui.Alert{Text: ui.Text("replay.code_in_team", append(arguments, "team", ui.Name(in))...), More: ui.Text("replay.code_more")}
	case code:
		return ui.Alert{Text: ui.Text("replay.code", arguments...), More: ui.Text("replay.code_more")}
	case in != "":
		return ui.Alert{Text: ui.Text("replay.token_in_team", append(arguments, "team", ui.Name(in))...), More: ui.Text("replay.token_more")}
	}
	return ui.Alert{Text: ui.Text("replay.token", arguments...), More: ui.Text("replay.token_more")}
}

// teamOf is the person's team of an id; the zero Team when they are no member any more.
func teamOf(memberships []team.Membership, id team.ID) team.Team {
	i := slices.IndexFunc(memberships, func(m team.Membership) bool { return m.Team.ID == id })
	if i < 0 {
		return team.Team{}
	}
	return memberships[i].Team
}

// events are the events of several kinds, the newest first.
func (room *Room) events(ctx context.Context, actor team.Actor, f audit.Filter, kinds ...audit.Kind) ([]audit.Entry, error) {
	var all []audit.Entry
	for _, f.Kind = range kinds {
		events, err := room.Directory.History(ctx, actor, f)
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b audit.Entry) int { return cmp.Compare(b.ID, a.ID) })
	return all, nil
}
