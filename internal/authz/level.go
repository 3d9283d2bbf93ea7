package authz

import (
	"context"
	"fmt"
	"slices"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// The levels that acr_values names are a requirement, as RFC 9470 §5 advises: an API that wants a level would refuse a token of a lower one again and
// again. Values that are not ours are a voluntary claim (OpenID Connect Core §5.5.1.1): they change nothing.

// levels are those that acr_values names, in the client's order of preference; none when it asks for nothing that we know.
func (r Request) levels() []authn.Level {
	var levels []authn.Level
	for _, value := range r.ACRValues {
		if level := authn.LevelNamed(value); level > 0 {
			levels = append(levels, level)
		}
	}
	return levels
}

// lacks is the level that the request wants and the session does not have; 0 when it has it. Of several, it is the first that the person can reach;
// a person who can reach none gets the lowest. A higher level has everything that a lower one has.
func (r Request) lacks(session *authn.Session, reach authn.Level) authn.Level {
	levels := r.levels()
	if len(levels) == 0 {
		return 0
	}
	has := session.Level()
	for _, level := range levels {
		switch {
		case level <= has:
			return 0
		case level <= reach:
			return level
		}
	}
	return slices.Min(levels)
}

// checkLevels refuses a request for levels that nobody can reach at this server.
func (s *Server) checkLevels(r oauth.AuthorizationRequest) error {
	levels := Request{AuthorizationRequest: r}.levels()
	if len(levels) > 0 && slices.Min(levels) > s.opts.HighestLevel {
		return oauth.UnmetAuthenticationRequirements.Errorf("acr_values asks for a sign-in that this server does not offer; acr_values_supported in its metadata says what it does")
	}
	return nil
}

// preferred reports whether the session is as strong as the request prefers, so that nothing else counts.
func (r Request) preferred(session *authn.Session) bool {
	levels := r.levels()
	return len(levels) == 0 || levels[0] <= session.Level()
}

// strength is what next knows about how a person can and has to sign in.
type strength struct {
	reach    authn.Level // the strongest level that they can sign in with; read only when the session is too weak for something
	required bool        // the operator requires two factors of them
}

// strength is that of the person of a session.
func (s *Server) strength(ctx context.Context, r Request, session *authn.Session) (strength, error) {
	required := s.opts.RequireSecondFactor.Weak(*session)
	if r.preferred(session) && !required {
		return strength{}, nil
	}
	reach, err := s.reach(ctx, session)
	return strength{reach, required}, err
}

// reach is the strongest level that the person of a session can sign in with.
func (s *Server) reach(ctx context.Context, session *authn.Session) (authn.Level, error) {
	have, err := s.factors.Factors(ctx, session.User.ID)
	if err != nil {
		return 0, fmt.Errorf("load the factors of user %s: %w", session.User.ID, err)
	}
	return min(have.Reach(), s.opts.HighestLevel), nil
}

// Stronger is how strong the session of the browser has to become for a sealed request: with two factors at least, which teams want, or what acr_values
// says.
func (s *Server) Stronger(ctx context.Context, sealed string, b Browser) (authn.Level, error) {
	r, client, err := s.reopen(ctx, sealed)
	if err != nil {
		return 0, err
	}
	lacks, err := s.lacks(ctx, r, b, client.ID)
	return max(lacks, authn.TwoFactors), err
}

// lacks is the level that a request wants and the session of the browser does not have; 0 without a session.
func (s *Server) lacks(ctx context.Context, r Request, b Browser, client oauth.ClientID) (authn.Level, error) {
	if len(r.levels()) == 0 {
		return 0, nil
	}
	user, err := s.signedInUser(ctx, b, client)
	if err != nil || user == nil {
		return 0, err
	}
	reach, err := s.reach(ctx, &user.Session)
	return r.lacks(&user.Session, reach), err
}

// declined is the error for the application of a person who does not go on. lacks is what the sign-in lacks of what acr_values asks for.
func declined(lacks authn.Level) error {
	if lacks > 0 {
		return oauth.UnmetAuthenticationRequirements.Errorf("the person did not sign in as strongly as acr_values asks for")
	}
	return oauth.AccessDenied.Errorf("the person did not agree")
}
