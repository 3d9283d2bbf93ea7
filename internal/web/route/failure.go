package route

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/usage"
)

// AddFailure gathers a request of a client that failed by its mistake, for those who build the client. f says which client it is and what
// else is known. A DPoP nonce that was not sent yet is no mistake (RFC 9449 §8).
func AddFailure(to *usage.Failures, r *http.Request, at time.Time, err error, f usage.Failure) {
	e, mistake := errors.AsType[*oauth.Error](err)
	if to == nil || !mistake || e.Code == oauth.ServerError || e.Code == oauth.TemporarilyUnavailable || e.Code == oauth.UseDPoPNonce {
		return
	}
	trace := TraceOf(r.Context())
	f.Endpoint, f.RequestID, f.Network, f.Last = r.URL.Path, trace.ID, network(trace.Address), at
	f.Code, f.Description = string(e.Code), e.WithoutInput()
	if e.Cause != nil {
		f.Cause = e.Cause.Error()
	}
	to.Add(f)
}

// network is the network of an address, wide enough to be nobody in particular.
func network(address netip.Addr) string {
	bits := 24
	if address.Is6() {
		bits = 48
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}
