// Package team knows who belongs where: users, teams and memberships.
//
// It does not know how people prove who they are (authn) nor what applications may do (authz).
package team

import (
	"context"
	"errors"
	"time"
)

// ID is a team's stable identifier; the slug may change.
type ID string

// UserID is a user's stable, opaque identifier: the sub of every token. It is never the e-mail.
type UserID string

// Role is what a member may do in a team.
type Role string

// The roles.
const (
	Admin  Role = "admin"
	Member Role = "member"
)

// User is a person.
type User struct {
	ID         UserID
	Email      string // lower case, unique
	Name       string
	Operator   bool // may administer this server
	CreatedAt  time.Time
	DisabledAt time.Time // zero while enabled

	// EmailVerified is whether the person proved the address to us, or the operator vouches for it. Applications let people in by it, so
	// another address begins unverified.
	EmailVerified bool
}

// Team is a tenant.
type Team struct {
	ID        ID
	Slug      string // unique among living teams
	Name      string
	CreatedAt time.Time
}

// Membership is one person's place in one team.
type Membership struct {
	User      UserID
	Team      Team
	Role      Role
	CreatedAt time.Time
}

// Person is a member as a team sees them.
type Person struct {
	User      User
	Role      Role
	CreatedAt time.Time
}

// SecondFactor is whether a team requires a second factor of its members, and how many have none.
type SecondFactor struct {
	Required bool
	Members  int
	Without  int // members who have neither a passkey nor an authenticator app
}

// Errors that callers tell apart with errors.Is. Their texts are for people.
var (
	ErrNoUser    = errors.New("no such user")
	ErrNoTeam    = errors.New("no such team")
	ErrNoMember  = errors.New("not a member of this team")
	ErrUserTaken = errors.New("a user with this e-mail exists")
	ErrSlugTaken = errors.New("a team with this slug exists")
	ErrIsMember  = errors.New("already a member of this team")
)

// People keeps users. Each method is one unit of work.
type People interface {
	AddUser(ctx context.Context, u User) error                      // ErrUserTaken
	User(ctx context.Context, id UserID) (User, error)              // ErrNoUser
	UserByEmail(ctx context.Context, email string) (User, error)    // ErrNoUser; whatever form the address has
	Users(ctx context.Context) ([]User, error)                      // by e-mail
	DisableUser(ctx context.Context, id UserID, at time.Time) error // ends sessions and grants in the same transaction; the first time stands; ErrNoUser
	EnableUser(ctx context.Context, id UserID) error                // revives nothing; ErrNoUser
	VerifyEmail(ctx context.Context, id UserID, email string) error // ErrNoUser, also when the person has another address by now
}

// Teams keeps teams and who belongs to them. Each method is one unit of work.
type Teams interface {
	AddTeam(ctx context.Context, t Team) error                 // ErrSlugTaken
	TeamBySlug(ctx context.Context, slug string) (Team, error) // ErrNoTeam
	Teams(ctx context.Context) ([]Team, error)                 // by slug
	// UpdateTeam reads a team under a lock and saves the slug and the name that change gives it. change must be pure: it may run twice.
	// ErrSlugTaken, ErrNoTeam, or what change says.
	UpdateTeam(ctx context.Context, id ID, change func(Team) (Team, error)) (Team, error)
	RemoveTeam(ctx context.Context, id ID) error                        // with its memberships, clients and grants; ErrNoTeam
	AddMember(ctx context.Context, m Membership) error                  // ErrIsMember; only m.Team.ID is used
	RemoveMember(ctx context.Context, team ID, user UserID) error       // ends the person's grants in the team in the same transaction; ErrNoMember
	Members(ctx context.Context, team ID) ([]Person, error)             // by e-mail
	Memberships(ctx context.Context, user UserID) ([]Membership, error) // by team name
	// RequireSecondFactor says whether members need a second factor to choose the team for an application. ErrNoTeam.
	RequireSecondFactor(ctx context.Context, team ID, required bool) error
	SecondFactor(ctx context.Context, team ID) (SecondFactor, error) // ErrNoTeam
}
