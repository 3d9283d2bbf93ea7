package drive

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
)

// Ring is connections that are alive. Their refresh tokens take turns.
type Ring struct {
	agent  *person // the application that has them
	tokens chan string
}

// Connect lets the crowd go through flows until there are size connections, all of them alive. hands is how many of them may be refreshed at once.
func (c *Crowd) Connect(ctx context.Context, size, hands int) (*Ring, error) {
	first := c.people[0]
	ring := &Ring{tokens: make(chan string, size), agent: &person{target: first.target, client: manyAtOnce(hands)}}
	err := share(size, len(c.people), func(hand, _ int) error {
		p := c.people[hand]
		if err := p.flow(ctx); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		ring.tokens <- p.refreshes[len(p.refreshes)-1]
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ring, nil
}

// manyAtOnce is a client with as many connections kept alive as it needs.
func manyAtOnce(hands int) *http.Client {
	return &http.Client{
		Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: hands, MaxIdleConns: hands, DisableCompression: true, TLSClientConfig: &tls.Config{}},
	}
}

// Refresh refreshes the connection that has waited longest.
func (r *Ring) Refresh(ctx context.Context) error {
	token := <-r.tokens
	answer, err := r.agent.token(ctx, r.agent.target.Application, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	if err == nil && answer.RefreshToken == "" {
		err = errNoSuccessor
	}
	if err == nil {
		token = answer.RefreshToken
	}
	r.tokens <- token // after an error the same again: a client that lost an answer may ask twice
	return err
}

// RefreshAll refreshes each connection once, many at a time.
func (r *Ring) RefreshAll(ctx context.Context, hands int) error {
	return share(len(r.tokens), hands, func(int, int) error { return r.Refresh(ctx) })
}

// Leave closes the connections to the server. Those of people to the application stay.
func (r *Ring) Leave() { r.agent.client.CloseIdleConnections() }
