package audit_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/store"
)

// The client gets its refusal whatever becomes of the event. That the event could not be recorded is not hidden from the log.
func TestRefusalThatCannotBeRecorded(t *testing.T) {
	refusal, down := errors.New("refused"), errors.New("the database does not answer")
	admit := func(ok bool, err error) func(context.Context, audit.Event) (audit.Event, bool, error) {
		return func(_ context.Context, e audit.Event) (audit.Event, bool, error) { return e, ok, err }
	}
	for name, tt := range map[string]struct {
		admit    func(context.Context, audit.Event) (audit.Event, bool, error)
		closed   bool // the store
		fails    bool // recording
		recorded int
	}{
		"no limit":            {nil, false, false, 1},
		"admitted":            {admit(true, nil), false, false, 1},
		"over the limit":      {admit(false, nil), false, false, 0},
		"the limit fails":     {admit(false, down), false, true, 0},
		"the store is closed": {nil, true, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			if tt.closed {
				db.Close()
			}
			recorder := audit.Recorder{Store: db, Now: time.Now, Admit: tt.admit}
			ctx := audit.WithOrigin(t.Context(), audit.Origin{Address: "192.0.2.7", RequestID: "r1"})
			err = recorder.Refused(ctx, audit.Event{Kind: audit.CodeRefused}, refusal, errors.New("the code has expired"))
			if !errors.Is(err, refusal) || (err != refusal) != tt.fails {
				t.Errorf("got %v, want the refusal, with another error: %v", err, tt.fails)
			}
			if tt.closed {
				return
			}
			events, err := db.Events(t.Context(), audit.Filter{})
			if err != nil || len(events) != tt.recorded {
				t.Fatalf("got %d events, %v; want %d", len(events), err, tt.recorded)
			}
			for _, e := range events {
				if e.Address != "192.0.2.7" || e.RequestID != "r1" || e.Detail != "the code has expired" {
					t.Errorf("recorded %+v", e)
				}
			}
		})
	}
}
