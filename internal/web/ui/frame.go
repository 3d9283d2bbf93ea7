// Package ui is how pages look: the layout, and the components that pages share. A component is a small struct and a template of its
// name. The package knows no domain: rooms fill the structs.
//
// A room parses each of its pages once with NewPage, which checks that the page's template and its view belong together:
//
//	//go:embed *.html
//	var files embed.FS
//	var passwordPage = ui.NewPage[passwordView](files, "password.html")
//
// The template defines "main", the content between the bar and the end of the page.
package ui

import "github.com/gatehouse-auth/gatehouse/internal/words"

// Frame is what every page has around its content. A view embeds it.
type Frame struct {
	Language   *words.Catalogue // of the page; nil is English
	Title      Words            // of the page, without the server's name
	Failed     bool             // the person's last action failed: the title says so first
	Quiet      bool             // the bar has no links that lead away
	Refresh    int              // the page without JavaScript loads itself again after so many seconds; 0: never
	ServerName string
	Account    string // the e-mail of the person who is signed in, or ""
	RequestID  string
	Tabs       Tabs // the pages beside this one
}

func (f Frame) language() *words.Catalogue { return f.Language }

// Scripted reports that the page has a script of ours, which its Content-Security-Policy must allow. A view with a script has a method of its own.
func (f Frame) Scripted() bool { return false }

// Framed is a view: a struct that embeds Frame.
type Framed interface {
	language() *words.Catalogue
	Scripted() bool
}

// Tabs are links to pages that belong together.
type Tabs struct {
	Label Words // what the pages are about
	Items []Tab
}

// Tab is a link to one of the pages.
type Tab struct {
	Href    string
	Text    Words
	Current bool // this page
	Below   bool // this page is one below it, which has no tab of its own
}
