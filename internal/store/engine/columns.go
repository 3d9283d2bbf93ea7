package engine

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Millis is how a time is stored: Unix milliseconds, and 0 for the zero time. Time reads it.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Words is how words without spaces are stored, such as a scope: joined by spaces. WordsTo reads them.
func Words[S ~[]string](words S) string { return strings.Join(words, " ") }

// List is how any texts are stored: as a JSON array. ListTo reads them.
func List(items []string) string {
	if len(items) == 0 {
		return "[]"
	}
	text, err := json.Marshal(items)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(text)
}

// TimeTo scans a time.
func TimeTo(to *time.Time) sql.Scanner { return timeColumn{to} }

// DurationTo scans a duration, which is stored in milliseconds.
func DurationTo(to *time.Duration) sql.Scanner { return durationColumn{to} }

// WordsTo scans words.
func WordsTo[S ~[]string](to *S) sql.Scanner { return wordsColumn[S]{to} }

// ListTo scans a list.
func ListTo(to *[]string) sql.Scanner { return listColumn{to} }

type (
	timeColumn               struct{ to *time.Time }
	durationColumn           struct{ to *time.Duration }
	wordsColumn[S ~[]string] struct{ to *S }
	listColumn               struct{ to *[]string }
)

func (c timeColumn) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", value)
	}
	*c.to = time.Time{}
	if ms != 0 {
		*c.to = time.UnixMilli(ms).UTC()
	}
	return nil
}

func (c durationColumn) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a duration is stored as %T", value)
	}
	*c.to = time.Duration(ms) * time.Millisecond
	return nil
}

func (c wordsColumn[S]) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("words are stored as %T", value)
	}
	*c.to = nil
	if text != "" {
		*c.to = strings.Split(text, " ")
	}
	return nil
}

func (c listColumn) Scan(value any) error {
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a list is stored as %T", value)
	}
	*c.to = nil
	return json.Unmarshal([]byte(text), c.to)
}
