// Package docs carries the documentation, so that the binary can serve it.
package docs

import "embed"

// Files is every Markdown file of this folder, and of errors: the pages that error_uri leads to (RFC 6749 §4.1.2.1).
//
//go:embed *.md errors/*.md
var Files embed.FS
