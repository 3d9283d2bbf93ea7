package webapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// connection is one team that the person connected. The token is inside the client, which sends it with each call.
type connection struct {
	ID     string
	Team   string
	Scopes []string
	At     time.Time
	client *http.Client
	log    *exchanges
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
		view.Error = err.Error()
	}
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
		return fmt.Errorf("the API could not be asked (%w): connecting the team again may help", errors.Unwrap(err)) // without the URL that url.Error repeats
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

// disconnect forgets a connection here. What the person agreed to is remembered at the authorization server until they take it back there.
func (a *app) disconnect(w http.ResponseWriter, r *http.Request) {
	a.sessions.of(r).remove(r.PathValue("id"))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
