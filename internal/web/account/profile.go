package account

import (
	"errors"
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// maxUpload is how much of a form with a picture is read. It is more than a picture may have, so that a photograph which is too large gets an
// answer on the page. Of that, only as much as a picture may have is kept.
const maxUpload = 16 << 20

var profilePage = ui.NewPage[profileView](files, "profile.html")

// profileView is the name, the language, the time zone and the picture of a person.
type profileView struct {
	ui.Frame
	Notice   *ui.Notice
	Failures ui.Failures
	Name     string // as typed
	Zone     string // as typed
	Avatar   ui.Avatar
	Choices  []languageChoice
}

// languageChoice is a language to choose.
type languageChoice struct {
	Code, Name string // as the language calls itself
	Chosen     bool
}

// Fields are the text fields of the form.
func (v profileView) Fields() []ui.Field {
	return []ui.Field{{
		ID: "name", Name: "name", Label: ui.Text("profile.name"), Advice: ui.Text("profile.name_advice"), Value: v.Name, Autocomplete: "name",
		Failed: v.failed("name"),
	}}
}

// ZoneField is the field of the time zone.
func (v profileView) ZoneField() ui.Field {
	return ui.Field{
		ID: "zone", Name: "zone", Kind: ui.Identifier, Label: ui.Text("profile.zone"), Advice: ui.Text("profile.zone_advice"), Value: v.Zone,
		Optional: true, List: "zones", Failed: v.failed("zone"),
	}
}

// Scripted reports that a script suggests the time zone of the device.
func (profileView) Scripted() bool { return true }

// Zones are the time zones to choose from.
func (profileView) Zones() []string { return team.Zones }

func (v profileView) failed(field string) bool {
	return len(v.Failures) > 0 && v.Failures[0].Field == field
}

func (room *Room) profileView(r *browser.Request, language string) profileView {
	user, profile := r.Session.User, r.Profile()
	view := profileView{Frame: r.Frame(), Name: user.Name, Zone: profile.Zone, Avatar: ui.Avatar{Name: user.Name, Picture: profile.Picture}}
	for _, c := range words.Languages {
		view.Choices = append(view.Choices, languageChoice{c.Code(), c.Text("language.name"), c.Code() == language})
	}
	return view
}

func (room *Room) showProfile(w http.ResponseWriter, r *browser.Request) error {
	view := room.profileView(r, r.Profile().Language)
	view.Notice = room.notice(r)
	return room.Show(w, r.Request, http.StatusOK, profilePage.With(view))
}

// saveProfile saves the name, the language and the time zone.
func (room *Room) saveProfile(w http.ResponseWriter, r *browser.Request) error {
	sent, err := route.Fields(r.Request, "name", "language", "zone")
	if err != nil {
		return err
	}
	user := r.Session.User
	err = room.Directory.ChangeProfile(r.Context(), team.ActingUser(user, nil), user.ID, sent[0], team.Profile{Language: sent[1], Zone: sent[2]})
	if wrong, ok := errors.AsType[*team.ProfileError](err); ok {
		view := room.profileView(r, sent[1])
		view.Name, view.Zone = sent[0], sent[2]
		view.Failed, view.Failures = true, ui.Failures{{Field: wrong.Field, Text: ui.Text("profile.wrong." + wrong.Field)}}
		return room.Show(w, r.Request, http.StatusUnprocessableEntity, profilePage.With(view))
	}
	if err != nil {
		return err
	}
	return r.Notify(w, "/account/profile/", browser.Notice{What: noticeProfile})
}

// changePicture saves the picture of the form, or removes the one there is when the form has no file and says so.
func (room *Room) changePicture(w http.ResponseWriter, r *browser.Request) error {
	if r.URL.Query().Get("remove") != "" {
		return room.removePicture(w, r)
	}
	file, err := route.File(r.Request, "picture", picture.MaxBytes)
	if err != nil {
		return err
	}
	if len(file) == 0 {
		return room.pictureRefused(w, r, "profile.picture_none")
	}
	user := r.Session.User
	err = room.Directory.ChangePicture(r.Context(), team.ActingUser(user, nil), user.ID, file)
	switch {
	case errors.Is(err, picture.ErrTooManyBytes):
		return room.pictureRefused(w, r, "profile.picture_too_large")
	case errors.Is(err, picture.ErrTooManyPixels):
		return room.pictureRefused(w, r, "profile.picture_too_many_pixels")
	case errors.Is(err, picture.ErrUnreadable):
		return room.pictureRefused(w, r, "profile.picture_unreadable")
	case err != nil:
		return err
	}
	return r.Notify(w, "/account/profile/", browser.Notice{What: noticePicture})
}

func (room *Room) removePicture(w http.ResponseWriter, r *browser.Request) error {
	if err := route.NoForm(r.Request); err != nil {
		return err
	}
	user := r.Session.User
	if err := room.Directory.RemovePicture(r.Context(), team.ActingUser(user, nil), user.ID); err != nil {
		return err
	}
	return r.Notify(w, "/account/profile/", browser.Notice{What: noticeNoPicture})
}

// pictureRefused shows the page again with what is wrong with a picture.
func (room *Room) pictureRefused(w http.ResponseWriter, r *browser.Request, problem string) error {
	view := room.profileView(r, r.Profile().Language)
	view.Failed, view.Failures = true, ui.Failures{{Field: "picture", Text: ui.Text(problem)}}
	return room.Show(w, r.Request, http.StatusUnprocessableEntity, profilePage.With(view))
}

// Picture is a person's picture. Everybody who has its address may see it, as applications do; nobody can guess one.
func (room *Room) Picture(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return &route.Problem{
			Status: http.StatusMethodNotAllowed, Description: "this address answers GET only", Words: "problem.method",
			Arguments: []any{"method", "POST", "allowed", "GET, HEAD"},
		}
	}
	p, err := room.Directory.People.Picture(r.Context(), r.PathValue("name"))
	if errors.Is(err, team.ErrNoPicture) {
		return route.NotFound(w, r)
	}
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", p.Type)
	header.Set("Content-Disposition", `attachment; filename="picture"`) // opened by itself, it is no page of this server
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	header.Set("Cache-Control", "public, max-age=31536000, immutable") // another picture has another name
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if r.Method == http.MethodGet {
		w.Write(p.Content) // an error means that the browser has hung up
	}
	return nil
}
