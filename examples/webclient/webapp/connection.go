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

// connection is one team that the person connected. Its client sends an access token with each call, and has it renewed when it is time.
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

// What the API answers with, as far as this application uses it.
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

// connection shows what a connection can see.
func (a *app) connection(w http.ResponseWriter, r *http.Request) {
	c := a.sessions.of(r).connection(r.PathValue("id"))
	if c == nil {
		a.fail(w, r, http.StatusNotFound, "There is no such connection.", "It was disconnected, or made in another browser.")
		return
	}
	a.showConnection(w, r, c, "")
}

// showConnection shows a connection and, if there is one, what went wrong with it.
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

// fetch reads one address of the API. An error is for the person.
func (a *app) fetch(ctx context.Context, c *connection, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.API+path, nil)
	if err != nil {
		return err
	}
	response, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("the API was not asked: %w", withoutURL(err))
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
	json.NewDecoder(body).Decode(&refused) // what cannot be read stays empty
	if response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("the API does not accept the token any more (%s): connect the team again", refused.Description)
	}
	return fmt.Errorf("the API answered %s: %s", response.Status, refused.Description)
}

// renew gets another access token now, to show how that goes. The application needs no such button: it renews by itself.
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

// disconnect ends a connection at the authorization server, and only then forgets it here: a token that was only forgotten would live on.
// What the person agreed to is remembered at the authorization server until they take it back there.
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
