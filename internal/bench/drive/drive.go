// Package drive puts load on a server: virtual users who each have a connection of their own, sign in once by the real forms, agree once, and then
// repeat one operation as fast as they are answered. Every answer is checked; one that is not what it should be counts as an error.
package drive

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"time"
)

// patience bounds each request.
const patience = 30 * time.Second

// Target is a server, with what one has to know to be its client. URLs have no slash at their end.
type Target struct {
	URL            string      `json:"url"`
	API            string      `json:"api"`             // where /api/me/ is
	Application    Credentials `json:"application"`     // of the authorization code flow
	Machine        Credentials `json:"machine"`         // of client credentials
	ResourceServer Credentials `json:"resource_server"` // who introspects
	RedirectURI    string      `json:"redirect_uri"`
	Team           string      `json:"team"`  // the slug of the team of accounts that name none
	Scope          string      `json:"scope"` // of the API
	Accounts       []Account   `json:"accounts"`
}

// Credentials are a client's.
type Credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// String hides the secret.
func (c Credentials) String() string { return c.ID + " [secret]" }

// Account is a person's, who is in a team.
type Account struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Team     string `json:"team,omitempty"` // its slug
}

// String hides the password.
func (a Account) String() string { return a.Email + " [secret]" }

// Connection says how the virtual users reach the server.
type Connection struct {
	Fresh bool           // a new one for every request, instead of one kept alive
	Roots *x509.CertPool // who is trusted over https; nil for those of the system
	Each  int            // how many connections to the application everybody has, and refreshes in turn; one at least

	Browsers  int      // how many browsers everybody has, each with a session, and uses in turn for flows; one at least
	Addresses []string // of the servers on one database, as HOST:PORT, which the virtual users share out; empty: the target's own
}

// Crowd is virtual users who have signed in.
type Crowd struct{ people []*person }

// Gather signs in size virtual users. They share the target's accounts, in turn.
func Gather(ctx context.Context, target Target, size int, how Connection) (*Crowd, error) {
	crowd := &Crowd{people: make([]*person, size)}
	problems := make([]error, size)
	// All at once would look like somebody who guesses passwords: attempts that are under way count as failures until they succeed.
	door := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i := range size {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		transport := &http.Transport{MaxConnsPerHost: 1, DisableKeepAlives: how.Fresh, DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: how.Roots}}
		if len(how.Addresses) > 0 {
			transport.DialContext = dial(target.URL, how.Addresses[i%len(how.Addresses)])
		}
		p := &person{target: target, each: max(how.Each, 1), loyal: i%4 > 0, browsers: []http.CookieJar{jar}, away: transport.Clone(), client: &http.Client{
			Jar: jar, Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
		if len(target.Accounts) > 0 {
			p.account = target.Accounts[i%len(target.Accounts)]
		}
		crowd.people[i] = p
		wg.Go(func() {
			door <- struct{}{}
			problems[i] = p.prepare(ctx)
			for range how.Browsers - 1 {
				if problems[i] == nil {
					problems[i] = p.addBrowser(ctx)
				}
			}
			<-door
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(problems, func(err error) bool { return err != nil }); i >= 0 {
		crowd.Leave()
		return nil, fmt.Errorf("sign in at %s: %w", target.URL, problems[i])
	}
	return crowd, nil
}

// dial connects to an address where the public URL is asked for, which all servers have. Other hosts are reached as usual.
func dial(public, address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, asked string) (net.Conn, error) {
		if strings.HasSuffix(public, "//"+asked) {
			asked = address
		}
		return new(net.Dialer).DialContext(ctx, network, asked)
	}
}

// Leave closes the connections.
func (c *Crowd) Leave() {
	for _, p := range c.people {
		p.client.CloseIdleConnections()
		p.away.CloseIdleConnections()
	}
}

// Run lets everyone do the operation once, and repeat it until duration has passed. What has begun by then is finished and counted.
func (c *Crowd) Run(ctx context.Context, operation string, duration time.Duration) (Result, error) {
	act, ok := operations[operation]
	if !ok {
		return Result{}, fmt.Errorf("there is no operation %q", operation)
	}
	results := make([]Result, len(c.people))
	start := time.Now()
	var wg sync.WaitGroup
	for i, p := range c.people {
		wg.Go(func() {
			for again := true; again && ctx.Err() == nil; again = time.Since(start) < duration {
				results[i].count(func() error { return act(p, ctx) })
			}
		})
	}
	wg.Wait()
	total := Result{Elapsed: time.Since(start)}
	for i, r := range results {
		r.noteError(c.people[i].signedOut())
		total.took = append(total.took, r.took...)
		total.note(r)
	}
	return total, ctx.Err()
}
