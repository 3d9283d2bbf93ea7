package web

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/endpoint"
	"github.com/gatehouse-auth/gatehouse/internal/web/flow"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// forPrograms are the routes of the protocol that answer programs. Their errors are JSON (RFC 6749 §5.2).
func (s *server) forPrograms() []route.Route {
	e := s.endpoints
	return []route.Route{
		{Path: oauth.PathToken, Post: e.Token, Options: endpoint.Preflight("POST"), CORS: e.ClientCORS},
		{Path: oauth.PathRevocation, Post: e.Revoke, Options: endpoint.Preflight("POST"), CORS: e.ClientCORS},
		{Path: oauth.PathIntrospection, Post: e.Introspect},
		{Path: oauth.PathPushed, Post: e.Push},
		{Path: oauth.PathMetadata + "/", Get: e.Metadata, Options: endpoint.Preflight("GET"), CORS: endpoint.OpenCORS},
		{Path: oauth.PathOpenIDConfiguration + "/", Get: e.OpenIDConfiguration, Options: endpoint.Preflight("GET"), CORS: endpoint.OpenCORS},
		{Path: oauth.PathEnded + "/", Get: e.EndedTokens, Options: endpoint.Preflight("GET"), CORS: endpoint.OpenCORS},
		{Path: oauth.PathJWKS + "/", Get: e.JWKS, Options: endpoint.Preflight("GET"), CORS: endpoint.OpenCORS},
	}
}

// withToken are the routes that need an access token. Their errors are JSON with a challenge (RFC 6750 §3).
func (s *server) withToken() []route.Route {
	e := s.endpoints
	return []route.Route{
		{Path: oauth.PathUserInfo, Get: e.UserInfo, Post: e.UserInfo, Options: endpoint.Preflight("GET, POST"), CORS: e.ClientCORS},
	}
}

// forPeople are the routes of the person's way through a request. Their errors are pages, or go to the redirect URI.
func (s *server) forPeople() []route.Route {
	f := s.flow
	return []route.Route{
		{Path: oauth.PathAuthorization, Get: f.Authorize, Post: f.AuthorizePosted},
		{Path: "/o/consent/", Get: f.Continue, Post: f.SameOrigin(f.Decide)},
		{Path: "/o/consent/status/", Get: f.WaitingStatus, Fetched: true},
		{Path: "/o/select-account/", Post: f.SameOrigin(f.SelectAccount)},
		{Path: oauth.PathEndSession, Get: f.Logout, Post: f.LogoutPosted},
		{Path: "/login/", Get: f.AskSignIn, Post: f.SameOrigin(f.SignIn)},
		{Path: flow.PathSignUp, Get: f.AskSignUp, Post: f.SameOrigin(f.SignUp)},
		{Path: team.LinkSignUp.Path(), Get: f.AskFinishSignUp, Post: f.FromLink(f.FinishSignUp)},
		{Path: browser.PathFactor, Get: f.ShowFactor, Post: f.SameOrigin(f.ProveFactor)},
		{Path: "/login/passkey/", Post: f.SameOrigin(f.SignInWithPasskey)},
		{Path: "/login/provider/{provider}/", Get: f.AskWith, Post: f.SameOrigin(f.BeginWith)},
		{Path: "/login/provider/{provider}/callback/", Get: f.FinishWith},
		{Path: "/login/provider/{provider}/link/", Get: f.AskLink, Post: f.SameOrigin(f.Link)},
		{Path: "/logout/", Get: f.AskSignOut, Post: f.SameOrigin(f.SignOut)},
	}
}

// rooms are the pages that people come to by themselves. Each room has a table of its pages in its file room.go, or docs.go.
func (s *server) rooms() [][]route.Route {
	return [][]route.Route{
		s.account.Routes(), // /, /account/…
		s.links.Routes(),   // /login/forgot/, and where links in mails lead
		s.teams.Routes(),   // /teams/{slug}/…
		s.docs.Routes(),    // /docs/…
	}
}

// mux is all that is served.
func (s *server) mux() *http.ServeMux {
	programs := route.Adapter{Log: s.errors, Fail: s.endpoints.Fail}
	protected := route.Adapter{Log: s.errors, Fail: s.endpoints.FailProtected}
	people := route.Adapter{Log: s.errors, Fail: s.flow.Fail, Header: route.NoReferrer, Decline: s.flow.Decline}

	mux := http.NewServeMux()
	register := func(adapter route.Adapter, routes []route.Route) {
		for _, rt := range routes {
			rt.Register(mux, adapter)
		}
	}
	register(programs, s.forPrograms())
	register(protected, s.withToken())
	register(people, s.forPeople())
	for _, room := range s.rooms() {
		register(people, room)
	}

	mux.Handle(authz.PathPictures+"{name}", people.Handler(s.account.Picture)) // no Route, because an image asks for it
	mux.Handle("GET "+flow.IconPath+"{provider}", people.Handler(s.flow.ProviderIcon))
	mux.Handle("/static/", people.Handler(route.Mounted(ui.Static())))
	mux.Handle("/static", people.Handler(route.NotFound)) // else the mux redirects
	if s.API != nil {
		api := people.Handler(route.LimitBody(route.Mounted(s.API)))
		mux.Handle("/api", api)
		mux.Handle("/api/", api)
		mux.Handle("/.well-known/oauth-protected-resource", api) // RFC 9728: the API says whose tokens it takes
		mux.Handle("/.well-known/oauth-protected-resource/", api)
	}
	if s.DevMails != nil {
		mux.Handle("/dev/mails", people.Handler(route.Mounted(s.DevMails)))
		mux.Handle("/dev/mails/", people.Handler(route.Mounted(s.DevMails)))
	}
	mux.Handle("/", people.Handler(route.NotFound))
	return mux
}
