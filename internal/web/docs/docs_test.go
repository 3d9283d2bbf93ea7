package docs

import (
	"html/template"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui/uitest"
)

func page(account, title string, v documentView) ui.Content {
	v.Frame = ui.Frame{
		Title: ui.Text("docs.document_title", "title", ui.Name(title)), ServerName: "Gatehouse", Account: account, RequestID: "7RNQ4M2XW5KZ3B6A",
	}
	return documentPage.With(v)
}

var samples = uitest.Samples{
	"document": page("", "Getting started", documentView{
		Contents: []heading{{"register", "Register your application"}, {"ask", "Ask for access"}, {"errors", "Every error, and what to do about it"}},
		Body: template.HTML(`<h1>Getting started</h1><p>Five steps from nothing to a first call.</p>
<h2 id="register">Register your application</h2><p>You get a <code>client_id</code> and a secret.</p>
<h2 id="ask">Ask for access</h2><ul><li>Send the browser to <code>/o/authorize/</code>.</li><li>Wait for the answer.</li></ul>
<h2 id="errors">Every error, and what to do about it</h2><blockquote><p>Errors teach.</p></blockquote>`),
	}),
	"document_plain": page("ada@example.com", "Security", documentView{Body: "<p>How to report a problem.</p>"}),
	"list":           page("", "Documentation", documentView{List: []listed{{"/docs/guide/", "Getting <started>"}, {"/docs/security/", "Security"}}}),
}

func TestPages(t *testing.T) { uitest.Check(t, samples) }
