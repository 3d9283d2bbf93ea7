package account

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

var (
	sessionsPage      = ui.NewPage[sessionsView](files, "sessions.html")
	otherSessionsPage = ui.NewPage[otherSessionsView](files, "other_sessions.html")
)

// sessionsView is every browser in which a person is signed in.
type sessionsView struct {
	ui.Frame
	Notice   *ui.Notice
	Sessions []sessionLine // this browser's first, then the one that was used last
}

// Others reports whether there is another session to end.
func (v sessionsView) Others() bool {
	return slices.ContainsFunc(v.Sessions, func(s sessionLine) bool { return !s.This })
}

// sessionLine is a session on its person's page.
type sessionLine struct {
	SID     string // not the session's ID, which is made of the cookie
	Device  ui.Words
	Since   ui.Words
	Begun   ui.Moment
	Seen    ui.Moment // unknown for a session of before it was kept
	Network string    // or ""
	This    bool
}

// otherSessionsView asks before all other sessions end.
type otherSessionsView struct{ ui.Frame }

// Confirmation is the form of the page.
func (otherSessionsView) Confirmation() ui.Confirmation {
	return ui.Confirmation{
		Action: "/account/sessions/others/", Text: ui.Text("sessions.others_means"), Button: ui.Button{Text: ui.Text("sessions.end_others")},
		Stay: ui.Text("sessions.keep"), Back: "/account/sessions/",
	}
}

func (room *Room) sessions(w http.ResponseWriter, r *browser.Request) error {
	user := r.Session.User
	sessions, err := room.Authn.Sessions(r.Context(), team.ActingUser(user, nil), user.ID)
	if err != nil {
		return err
	}
	view := sessionsView{Frame: r.Frame(), Notice: room.notice(r)}
	for _, s := range sessions {
		line := lineOf(s, r.Clock(), s.ID == r.Session.ID)
		if line.This {
			view.Sessions = slices.Insert(view.Sessions, 0, line)
		} else {
			view.Sessions = append(view.Sessions, line)
		}
	}
	return room.Show(w, r.Request, http.StatusOK, sessionsPage.With(view))
}

// lineOf is a session in words.
func lineOf(s authn.Session, clock ui.Clock, this bool) sessionLine {
	line := sessionLine{
		SID: s.SID(), Device: device(s.Device), Begun: clock.Ago(s.AuthTime), Seen: clock.Ago(s.Device.SeenAt), Network: s.Device.Network, This: this,
	}
	line.Since = ui.Text("sessions.since", "since", line.Begun)
	if method := method(s.AMR()); method != nil {
		line.Since = ui.Text("sessions.since_method", "since", line.Begun, "method", method)
	}
	return line
}

// device is a browser and its system in words. A word that a newer server has saved is not known.
func device(d authn.Device) ui.Words {
	name, system := ui.Text("browser.unknown"), "system."+d.System
	if key := "browser." + d.Browser; words.English.Has(key) {
		name = ui.Text(key)
	}
	if !words.English.Has(system) {
		return name
	}
	return ui.Text("device.both", "browser", name, "system", ui.Text(system))
}

// method is how a person signed in, by the values of amr (RFC 8176); nil when none is known.
func method(amr []string) ui.Words {
	for _, m := range []struct{ value, key string }{
		{"hwk", "method.passkey"}, {"swk", "method.passkey"}, {"pop", "method.passkey"}, {"otp", "method.app"}, {"fed", "method.provider"}, {"pwd", "method.password"},
	} {
		if slices.Contains(amr, m.value) {
			return ui.Text(m.key)
		}
	}
	return nil
}

// noSession is the answer for a session that is not there, has ended, or is another person's. These look alike.
var noSession = &route.Problem{Status: http.StatusNotFound, Description: "there is no such session", Words: "problem.no_session"}

// endSession ends a session of the person's own.
func (room *Room) endSession(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "session")
	if err != nil {
		return err
	}
	user := r.Session.User
	err = room.Authn.EndSession(r.Context(), team.ActingUser(user, nil), user.ID, sent[0])
	if errors.Is(err, authn.ErrNoSession) {
		return noSession
	}
	if err != nil {
		return err
	}
	return r.Notify(w, "/account/sessions/", browser.Notice{What: noticeSession})
}

func (room *Room) askOtherSessions(w http.ResponseWriter, r *browser.Request) error {
	return room.Show(w, r.Request, http.StatusOK, otherSessionsPage.With(otherSessionsView{r.Frame()}))
}

func (room *Room) endOtherSessions(w http.ResponseWriter, r *browser.Request) error {
	if err := route.NoForm(r.Request); err != nil {
		return err
	}
	user := r.Session.User
	if _, err := room.Authn.EndOtherSessions(r.Context(), team.ActingUser(user, nil), user.ID, *r.Session); err != nil {
		return err
	}
	return r.Notify(w, "/account/sessions/", browser.Notice{What: noticeSessions})
}
