package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// failoverBound is how long a client waits for an answer. The server promises one within five seconds.
const failoverBound = 10 * time.Second

// kept is what a client keeps of an answer.
type kept struct {
	answer
	location *url.URL // of a redirect
	body     string
	took     time.Duration
}

// ask sends a request and returns whatever the answer is. An app of nil sends no client authentication.
func ask(ctx context.Context, client *http.Client, method, path string, app *registered, bearer string, form url.Values) (kept, error) {
	ctx, cancel := context.WithTimeout(ctx, failoverBound)
	defer cancel()
	target := path
	if strings.HasPrefix(path, "/") {
		target = installedURL + path
	}
	r, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return kept{}, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if app != nil {
		r.SetBasicAuth(app.id, app.secret)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	began := time.Now()
	response, err := client.Do(r)
	if err != nil {
		return kept{took: time.Since(began)}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	k := kept{answer: answer{Status: response.StatusCode}, body: string(body), took: time.Since(began)}
	if err != nil {
		return k, err
	}
	if len(body) > 0 && strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(body, &k.answer)
	}
	if response.StatusCode == http.StatusSeeOther {
		k.location, err = response.Location()
	}
	return k, err
}

// signIn signs Ann in with a new browser. It returns the first answer that is not what it expects, or the redirect after the password.
func signIn(ctx context.Context, transport http.RoundTripper, app registered) (kept, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return kept{}, err
	}
	browser := &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	k, err := ask(ctx, browser, http.MethodGet, acmeURL(app), nil, "", nil)
	if err != nil || k.location == nil {
		return k, err
	}
	k, err = ask(ctx, browser, http.MethodGet, k.location.String(), nil, "", nil)
	if err != nil || k.Status != http.StatusOK {
		return k, err
	}
	f, err := readForm(strings.NewReader(k.body))
	if err != nil {
		return k, err
	}
	f.values.Set("email", annEmail)
	f.values.Set("password", annPassword)
	return ask(ctx, browser, http.MethodPost, f.action, nil, "", f.values)
}
