package route

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Trace is what the log and the error page say of one request. It travels in the request's context.
type Trace struct {
	ID      string     // the request id
	Address netip.Addr // the client's, as far as trusted proxies tell
	From    string     // the address as text
	Client  string     // the client id, once it is known to be one of ours
	Account string     // the e-mail of the signed-in person, once the session has been read
	// The language of pages: what the application asked for with ui_locales, and the person's setting, once they are known.
	Locales, Language string
	Profiled          bool // the setting was looked for
	answer            recorder
}

type traceKey struct{}

// TraceOf is the trace of a request; outside an Observer, an empty one.
func TraceOf(ctx context.Context) *Trace {
	if t, ok := ctx.Value(traceKey{}).(*Trace); ok {
		return t
	}
	return &Trace{}
}

// newTrace finds out where a request comes from. A peer that is not a trusted proxy can choose neither its address nor the request id.
func (o *Observer) newTrace(r *http.Request) *Trace {
	t := &Trace{Address: peerAddress(r.RemoteAddr)}
	if o.trusted(t.Address) {
		t.ID = requestID(r.Header.Get("X-Request-Id"))
		t.Address = o.forwardedFor(t.Address, r.Header.Values("X-Forwarded-For"))
	}
	if t.ID == "" {
		t.ID = rand.Text()
	}
	t.From = t.Address.String()
	return t
}

func (o *Observer) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(o.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// forwardedFor reads X-Forwarded-For from the right, because each trusted proxy appended the address of its peer, up to the first
// address that is not a trusted proxy. Anyone may have written the values left of that.
func (o *Observer) forwardedFor(peer netip.Addr, values []string) netip.Addr {
	hops := strings.Split(strings.Join(values, ","), ",")
	for _, hop := range slices.Backward(hops) {
		a := peerAddress(strings.TrimSpace(hop))
		if !a.IsValid() {
			break
		}
		peer = a
		if !o.trusted(a) {
			break
		}
	}
	return peer
}

// peerAddress is the address of "ip", "[ip]" or "ip:port", the zero Addr when it is none of these.
func peerAddress(s string) netip.Addr {
	ap, err := netip.ParseAddrPort(s)
	a := ap.Addr()
	if err != nil {
		if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
			s = strings.TrimSuffix(inner, "]")
		}
		if a, err = netip.ParseAddr(s); err != nil {
			return netip.Addr{}
		}
	}
	return a.Unmap().WithZone("")
}

// requestID is the id that a trusted proxy gave, or "" when it is not fit for a log and a page.
func requestID(id string) string {
	fit := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:", r)
	}
	if len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return !fit(r) }) {
		return ""
	}
	return id
}
