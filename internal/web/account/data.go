package account

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var dataPage = ui.NewPage[dataView](files, "data.html")

// pathData is the page on which a person downloads what is kept about them.
const pathData = "/account/data/"

type dataView struct{ ui.Frame }

func (room *Room) askData(w http.ResponseWriter, r *browser.Request) error {
	return room.Show(w, r.Request, http.StatusOK, dataPage.With(dataView{r.Frame()}))
}

// personalData is what a person downloads: all that is kept about them, and no secret or hash. Times are RFC 3339 in UTC; those that are not known are left
// out.
type personalData struct {
	Server      string           `json:"server"`
	MadeAt      time.Time        `json:"made_at"`
	Account     accountData      `json:"account"`
	Profile     profileData      `json:"profile"`
	SignIn      signInData       `json:"sign_in"`
	Sessions    []sessionData    `json:"sessions"`
	Teams       []membershipData `json:"teams"`
	Connections []connectionData `json:"connections"`
	Received    []invitationData `json:"invitations_received"`
	Sent        []invitationData `json:"invitations_sent"`
	Asked       []askedData      `json:"application_requests"`
	Links       []linkData       `json:"links"`
	Messages    []messageData    `json:"messages_waiting"`
	Events      []eventData      `json:"events"`
}

type accountData struct {
	ID            team.UserID `json:"id"`
	Email         string      `json:"email"`
	EmailVerified bool        `json:"email_verified"`
	Name          string      `json:"name"`
	Operator      bool        `json:"operator"`
	CreatedAt     time.Time   `json:"created_at"`
}

type profileData struct {
	Language string       `json:"language"` // "": not chosen
	TimeZone string       `json:"time_zone"`
	Picture  *pictureData `json:"picture"`
}

type pictureData struct {
	Type    string `json:"type"`
	Content string `json:"content"` // base64
}

type signInData struct {
	PasswordSetAt *time.Time     `json:"password_set_at,omitzero"`
	App           *factorData    `json:"authenticator_app"`
	Passkeys      []factorData   `json:"passkeys"`
	RecoveryCodes *recoveryData  `json:"recovery_codes"`
	Identities    []identityData `json:"identities"` // accounts at other providers
}

type factorData struct {
	Name    string     `json:"name,omitempty"`
	Synced  bool       `json:"synced,omitempty"`
	AddedAt time.Time  `json:"added_at"`
	UsedAt  *time.Time `json:"last_used_at,omitzero"`
}

type recoveryData struct {
	Left   int       `json:"left"`
	MadeAt time.Time `json:"made_at"`
}

type identityData struct {
	Issuer   string     `json:"issuer"`
	Subject  string     `json:"subject"`
	Email    string     `json:"email"`
	LinkedAt time.Time  `json:"linked_at"`
	UsedAt   *time.Time `json:"last_used_at,omitzero"`
}

type sessionData struct {
	SignedInAt time.Time  `json:"signed_in_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	SeenAt     *time.Time `json:"last_seen_at,omitzero"`
	Methods    []string   `json:"methods"` // RFC 8176
	Browser    string     `json:"browser"`
	System     string     `json:"system"`
	Network    string     `json:"network"` // for 90 days
}

type membershipData struct {
	ID   team.ID   `json:"id"`
	Slug string    `json:"slug"`
	Name string    `json:"name"`
	Role team.Role `json:"role"`
	At   time.Time `json:"joined_at"`
}

type connectionData struct {
	Application string     `json:"application"`
	ClientID    string     `json:"client_id"`
	TeamID      team.ID    `json:"team_id"`
	Scope       string     `json:"scope"`
	CreatedAt   time.Time  `json:"created_at"`
	ConsentedAt time.Time  `json:"last_consent_at"`
	UsedAt      *time.Time `json:"last_used_at,omitzero"`
}

type invitationData struct {
	Email     string               `json:"email"`
	TeamID    team.ID              `json:"team_id"`
	Team      string               `json:"team"`
	Role      team.Role            `json:"role"`
	State     team.InvitationState `json:"state"`
	SentAt    time.Time            `json:"sent_at"`
	ExpiresAt time.Time            `json:"expires_at"`
}

type askedData struct {
	TeamID    team.ID   `json:"team_id"`
	ClientID  string    `json:"client_id"`
	Scope     string    `json:"scope"`
	Note      string    `json:"note"`
	AskedAt   time.Time `json:"asked_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

type linkData struct {
	Kind      team.LinkKind `json:"kind"`
	Email     string        `json:"email"`
	SentAt    time.Time     `json:"sent_at"`
	ExpiresAt time.Time     `json:"expires_at"`
	UsedAt    *time.Time    `json:"used_at,omitzero"`
}

type messageData struct {
	Kind      string    `json:"kind"`
	ClientID  string    `json:"client_id,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

type eventData struct {
	At       time.Time  `json:"at"`
	Kind     audit.Kind `json:"kind"`
	Yourself bool       `json:"by_yourself"`
	Address  string     `json:"address,omitempty"` // of who caused it
	TeamID   string     `json:"team_id,omitempty"`
	ClientID string     `json:"client_id,omitempty"`
	Detail   string     `json:"detail,omitempty"`
}

// known is a time, or nil for one that is not known.
func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// data is the download.
func (room *Room) data(w http.ResponseWriter, r *browser.Request) error {
	if err := route.NoForm(r.Request); err != nil {
		return err
	}
	data, err := room.personalData(r)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Disposition", `attachment; filename="account.json"`)
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.Write(append(body, '\n')) // an error means that the browser has hung up
	return nil
}

// personalData gathers what is kept about the person.
func (room *Room) personalData(r *browser.Request) (personalData, error) {
	ctx, user := r.Context(), r.Session.User
	actor, memberships, err := room.Directory.Acting(ctx, user)
	if err != nil {
		return personalData{}, err
	}
	kept, err := room.Directory.Kept(ctx, actor, user.ID)
	if err != nil {
		return personalData{}, err
	}
	data := personalData{
		Server: room.Issuer, MadeAt: room.Now().UTC(),
		Account: accountData{user.ID, user.Email, user.EmailVerified, user.Name, user.Operator, user.CreatedAt},
		Teams:   []membershipData{}, Connections: []connectionData{}, Sessions: []sessionData{}, Asked: []askedData{}, Links: []linkData{}, Messages: []messageData{}, Events: []eventData{},
		Received: invitationsData(kept.Received), Sent: invitationsData(kept.Sent),
	}
	for _, m := range memberships {
		data.Teams = append(data.Teams, membershipData{m.Team.ID, m.Team.Slug, m.Team.Name, m.Role, m.CreatedAt})
	}
	for _, a := range kept.Asked {
		data.Asked = append(data.Asked, askedData{a.Team, a.Client, a.Scope, a.Note, a.AskedAt, a.ExpiresAt})
	}
	for _, l := range kept.Links {
		data.Links = append(data.Links, linkData{l.Kind, l.Email, l.CreatedAt, l.ExpiresAt, known(l.UsedAt)})
	}
	for _, m := range kept.Messages {
		data.Messages = append(data.Messages, messageData{m.Kind, m.Client, m.CreatedAt, m.ExpiresAt})
	}
	for _, e := range kept.Events {
		data.Events = append(data.Events, eventData{e.At, e.Kind, e.Actor == string(user.ID), e.Address, e.Team, e.Client, e.Detail})
	}
	grants, err := room.Authz.Grants(ctx, actor, authz.GrantFilter{User: user.ID})
	if err != nil {
		return personalData{}, err
	}
	for _, g := range grants {
		data.Connections = append(data.Connections, connectionData{
			g.Client.Name, string(g.Client.ID), g.Team.ID, g.Scope.String(), g.CreatedAt, g.UpdatedAt, known(g.LastUsed),
		})
	}
	sessions, err := room.Authn.Sessions(ctx, actor, user.ID)
	if err != nil {
		return personalData{}, err
	}
	for _, s := range sessions {
		data.Sessions = append(data.Sessions, sessionData{
			s.AuthTime, s.ExpiresAt, known(s.Device.SeenAt), s.Methods, s.Device.Browser, s.Device.System, s.Device.Network,
		})
	}
	if data.Profile, err = room.profileData(r, actor); err != nil {
		return personalData{}, err
	}
	data.SignIn, err = room.signInData(r, actor)
	data.SignIn.PasswordSetAt = known(kept.PasswordSetAt)
	return data, err
}

func invitationsData(list []team.Invitation) []invitationData {
	data := []invitationData{}
	for _, i := range list {
		data = append(data, invitationData{i.Email, i.Team.ID, i.Team.Name, i.Role, i.State, i.CreatedAt, i.ExpiresAt})
	}
	return data
}

func (room *Room) profileData(r *browser.Request, actor team.Actor) (profileData, error) {
	p, err := room.Directory.Profile(r.Context(), actor, actor.User)
	if err != nil || p.Picture == "" {
		return profileData{Language: p.Language, TimeZone: p.Zone}, err
	}
	data := profileData{Language: p.Language, TimeZone: p.Zone}
	switch picture, err := room.Directory.People.Picture(r.Context(), p.Picture); {
	case err == nil:
		data.Picture = &pictureData{picture.Type, base64.StdEncoding.EncodeToString(picture.Content)}
	case !errors.Is(err, team.ErrNoPicture): // else it was removed just now
		return data, err
	}
	return data, nil
}

func (room *Room) signInData(r *browser.Request, actor team.Actor) (signInData, error) {
	data := signInData{Passkeys: []factorData{}, Identities: []identityData{}}
	have, err := room.Factors.Factors(r.Context(), actor, r.Session.User)
	if err != nil {
		return data, err
	}
	if have.HasApp() {
		data.App = &factorData{AddedAt: have.App.CreatedAt, UsedAt: known(have.App.UsedAt)}
	}
	for _, p := range have.Passkeys {
		data.Passkeys = append(data.Passkeys, factorData{p.Name, p.Synced, p.CreatedAt, known(p.UsedAt)})
	}
	if left := len(have.Recovery.Hashes); left > 0 {
		data.RecoveryCodes = &recoveryData{left, have.Recovery.MadeAt}
	}
	identities, err := room.Factors.Identities(r.Context(), actor, r.Session.User)
	for _, i := range identities {
		data.Identities = append(data.Identities, identityData{i.Issuer, i.Subject, i.Email, i.LinkedAt, known(i.UsedAt)})
	}
	return data, err
}
