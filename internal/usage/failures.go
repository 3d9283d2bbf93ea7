// Package usage keeps what happens to the requests of applications, for those who build them. It is gathered in memory, which is bounded, and
// written in batches that may be lost. No request waits for it.
package usage

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Failure is a request of a client that failed, or several that failed in the same way. It has nothing of a request that could be a secret.
type Failure struct {
	Client      string // the client id, as it was sent
	Proven      bool   // the client had authenticated; otherwise anybody may have sent the request
	Endpoint    string // the path
	Code        string // the error code that was answered
	Description string // what was wrong, without what was received
	Cause       string // what the answer did not tell; "" when there was no more to tell
	Received    string // of a URI that is not registered: its scheme, host and path (see URI); "" otherwise
	AuthMethod  string // the token_endpoint_auth_method that was used, e.g. client_secret_basic; "" where clients do not authenticate

	Network   string // where the latest came from: a /24 or a /48
	RequestID string // of the latest
	First     time.Time
	Last      time.Time
	Count     int64
}

// Kept is how long a failure is kept after it last happened, and KeptPerClient how many of a client: so many that the client sent, and so many
// that anybody may have sent, so that a stranger does not push out what the client did.
const (
	Kept          = 7 * 24 * time.Hour
	KeptPerClient = 200
)

// How much is gathered between two batches: that many different failures of clients that had authenticated, and as many others.
const maxGathered = 1000

// maxText bounds each text of a failure, in bytes.
const maxText = 400

// Digest is equal for failures that are counted as one.
func (f Failure) Digest() string {
	hash := sha256.New()
	for _, text := range []string{f.Endpoint, f.Code, f.Description, f.Cause, f.Received, f.AuthMethod} {
		fmt.Fprintf(hash, "%d %s\n", len(text), text)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// FailureStore keeps failures.
type FailureStore interface {
	// SaveFailures adds failures to those that are kept, and keeps the latest KeptPerClient of each client. Those of unknown clients are dropped.
	SaveFailures(ctx context.Context, failures []Failure) error
	// Failures is the failures of a client, the latest first.
	Failures(ctx context.Context, client string) ([]Failure, error)
}

// Failures gathers failures. The zero value is ready; a nil one gathers nothing. It may be used from several goroutines at once.
type Failures struct {
	mu       sync.Mutex
	gathered [2]map[failureKey]*Failure // of clients that had authenticated, and of others
	dropped  int
}

type failureKey struct{ client, digest string }

// Add counts a failure. When too many different ones wait to be written, it is dropped.
func (g *Failures) Add(f Failure) {
	if g == nil || f.Client == "" || len(f.Client) > maxText {
		return
	}
	for _, text := range []*string{&f.Description, &f.Cause, &f.Received} {
		*text = shortened(*text)
	}
	f.First, f.Count = f.Last, 1
	which := 0
	if f.Proven {
		which = 1
	}
	key := failureKey{f.Client, f.Digest()}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gathered[which] == nil {
		g.gathered[which] = map[failureKey]*Failure{}
	}
	known, found := g.gathered[which][key]
	switch {
	case found:
		known.Count++
		known.Last, known.RequestID, known.Network = f.Last, f.RequestID, f.Network
	case len(g.gathered[which]) >= maxGathered:
		g.dropped++
	default:
		g.gathered[which][key] = &f
	}
}

// Take is what was gathered since the last call, in an order that is the same in every process, and how many failures were dropped.
func (g *Failures) Take() (failures []Failure, dropped int) {
	if g == nil {
		return nil, 0
	}
	g.mu.Lock()
	gathered := g.gathered
	dropped = g.dropped
	g.gathered, g.dropped = [2]map[failureKey]*Failure{}, 0
	g.mu.Unlock()
	for _, some := range gathered {
		for _, f := range some {
			failures = append(failures, *f)
		}
	}
	slices.SortFunc(failures, func(a, b Failure) int {
		return cmp.Or(strings.Compare(a.Client, b.Client), strings.Compare(a.Digest(), b.Digest()))
	})
	return failures, dropped
}

// URI is what may be kept of a URI that somebody sent: scheme, host and path. "" for a text that is no absolute URI with a host, because it may be
// anything, a secret too.
func URI(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil {
		return ""
	}
	kept := u.Scheme + "://" + u.Host + u.EscapedPath()
	if u.RawQuery != "" {
		kept += "?…"
	}
	if u.Fragment != "" {
		kept += "#…"
	}
	return kept
}

func shortened(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText-len("…")], "") + "…"
}
