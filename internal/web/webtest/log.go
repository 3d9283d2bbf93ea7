package webtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/client"
)

// LifeOfAConnection is all that can be done with a connection and beside it, well and badly. secret hears of every secret on the way.
func (h *House) LifeOfAConnection(b *Browser, secret func(...string)) Tokens {
	h.Helper()
	got := b.Connection(h.Insight, h.Atlas, "scope", "openid email chatbot:read", "nonce", "a-nonce-of-the-client")
	secret(got.AccessToken, got.RefreshToken, got.IDToken, "a-nonce-of-the-client")
	next := h.Refresh(h.Insight, got.RefreshToken).WantTokens()
	secret(next.AccessToken, next.RefreshToken, next.IDToken)
	h.UserInfo(next.AccessToken).WantStatus(http.StatusOK)
	h.Refresh(h.Notes, next.RefreshToken).WantStatus(http.StatusBadRequest)
	h.Introspect(h.Insight, next.AccessToken)
	h.Introspect(h.Notes, next.RefreshToken)
	newest := h.Refresh(h.Insight, next.RefreshToken).WantTokens()
	secret(newest.AccessToken, newest.RefreshToken, newest.IDToken)
	h.Refresh(h.Insight, got.RefreshToken).WantStatus(http.StatusBadRequest) // a replay
	h.UserInfo(next.AccessToken).WantStatus(http.StatusUnauthorized)
	h.Call("/o/revoke_token/", h.Insight, "token", next.RefreshToken).WantOK()

	keyed := h.NewKeyed(client.Registration{Name: "Keyed job", Machine: true, Team: h.Atlas})
	assertion := keyed.Assertion(h, nil)
	secret(assertion)
	machine := h.Program().Post("/o/token/", By(assertion, Pairs("grant_type", "client_credentials"))).WantTokens()
	h.Program().Post("/o/token/", By(assertion, Pairs("grant_type", "client_credentials"))).WantStatus(http.StatusUnauthorized)
	secret(machine.AccessToken)
	h.Program().Post("/o/revoke_token/", By(keyed.Assertion(h, nil), Pairs("token", machine.AccessToken))).WantOK()

	requestURI := h.Push(h.Insight).WantRequestURI()
	secret(strings.TrimPrefix(requestURI, "urn:ietf:params:oauth:request_uri:"))
	b.AuthorizePushed(h.Insight, requestURI)
	b.AuthorizePushed(h.Notes, requestURI)

	p := h.NewProver()
	bound := p.Post("/o/token/", TokenRequest(h.Insight, b.Connect(h.Insight, h.Atlas, "scope", "openid"))).WantTokensOfType("DPoP")
	secret(bound.AccessToken, bound.RefreshToken, bound.IDToken, p.Proof(http.MethodPost, "/o/token/", nil))
	p.UserInfo(bound.AccessToken).WantStatus(http.StatusOK)
	h.UserInfo(bound.AccessToken).WantStatus(http.StatusUnauthorized)

	posted := b.Authorize(h.Insight, "response_mode", "form_post", "team", "atlas").WantFormPost(Callback)
	secret(posted.Get("code"))
	fresh := h.Redeem(h.Insight, posted.Get("code")).WantTokens()
	secret(fresh.AccessToken, fresh.RefreshToken)
	last := b.Connection(h.Insight, h.Atlas, "scope", "openid")
	secret(last.AccessToken, last.RefreshToken, last.IDToken)
	h.Browser().Get(LogoutURL("id_token_hint", last.IDToken)).WantStatus(http.StatusOK)
	return last
}

// CutOff is the status of a POST whose body ends too early.
func (h *House) CutOff(path string) int {
	h.Helper()
	conn, err := net.Dial("tcp", h.Server.Listener.Addr().String())
	h.OK(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\na=", path)
	h.OK(err)
	h.OK(conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	h.OK(err)
	defer response.Body.Close()
	return response.StatusCode
}
