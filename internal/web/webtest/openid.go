package webtest

import (
	"encoding/json"
	"net/http"
)

// OpenIDConfiguration is the provider's metadata as any program sees it.
func (h *House) OpenIDConfiguration() map[string]any {
	h.Helper()
	var members map[string]any
	h.OK(json.Unmarshal([]byte(h.Program().Get("/.well-known/openid-configuration").WantStatus(http.StatusOK).Body), &members))
	return members
}

func AsJSON(h *House, v any) string {
	text, err := json.Marshal(v)
	h.OK(err)
	return string(text)
}
