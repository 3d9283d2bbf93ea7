package drive

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Abandon begins count authorization requests, opens the sign-in page that each leads to, and goes away.
func Abandon(ctx context.Context, target Target, count, hands int) error {
	client := manyAtOnce(hands)
	defer client.CloseIdleConnections()
	return share(count, hands, func(_, i int) error { return abandon(ctx, client, target, fmt.Sprint(i)) })
}

func abandon(ctx context.Context, client *http.Client, target Target, state string) error {
	address := target.URL + "/o/authorize/?" + url.Values{
		"response_type": {"code"}, "client_id": {target.Application.ID}, "redirect_uri": {target.RedirectURI}, "scope": {target.Scope}, "state": {state},
		"code_challenge": {strings.Repeat("A", 43)}, "code_challenge_method": {"S256"},
	}.Encode()
	for _, want := range []int{http.StatusSeeOther, http.StatusOK} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		if err := drain(response); err != nil {
			return err
		}
		if response.StatusCode != want {
			return fmt.Errorf("%s answered %s, want %d", r.URL.Path, response.Status, want)
		}
		if want == http.StatusSeeOther {
			next, err := response.Location()
			if err != nil {
				return err
			}
			address = next.String()
		}
	}
	return nil
}

// drain reads the body to its end, so that the connection can be used again.
func drain(response *http.Response) error {
	defer response.Body.Close()
	_, err := io.Copy(io.Discard, response.Body)
	return err
}
