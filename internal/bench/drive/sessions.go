package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
)

// flowsPerSignOut is how many flows there are to one sign-out. Other sessions sign out than
// those that make flows, because to sign in again costs a password check, which is more than a hundred flows cost.
const flowsPerSignOut = 100

// addBrowser signs in with one more browser, which goes through a flow.
func (p *person) addBrowser(ctx context.Context) error {
	jar, err := p.signIn(ctx)
	p.browsers = append(p.browsers, jar)
	return err
}

// signIn is the cookies of a new browser after a flow, for which the person signed in.
func (p *person) signIn(ctx context.Context) (http.CookieJar, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	p.client.Jar = jar
	_, err = p.connect(ctx, p.target.Scope)
	return jar, err
}

// signOut ends one of the spare sessions, on another connection: nobody waits for it.
func (p *person) signOut(ctx context.Context) {
	client := *p.client
	client.Jar, client.Transport = p.spare[0], p.away
	p.spare = p.spare[1:]
	somebody := &person{target: p.target, client: &client}
	p.leaving.Go(func() {
		if err := somebody.send(ctx, "/logout/", Credentials{}, url.Values{}, http.StatusOK); err != nil {
			p.stayed.Store(&err)
		}
	})
}

// signedOut waits for those who are signing out. It is an error when one of them could not.
func (p *person) signedOut() error {
	p.leaving.Wait()
	if err := p.stayed.Swap(nil); err != nil {
		return fmt.Errorf("sign out: %w", *err)
	}
	return nil
}

// ReadyForFlows signs in so many sessions that so many flows can be with their sign-outs. A target without accounts knows no sessions.
func (c *Crowd) ReadyForFlows(ctx context.Context, flows int) error {
	each := flows/flowsPerSignOut/len(c.people) + 1
	problems := make([]error, len(c.people))
	door := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i, p := range c.people {
		if len(p.target.Accounts) == 0 {
			continue
		}
		wg.Go(func() {
			door <- struct{}{}
			defer func() { <-door }()
			for len(p.spare) < each && problems[i] == nil {
				var jar http.CookieJar
				jar, problems[i] = p.signIn(ctx)
				p.spare = append(p.spare, jar)
			}
		})
	}
	wg.Wait()
	for _, err := range problems {
		if err != nil {
			return err
		}
	}
	return nil
}
