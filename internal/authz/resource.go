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

// narrow is the audience of one token: what was asked for, or all there is when nothing was. It is invalid_target when something was asked for beyond that (RFC 8707 §2.2).
func narrow(audiences, asked []string) ([]string, error) {
	if len(asked) == 0 {
		return audiences, nil
	}
	return asked, within(asked, audiences)
}

// within is invalid_target, naming the first value, unless all that is asked for is among what there is.
func within(asked, audiences []string) error {
	for _, resource := range asked {
		if !slices.Contains(audiences, resource) {
			return oauth.InvalidTarget.Errorf("the resource '%.100s' is unknown, or not one that this client was allowed or authorized for", resource)
		}
	}
	return nil
}
