package drive

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// SignIns sends passwords to the sign-in page, every other one wrong, each as if from an address of its own: the server has to trust this machine as a
// proxy. It counts the answers.
type SignIns struct {
	Right, Wrong, Refused atomic.Int64 // Refused: told to come back later

	target Target
	client *http.Client
	sent   atomic.Int64
}

// NewSignIns is for at most hands at once.
func NewSignIns(target Target, hands int) *SignIns {
	return &SignIns{target: target, client: manyAtOnce(hands)}
}

// Try sends the next one. It is an error when a right password is not accepted, or a wrong one is.
func (s *SignIns) Try(ctx context.Context) error {
	i := s.sent.Add(1)
	account := s.target.Accounts[int(i/2)%len(s.target.Accounts)]
	password, right := account.Password, i%2 == 0
	if !right {
		password += " not"
	}
	form := url.Values{"email": {account.Email}, "password": {password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target.URL+"/login/", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255))
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	if err := drain(response); err != nil {
		return err
	}
	switch {
	case response.StatusCode == http.StatusSeeOther && right && len(response.Cookies()) > 0:
		s.Right.Add(1)
	case response.StatusCode == http.StatusUnprocessableEntity && !right:
		s.Wrong.Add(1)
	case response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable:
		s.Refused.Add(1)
	default:
		return fmt.Errorf("/login/ answered %s to a password that is right: %t", response.Status, right)
	}
	return nil
}

// Leave closes the connections.
func (s *SignIns) Leave() { s.client.CloseIdleConnections() }
