package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// show prints v as JSON with --json. Otherwise it prints what text writes: cells end with a tab, lines with a newline.
func (e *env) show(v any, text func(t *tabwriter.Writer)) error {
	if e.json {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	text(t)
	return t.Flush()
}

// showf prints v as JSON with --json. Otherwise it prints one line.
func (e *env) showf(v any, format string, args ...any) error {
	return e.show(v, func(t *tabwriter.Writer) { fmt.Fprintf(t, format+"\n", args...) })
}

// row writes one line of a table. An empty cell shows as a dash. Names have no control characters, so they cannot break the table.
func row(t *tabwriter.Writer, cells ...string) {
	for i, cell := range cells {
		if cell == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
}

// stamp formats a time for tables: UTC, to the minute.
func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format("2006-01-02 15:04")
}

// state returns "enabled" or "disabled".
func state(disabledAt time.Time) string {
	if disabledAt.IsZero() {
		return "enabled"
	}
	return "disabled"
}
