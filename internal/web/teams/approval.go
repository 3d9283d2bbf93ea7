package teams

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// noticeWithheld says that an approval was taken back.
const noticeWithheld = "withheld"

// approval is what admins approved of an application.
type approval struct {
	Since     ui.Moment
	May       string // the most that members may let it do, in words
	UsedSince bool   // approved because it was in use when the rule came
	ReviewBy  ui.Moment
	TakeBack  string // the page that asks first
}

func (room *Room) approvalOf(r *request, row govern.Row) *approval {
	return &approval{
		Since: r.Clock().Ago(row.At), UsedSince: row.UsedSince, ReviewBy: r.Clock().OnDate(row.ReviewBy),
		May: strings.Join(access.InWords(room.Authz, r.Language(), row.Scope), " · "), TakeBack: r.path("applications/take-back/") + "?client=" + string(row.Client),
	}
}

// takeBackView asks before an approval is taken back, and says how many connections end.
func (room *Room) takeBackView(r *request) (confirmView, client.Client, error) {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return confirmView{}, client.Client{}, err
	}
	id, err := route.Field(values, "client")
	if err != nil {
		return confirmView{}, client.Client{}, err
	}
	c, err := room.Govern.Client(r.Context(), r.actor, r.team.ID, oauth.ClientID(id))
	if err != nil {
		return confirmView{}, c, access.Gone(err)
	}
	rows, err := room.Govern.Rows(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return confirmView{}, c, err
	}
	if !slices.ContainsFunc(rows, func(row govern.Row) bool { return row.Client == c.ID && row.State == govern.Approved }) {
		return confirmView{}, c, browser.NoConnection
	}
	grants, err := room.Authz.Grants(r.Context(), r.actor, authz.GrantFilter{Team: r.team.ID, Client: c.ID})
	if err != nil {
		return confirmView{}, c, err
	}
	view := confirmView{
		Frame: r.frame(), Heading: ui.Text("approval.ask", "application", ui.Name(c.Name)), Action: r.Address() + "?client=" + id, Back: r.path("applications/"),
		Button: ui.Text("approval.take_back"), Lead: []ui.Words{ui.Text("approval.ends_none")},
	}
	if n := len(grants); n > 0 {
		view.Lead[0] = ui.Text("approval.ends", "count", n)
	}
	view.Lead = append(view.Lead, ui.Text("approval.again"))
	return view, c, nil
}

func (room *Room) askTakeBack(w http.ResponseWriter, r *request) error {
	view, _, err := room.takeBackView(r)
	if err != nil {
		return err
	}
	return room.Show(w, r.Request.Request, http.StatusOK, confirmPage.With(view))
}

// takeBack takes an approval back: what it allowed ends, and people can ask again.
func (room *Room) takeBack(w http.ResponseWriter, r *request) error {
	_, c, err := room.takeBackView(r)
	if err != nil {
		return err
	}
	if err := route.NoForm(r.Request.Request); err != nil {
		return err
	}
	_, err = room.Govern.Withhold(r.Context(), r.actor, r.team.ID, c.ID)
	if errors.Is(err, govern.ErrNotApproved) {
		return browser.NoConnection
	}
	if err != nil {
		return access.Gone(err)
	}
	return r.Notify(w, r.path("applications/"), browser.Notice{What: noticeWithheld, Application: c.Name, Team: r.team.Name, TeamID: r.team.ID})
}
