package events_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/events"
	"github.com/gatehouse-auth/gatehouse/internal/outbound"
	"github.com/gatehouse-auth/gatehouse/internal/outbox"
)

// Only a client that is gone makes a message obsolete. After any other failure it is tried again.
func TestOnlyAClientThatIsGoneIsNotTold(t *testing.T) {
	for name, tt := range map[string]struct {
		token    error // of making the token
		status   int   // of the client's answer
		want     bool  // the message is delivered
		obsolete bool
		down     bool // other messages would fail too
	}{
		"told":                         {nil, http.StatusOK, true, false, false},
		"told, without an answer":      {nil, http.StatusNoContent, true, false, false},
		"the client fails":             {nil, http.StatusInternalServerError, false, false, true},
		"the client has too many":      {nil, http.StatusTooManyRequests, false, false, true},
		"the client refuses":           {nil, http.StatusBadRequest, false, false, false},
		"the client is gone":           {fmt.Errorf("load client: %w", client.ErrNoClient), 0, false, true, false},
		"the database does not answer": {errors.New("the database is closed"), 0, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.PostFormValue("logout_token") != "token" {
					t.Errorf("the form is %v, want the logout token", r.PostForm)
				}
				w.WriteHeader(tt.status)
			}))
			defer server.Close()
			to, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			courier := events.Courier{
				HTTP: outbound.New(outbound.Options{ThisMachine: true}),
				LogoutToken: func(context.Context, outbox.Message) (string, *url.URL, error) {
					return "token", to, tt.token
				},
			}
			err = courier.Deliver(t.Context(), outbox.Message{})
			if (err == nil) != tt.want || errors.Is(err, outbox.ErrObsolete) != tt.obsolete || errors.Is(err, outbox.ErrDown) != tt.down {
				t.Errorf("got %v, want delivered: %v, obsolete: %v, down: %v", err, tt.want, tt.obsolete, tt.down)
			}
		})
	}
}
