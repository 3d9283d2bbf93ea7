package route

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/testkit"
)

// An error of ours is an error in the log, unless the client has hung up: then nobody misses the answer.
func TestLevelsOfErrors(t *testing.T) {
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	for name, tt := range map[string]struct {
		ctx   context.Context
		err   error
		level slog.Level
	}{
		"a mistake of the client":              {t.Context(), oauth.InvalidRequest.Errorf("x"), slog.LevelInfo},
		"a failure":                            {t.Context(), errors.New("x"), slog.LevelError},
		"a failure, and the client hung up":    {gone, errors.New("x"), slog.LevelError},
		"given up, because the client hung up": {gone, fmt.Errorf("query: %w", context.Canceled), slog.LevelInfo},
		"given up, although the client waits":  {t.Context(), fmt.Errorf("query: %w", context.Canceled), slog.LevelError},
		"a refusal that could not be recorded": {t.Context(), errors.Join(oauth.InvalidGrant.Errorf("x"), errors.New("y")), slog.LevelError},
	} {
		logged := &testkit.Log{}
		log := ErrorLog{slog.New(slog.NewJSONHandler(logged, nil)), func(err error) int {
			if _, ok := errors.AsType[*oauth.Error](err); ok {
				return 400
			}
			return 500
		}}
		log.Report(httptest.NewRequestWithContext(tt.ctx, "GET", "/", nil), tt.err)
		if got := logged.String(); !strings.Contains(got, `"level":"`+tt.level.String()+`"`) {
			t.Errorf("%s: got %s, want the level %v", name, got, tt.level)
		}
	}
}
