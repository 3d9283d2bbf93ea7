package resourceserver_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

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
