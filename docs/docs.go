// Package docs carries the documentation, so that the binary can serve it.
package docs

import "embed"

// Files is every Markdown file of this folder.
//
//go:embed *.md
var Files embed.FS
