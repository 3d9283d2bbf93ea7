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
	}{
		"told":                         {nil, http.StatusOK, true, false},
		"told, without an answer":      {nil, http.StatusNoContent, true, false},
		"the client fails":             {nil, http.StatusInternalServerError, false, false},
		"the client refuses":           {nil, http.StatusBadRequest, false, false},
		"the client is gone":           {fmt.Errorf("load client: %w", client.ErrNoClient), 0, false, true},
		"the database does not answer": {errors.New("the database is closed"), 0, false, false},
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
			if (err == nil) != tt.want || errors.Is(err, outbox.ErrObsolete) != tt.obsolete {
				t.Errorf("got %v, want delivered: %v, obsolete: %v", err, tt.want, tt.obsolete)
			}
		})
	}
}
