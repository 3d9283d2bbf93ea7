// Package api calls the example API.
package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

// Me is what the API says about a token.
func Me(accessToken string) (json.RawMessage, error) {
	r, err := http.NewRequest(http.MethodGet, os.Getenv("API")+"/api/me/", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+accessToken)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/api/me/ answers %s", response.Status)
	}
	var me json.RawMessage
	return me, json.NewDecoder(response.Body).Decode(&me)
}
