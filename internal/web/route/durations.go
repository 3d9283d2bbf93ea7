package route

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Durations is the histogram of request durations. Its labels have few values: routes of ours, known methods, statuses.
type Durations struct {
	histogram *prometheus.HistogramVec

	mu   sync.RWMutex
	seen map[series]prometheus.Observer // finding an observer by its labels costs more than observing
}

// series is what requests are counted by.
type series struct {
	pattern string // of the mux
	method  string
	status  int
}

// NewDurations registers the histogram; nil without a registry.
func NewDurations(registry prometheus.Registerer) *Durations {
	if registry == nil {
		return nil
	}
	d := &Durations{seen: map[series]prometheus.Observer{}, histogram: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "gatehouse_http_request_duration_seconds",
		Help:    "How long requests took, by route, method and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"route", "method", "status"})}
	if err := registry.Register(d.histogram); err != nil {
		there, ok := errors.AsType[prometheus.AlreadyRegisteredError](err)
		if !ok {
			panic(err) // another metric has this name: a mistake of ours
		}
		d.histogram = there.ExistingCollector.(*prometheus.HistogramVec)
	}
	return d
}

// observe counts a request.
func (d *Durations) observe(r *http.Request, status int, took time.Duration) {
	if d != nil {
		d.of(series{r.Pattern, methodLabel(r.Method), status}).Observe(took.Seconds())
	}
}

func (d *Durations) of(s series) prometheus.Observer {
	d.mu.RLock()
	observer, ok := d.seen[s]
	d.mu.RUnlock()
	if ok {
		return observer
	}
	observer = d.histogram.WithLabelValues(routeLabel(s.pattern), s.method, strconv.Itoa(s.status))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen[s] = observer
	return observer
}

// routeLabel is a pattern of the mux. It is the same for a path with and without its trailing slash.
func routeLabel(pattern string) string {
	pattern = strings.TrimSuffix(pattern, "{$}")
	if pattern == "" {
		return "other"
	}
	if strings.HasSuffix(pattern, "/") {
		return pattern
	}
	return pattern + "/"
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
		return method
	}
	return "other"
}
