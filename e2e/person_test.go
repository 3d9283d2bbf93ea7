package e2e_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// person is Ann with a simple browser: it keeps cookies, follows redirects, and submits the real forms.
type person struct {
	t        testing.TB
	base     string // of the server; every other address belongs to an application
	password string
	team     string // the slug of the team to choose, if the page offers a choice
	decision string // the button of the consent page: authorize or cancel
	pages    int    // number of pages shown so far
	client   *http.Client
}

// person returns Ann, who chooses acme and agrees to everything.
func (h *house) person() *person { return newPerson(h.t, h.url) }

func newPerson(t testing.TB, base string) *person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, base: base, password: annPassword, team: "acme", decision: "authorize"}
	p.client = &http.Client{Jar: jar, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p
}

// connect opens an authorization URL, answers the pages, and returns the redirect to the application.
func (p *person) connect(authorizationURL string) *url.URL {
	p.t.Helper()
	return p.goOn(p.send(http.MethodGet, authorizationURL, nil))
}

// connectByForm is connect with the parameters in a POST.
func (p *person) connectByForm(endpoint string, parameters url.Values) *url.URL {
	p.t.Helper()
	return p.goOn(p.send(http.MethodPost, endpoint, parameters))
}

// goOn answers pages until the browser is redirected to the application.
func (p *person) goOn(response *http.Response) *url.URL {
	p.t.Helper()
	for range 10 {
		if response.StatusCode == http.StatusSeeOther {
			target, err := response.Location()
			if err != nil {
				p.t.Fatal(err)
			}
			if !strings.HasPrefix(target.String(), p.base+"/") {
				return target
			}
			response = p.send(http.MethodGet, target.String(), nil)
			continue
		}
		if response.StatusCode != http.StatusOK {
			text, _ := io.ReadAll(response.Body)
			p.t.Fatalf("%s %s: %s\n%s", response.Request.Method, response.Request.URL.Path, response.Status, text)
		}
		p.pages++
		response = p.fillIn(response)
	}
	p.t.Fatal("the pages do not come to an end")
	return nil
}

// fillIn answers the page's form: with the password, or with a team and a button.
func (p *person) fillIn(page *http.Response) *http.Response {
	p.t.Helper()
	f, err := readForm(page.Body)
	if err != nil {
		p.t.Fatalf("%s: %v", page.Request.URL.Path, err)
	}
	if f.asks("password") {
		f.values.Set("email", annEmail)
		f.values.Set("password", p.password)
	} else {
		if id, ok := f.teams[p.team]; ok {
			f.values.Set("team", id)
		}
		f.values.Set("decision", p.decision)
	}
	target, err := page.Request.URL.Parse(f.action)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.send(http.MethodPost, target.String(), f.values)
}

func (p *person) send(method, target string, form url.Values) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8") // mod_auth_openidc redirects nothing but browsers
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { response.Body.Close() })
	return response
}

// form is the page's only form with method POST.
type form struct {
	action string
	names  []string          // of all fields and buttons
	values url.Values        // the initial values
	teams  map[string]string // values of the radio buttons, by the slug beside them
}

func (f form) asks(name string) bool { return slices.Contains(f.names, name) }

// readForm finds the form in one of our pages. They are regular enough for the XML decoder in its HTML mode.
func readForm(page io.Reader) (form, error) {
	f := form{values: url.Values{}, teams: map[string]string{}}
	decoder := xml.NewDecoder(page)
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	radio, inCode := "", false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			inCode = token.Name.Local == "code"
			radio = f.read(token, radio)
		case xml.EndElement:
			inCode = false
		case xml.CharData:
			if inCode && radio != "" {
				f.teams[string(token)], radio = radio, ""
			}
		}
	}
	if f.action == "" {
		return f, errors.New("the page has no form")
	}
	return f, nil
}

// read records an element, and returns a radio button whose label text comes next.
func (f *form) read(e xml.StartElement, radio string) string {
	attribute := map[string]string{}
	for _, a := range e.Attr {
		attribute[a.Name.Local] = a.Value
	}
	name := attribute["name"]
	switch e.Name.Local {
	case "form":
		if strings.EqualFold(attribute["method"], "post") {
			f.action = attribute["action"]
		}
	case "button":
		f.names = append(f.names, name)
	case "input":
		f.names = append(f.names, name)
		_, checked := attribute["checked"]
		if attribute["type"] == "radio" {
			radio = attribute["value"]
		}
		if attribute["type"] == "hidden" || checked {
			f.values.Set(name, attribute["value"])
		}
	}
	return radio
}
