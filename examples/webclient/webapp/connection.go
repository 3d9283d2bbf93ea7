package webapp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"golang.org/x/oauth2"
)

// connection is one team that the person connected. Its client sends a valid access token with each call, and refreshes it when needed.
type connection struct {
	ID     string
	Team   string
	Scopes []string
	At     time.Time
	client *http.Client
	tokens *tokens
	log    *exchanges
}

func newConnection(a *app, team string, scopes []string, token *oauth2.Token, client *http.Client, log *exchanges) *connection {
	c := &connection{ID: rand.Text(), Team: team, Scopes: scopes, At: a.Now(), tokens: newTokens(a, client, token), log: log}
	api := *client
	api.Transport = &oauth2.Transport{Source: c.tokens, Base: client.Transport}
	c.client = &api
	return c
}

// Allowed reports whether the token has a scope.
func (c *connection) Allowed(scope string) bool { return slices.Contains(c.Scopes, scope) }

// The parts of the API's responses that this application uses.
type (
	me struct {
		Subject string `json:"sub"`
		Team    string `json:"team"`
	}
	chatbot struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	conversation struct {
		Chatbot     chatbot   `json:"chatbot"`
		Participant string    `json:"participant"`
		UpdatedAt   time.Time `json:"updated_at"`
	}
	list[T any] struct {
		Results []T `json:"results"`
	}
)

// connection shows the data of a connection.
func (a *app) connection(w http.ResponseWriter, r *http.Request) {
	c := a.sessions.of(r).connection(r.PathValue("id"))
	if c == nil {
		a.fail(w, r, http.StatusNotFound, "This connection does not exist.", "It was disconnected, or was made in another browser.")
		return
	}
	a.showConnection(w, r, c, "")
}

// showConnection shows a connection, and an error if there is one.
func (a *app) showConnection(w http.ResponseWriter, r *http.Request, c *connection, failed string) {
	view := connectionView{Connection: c}
	var chatbots list[chatbot]
	var conversations list[conversation]
	err := a.fetch(r.Context(), c, "/api/me/", &view.Me)
	if err == nil && c.Allowed("chatbot:read") {
		err = a.fetch(r.Context(), c, "/api/chatbots/", &chatbots)
	}
	if err == nil && c.Allowed("session:read") {
		err = a.fetch(r.Context(), c, "/api/sessions/", &conversations)
	}
	if err != nil {
		failed = err.Error()
	}
	view.Error = failed
	view.Expires, view.Renewable, view.Renewed = c.tokens.state()
	view.Chatbots, view.Conversations, view.Exchanges = chatbots.Results, conversations.Results, c.log.list()
	a.show(w, http.StatusOK, "connection.html", "Team "+c.Team, view)
}

// fetch reads from one endpoint of the API. The error is shown to the person.
func (a *app) fetch(ctx context.Context, c *connection, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.API+path, nil)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("the API could not be called: %w", withoutURL(err))
	}
	defer response.Body.Close()
	body := io.LimitReader(response.Body, 1<<20)
	if response.StatusCode == http.StatusOK {
		return json.NewDecoder(body).Decode(into)
	}
	var refused struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	json.NewDecoder(body).Decode(&refused) // if the body has another form, the description stays empty
	if response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("the API does not accept the token any more (%s): connect the team again", refused.Description)
	}
	return fmt.Errorf("the API answered %s: %s", response.Status, refused.Description)
}

// renew refreshes the token now, to show how it works. A real application needs no such button.
func (a *app) renew(w http.ResponseWriter, r *http.Request) {
	c := a.sessions.of(r).connection(r.PathValue("id"))
	if c == nil {
		a.connection(w, r)
		return
	}
	if err := c.tokens.Renew(); err != nil {
		a.showConnection(w, r, c, err.Error())
		return
	}
	http.Redirect(w, r, "/connections/"+c.ID, http.StatusSeeOther)
}

// disconnect revokes the tokens at the authorization server, and then deletes the connection. A token that is only deleted would stay valid.
// The authorization server keeps the person's consent until they remove it there.
func (a *app) disconnect(w http.ResponseWriter, r *http.Request) {
	session := a.sessions.of(r)
	c := session.connection(r.PathValue("id"))
	if c == nil {
		a.connection(w, r)
		return
	}
	if err := c.tokens.Revoke(); err != nil {
		a.showConnection(w, r, c, "The connection could not be ended ("+err.Error()+"): try again.")
		return
	}
	session.remove(c.ID)
	all := c.log.list()
	a.show(w, http.StatusOK, "disconnected.html", "Disconnected", disconnectedView{Team: c.Team, Exchanges: all[len(all)-1:]})
}
