package authz

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// UserInfo is the claims about the person of an access token (OpenID Connect Core §5.3.2).
type UserInfo struct {
	Subject       string `json:"sub"`
	Team          string `json:"team"`
	TeamID        string `json:"team_id"`
	Name          string `json:"name,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`

	// Not in ID tokens.
	TeamName string    `json:"team_name,omitempty"`
	Role     team.Role `json:"role,omitempty"`
	Picture  string    `json:"picture,omitempty"`  // its address, which nobody can guess
	Locale   string    `json:"locale,omitempty"`   // the language that the person chose (BCP 47)
	ZoneInfo string    `json:"zoneinfo,omitempty"` // the time zone that the person chose
}

// UserInfo answers for a live access token with openid. invalid_token, or insufficient_scope. dpopKey is the thumbprint of the verified proof's key, "" without one; a bound token needs its own.
func (s *Server) UserInfo(ctx context.Context, accessToken, dpopKey string) (UserInfo, error) {
	claims, err := s.keys.VerifyAccessToken(accessToken)
	if errors.Is(err, token.ErrWrongClock) {
		return UserInfo{}, err
	}
	if err != nil {
		return UserInfo{}, errBadAccessToken(err)
	}
	if err := s.forUserInfo(claims, dpopKey); err != nil {
		return UserInfo{}, err
	}
	if claims.Machine() {
		if _, err := s.machineLive(ctx, claims); err != nil {
			return UserInfo{}, deadAccessToken(err)
		}
		return UserInfo{}, oauth.InsufficientScope.Errorf("the access token is a machine's, so there is nobody to tell about; the scope openid is needed, which only a person can grant")
	}
	connection, err := s.families.Connection(ctx, FamilyID(claims.Family()), s.now())
	if err != nil {
		return UserInfo{}, deadAccessToken(fmt.Errorf("load the connection of %s: %w", FamilyID(claims.Family()), err))
	}
	scope, err := oauth.ParseScope(claims.Scope)
	if err != nil {
		return UserInfo{}, errBadAccessToken(err)
	}
	if !connection.Family.Scope.CoversText(claims.Scope) {
		return UserInfo{}, errBadAccessToken(errors.New("the team allows less since the token was issued"))
	}
	if !scope.Contains(oauth.ScopeOpenID) {
		return UserInfo{}, oauth.InsufficientScope.Errorf("the access token needs the scope openid; ask for it at the authorization endpoint")
	}
	detail, err := s.families.SubjectDetail(ctx, connection.Subject.User, connection.Subject.Team)
	if err != nil {
		return UserInfo{}, deadAccessToken(fmt.Errorf("load what is known of user %s: %w", connection.Subject.User, err))
	}
	info := userInfo(connection.Subject, scope)
	info.TeamName, info.Role = detail.TeamName, detail.Role
	if scope.Contains(oauth.ScopeProfile) {
		info.Locale, info.ZoneInfo = detail.Profile.Language, detail.Profile.Zone
		if detail.Profile.Picture != "" {
			info.Picture = s.opts.Issuer + PathPictures + detail.Profile.Picture
		}
	}
	return info, nil
}

// PathPictures begins the addresses of people's pictures. Everybody who has one may see it, as applications do.
const PathPictures = "/pictures/"

// forUserInfo checks that a token is presented by who may, where it may be.
func (s *Server) forUserInfo(claims token.AccessClaims, dpopKey string) error {
	bound := ""
	if claims.Confirmation != nil {
		bound = claims.Confirmation.Thumbprint
	}
	switch {
	case bound != dpopKey:
		// Both ways round: a bound token without its proof, and a bearer token with one (RFC 9449 §7.1, §7.2).
		return errBadAccessToken(errors.New("the token is bound to another key than the proof's, or to none, or came without a proof"))
	case oauth.FindResource(s.opts.Audience, claims.Audience) == "" && oauth.FindResource(s.opts.Issuer, claims.Audience) == "":
		// RFC 9700 §4.10: another API, for which alone the token was made, must not learn here who it is about.
		return errBadAccessToken(errors.New("the token is for another audience"))
	}
	return nil
}

func errBadAccessToken(cause error) error {
	return oauth.InvalidToken.Because(cause, "the access token is unknown, has expired, was revoked, is for another audience or bound to another key, or the access it stands for has ended")
}

// deadAccessToken is invalid_token when the store says so; anything else is a failure of ours.
func deadAccessToken(err error) error {
	if ifDead(err) == nil {
		return errBadAccessToken(err)
	}
	return err
}
