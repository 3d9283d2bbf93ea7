package resourceserver_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/resourceserver"
)

// An API whose chatbots belong to teams.
func Example() {
	guard, err := resourceserver.New(context.Background(), "https://id.example.com", resourceserver.Options{
		Audience: "https://api.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	chatbots := map[string][]string{"t1": {"Greeter"}} // by team id

	mux := http.NewServeMux()
	mux.Handle("GET /chatbots", guard.Require("chatbot:read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := resourceserver.FromContext(r.Context())
		fmt.Fprintln(w, token.Team, "has", chatbots[token.TeamID])
	})))
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}

// What cannot be undone needs a sign-in of the last five minutes, with two factors; applications find out by themselves what this API needs.
func ExampleGuard_RequireFresh() {
	guard, err := resourceserver.New(context.Background(), "https://id.example.com", resourceserver.Options{
		Audience: "https://api.example.com",
	})
	if err != nil {
		log.Fatal(err)
	}
	recent := guard.RequireFresh(resourceserver.SignIn{MaxAge: 5 * time.Minute, ACR: []string{resourceserver.TwoFactors}}, "chatbot:write")

	mux := http.NewServeMux()
	mux.Handle("DELETE /chatbots/{id}", recent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := resourceserver.FromContext(r.Context())
		log.Printf("%s deletes %s of team %s", token.Subject, r.PathValue("id"), token.TeamID)
		w.WriteHeader(http.StatusNoContent)
	})))
	mux.Handle("GET "+guard.MetadataPath(), guard.Metadata())
	log.Fatal(http.ListenAndServe("localhost:8080", mux))
}
