package drive

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// authorize opens an authorization URL, fills in the forms of the pages that come, and returns the address at which the application gets its answer.
func (p *person) authorize(ctx context.Context, address string) (*url.URL, error) {
	method, form := http.MethodGet, ""
	for range 10 {
		r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form))
		if err != nil {
			return nil, err
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		page, next, err := p.open(r)
		if err != nil {
			return nil, err
		}
		switch {
		case page != nil:
			page.fillIn(p.account)
			method, address, form = http.MethodPost, next.String(), page.values.Encode()
		case strings.HasPrefix(next.String(), p.target.URL+"/"):
			method, address, form = http.MethodGet, next.String(), ""
		default:
			return next, nil
		}
	}
	return nil, errors.New("the pages do not come to an end")
}

// open sends a request of the browser. The answer is a page with the address of its form, or the address of a redirect.
func (p *person) open(r *http.Request) (*page, *url.URL, error) {
	response, err := p.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode == http.StatusSeeOther || response.StatusCode == http.StatusFound {
		next, err := response.Location()
		return nil, next, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%s answered %s", r.URL.Path, response.Status)
	}
	page, err := readPage(string(text))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.URL.Path, err)
	}
	next, err := r.URL.Parse(page.action)
	return page, next, err
}

// page is a page's only form that is sent by POST.
type page struct {
	action string
	asks   map[string]bool // the names of what can be filled in or pressed
	values url.Values      // what is filled in already
}

// fillIn answers as a person does who agrees to everything.
func (f *page) fillIn(as Account) {
	if f.asks["password"] {
		f.values.Set("email", as.Email)
		f.values.Set("password", as.Password)
		return
	}
	f.values.Set("decision", "authorize")
}

// readPage finds the form. Our pages are regular enough for the XML decoder in its mode for HTML.
func readPage(text string) (*page, error) {
	f := &page{asks: map[string]bool{}, values: url.Values{}}
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if element, ok := token.(xml.StartElement); ok {
			f.read(element)
		}
	}
	if f.action == "" {
		return nil, errors.New("the page has no form")
	}
	return f, nil
}

func (f *page) read(e xml.StartElement) {
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
	case "button", "input":
		f.asks[name] = true
		_, checked := attribute["checked"]
		if attribute["type"] == "hidden" || checked {
			f.values.Set(name, attribute["value"])
		}
	}
}
