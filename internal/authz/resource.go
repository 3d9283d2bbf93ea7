package authz

import (
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// audiences is the audience of tokens for which these resources were authorized; without any, it is the server's default.
func (s *Server) audiences(resource []string) []string {
	if len(resource) == 0 {
		return []string{s.opts.Audience}
	}
	return resource
}

// resources is every audience that the client may ask tokens for.
func (s *Server) resources(client client.Client) []string {
	return append([]string{s.opts.Audience}, client.Resources...)
}

// narrow is the audience of one token: what was asked for, or everything when nothing was (RFC 8707 §2.2). It is
// invalid_target when something else was asked for.
func narrow(audiences, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return audiences, nil
	}
	return asRegistered(asked, audiences)
}

// asRegistered is what was asked for, each once and as it was registered: APIs compare the audience of a token with
// their own spelling. It is invalid_target, naming the first value, when one is not among the audiences.
func asRegistered(asked, audiences []string) ([]string, error) {
	var found []string
	for _, resource := range asked {
		registered := oauth.FindResource(resource, audiences)
		if registered == "" {
			return nil, oauth.InvalidTarget.Errorf("the resource '%.100s' is unknown, or not one that this client was allowed or authorized for", resource)
		}
		if !slices.Contains(found, registered) {
			found = append(found, registered)
		}
	}
	return found, nil
}
