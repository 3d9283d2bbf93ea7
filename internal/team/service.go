package team

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/audit"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Service is what pages and the command line do with people and teams. It checks what it was given, and whether the actor may.
type Service struct {
	People People
	Teams  Teams
	Audit  audit.Store // nil: there is no history
	Now    func() time.Time

	Links     Links // with Invited and Keys: nil where nobody is invited
	Invited   Invitations
	Newcomers Newcomers // nil where nobody signs up
	Keys      *token.Keyring

	Providers    []Provider // at which people can sign in, besides here
	TeamCreation Creation   // who may create teams by themselves; "" is CreationOperators
	SignUp       SignUp     // who may get an account without the operator
}

// NewUser is what a new person brings.
type NewUser struct {
	Email         string // is kept as it is typed, and compared by NormalizeEmail
	Name          string
	Operator      bool
	EmailVerified bool
}

// AddUser registers a person. Every method answers ErrForbidden to an actor who may not. The error is ErrUserTaken, or a sentence about what was given.
func (s *Service) AddUser(ctx context.Context, actor Actor, added NewUser) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	email, err := ParseEmail(added.Email)
	if err != nil {
		return User{}, err
	}
	name, err := parseName("name", added.Name)
	if err != nil {
		return User{}, err
	}
	u := User{ID: UserID(rand.Text()), Email: email, Name: name, Operator: added.Operator, EmailVerified: added.EmailVerified, CreatedAt: s.now()}
	if err := s.People.AddUser(ctx, u); err != nil {
		return User{}, fmt.Errorf("add user %s: %w", email, err)
	}
	return u, nil
}

// UserByEmail finds a person by e-mail, however it is written (NormalizeEmail). ErrNoUser.
func (s *Service) UserByEmail(ctx context.Context, actor Actor, email string) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	u, err := s.People.UserByEmail(ctx, email)
	if err != nil {
		return User{}, fmt.Errorf("user %q: %w", email, err)
	}
	return u, nil
}

// DisableUser ends a person's sessions and grants and keeps them out until EnableUser. ErrNoUser.
func (s *Service) DisableUser(ctx context.Context, actor Actor, email string) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return User{}, err
	}
	if !u.DisabledAt.IsZero() {
		return u, nil
	}
	if err := s.People.DisableUser(ctx, u.ID, s.now()); err != nil {
		return User{}, fmt.Errorf("disable user %s: %w", u.Email, err)
	}
	return s.UserByEmail(ctx, actor, email) // somebody else may have been first, and the first time stands
}

// EnableUser lets a person sign in again. What was ended stays ended. ErrNoUser.
func (s *Service) EnableUser(ctx context.Context, actor Actor, email string) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return User{}, err
	}
	if err := s.People.EnableUser(ctx, u.ID); err != nil {
		return User{}, fmt.Errorf("enable user %s: %w", u.Email, err)
	}
	u.DisabledAt = time.Time{}
	return u, nil
}

// RemoveUser removes a person with all that is theirs, and returns who it was, and the teams that have no admin who can sign in any more.
// ErrNoUser, ErrLastOperator.
func (s *Service) RemoveUser(ctx context.Context, actor Actor, email string) (User, []Team, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, nil, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return User{}, nil, err
	}
	orphans, err := s.People.RemoveUser(ctx, u.ID, s.now(), nil)
	if err != nil {
		return User{}, nil, fmt.Errorf("remove user %s: %w", u.Email, err)
	}
	var teams []Team
	for _, o := range orphans {
		teams = append(teams, o.Team)
	}
	return u, teams, nil
}

// RenameUser gives a person another name. ErrNoUser.
func (s *Service) RenameUser(ctx context.Context, actor Actor, email, name string) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return User{}, err
	}
	if u.Name, err = parseName("name", name); err != nil {
		return User{}, err
	}
	if err := s.People.UpdateProfile(ctx, u.ID, func(_ string, p Profile) (string, Profile) { return u.Name, p }); err != nil {
		return User{}, fmt.Errorf("rename user %s: %w", u.ID, err)
	}
	return u, nil
}

// SetEmail gives a person another address, and tells both by mail. verified says that the operator vouches for it. ErrNoUser, ErrUserTaken.
func (s *Service) SetEmail(ctx context.Context, actor Actor, email, next string, verified bool) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	next, err := ParseEmail(next)
	if err != nil {
		return User{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return User{}, err
	}
	if err := s.People.SetEmail(ctx, u.ID, next, verified, s.now()); err != nil {
		return User{}, fmt.Errorf("give user %s the address %s: %w", u.Email, next, err)
	}
	u.Email, u.EmailVerified = next, verified
	return u, nil
}

// VerifyEmail vouches that an address is the person's. ErrNoUser.
func (s *Service) VerifyEmail(ctx context.Context, actor Actor, email string) (User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return User{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil || u.EmailVerified {
		return u, err
	}
	if err := s.People.VerifyEmail(ctx, u.ID, u.Email); err != nil {
		return User{}, fmt.Errorf("verify the e-mail address %s: %w", u.Email, err)
	}
	u.EmailVerified = true
	return u, nil
}

// AddTeam creates a team. The slug is 1 to 63 of a-z, 0-9 and single inner hyphens. The error is ErrSlugTaken, or a sentence about what was given.
func (s *Service) AddTeam(ctx context.Context, actor Actor, slug, name string) (Team, error) {
	if err := May(actor, ManageTeams, On{}); err != nil {
		return Team{}, err
	}
	t, err := newTeam(slug, name)
	if err != nil {
		return Team{}, err
	}
	t.CreatedAt = s.now()
	if err := s.Teams.AddTeam(ctx, t); err != nil {
		return Team{}, fmt.Errorf("add team %s: %w", slug, err)
	}
	return t, nil
}

// TeamBySlug finds a team. ErrNoTeam.
func (s *Service) TeamBySlug(ctx context.Context, actor Actor, slug string) (Team, error) {
	if err := May(actor, ManageTeams, On{}); err != nil {
		return Team{}, err
	}
	t, err := s.Teams.TeamBySlug(ctx, slug)
	if err != nil {
		return Team{}, fmt.Errorf("team %q: %w", slug, err)
	}
	return t, nil
}

// now is the time as the store keeps it, to the millisecond, so that what is returned equals what is read back.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

// Users lists everybody, by e-mail.
func (s *Service) Users(ctx context.Context, actor Actor) ([]User, error) {
	if err := May(actor, ManagePeople, On{}); err != nil {
		return nil, err
	}
	return s.People.Users(ctx)
}

// All lists every team, by slug.
func (s *Service) All(ctx context.Context, actor Actor) ([]Team, error) {
	if err := May(actor, ManageTeams, On{}); err != nil {
		return nil, err
	}
	return s.Teams.Teams(ctx)
}

// Acting is a person as an actor, with their memberships by team name. Pages ask it once for each request.
func (s *Service) Acting(ctx context.Context, u User) (Actor, []Membership, error) {
	memberships, err := s.Teams.Memberships(ctx, u.ID)
	if err != nil {
		return Actor{}, nil, fmt.Errorf("load the memberships of %s: %w", u.ID, err)
	}
	return ActingUser(u, memberships), memberships, nil
}

// History is what happened, newest first. People see what concerns themselves, the admins of a team see what happened in it.
func (s *Service) History(ctx context.Context, actor Actor, f audit.Filter) ([]audit.Entry, error) {
	if err := May(actor, SeeHistory, On{Team: ID(f.Team), User: UserID(f.User)}); err != nil {
		return nil, err
	}
	if s.Audit == nil {
		return nil, nil
	}
	events, err := s.Audit.Events(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	return events, nil
}
