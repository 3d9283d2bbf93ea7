// Package team knows who belongs where: users, teams and memberships.
//
// It does not know how people prove who they are (authn) nor what applications may do (authz).
package team

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ID is a team's stable identifier; the slug may change.
type ID string

// UserID is a user's stable, opaque identifier: the sub of every token. It is never the e-mail.
type UserID string

// Role is what a member may do in a team.
type Role string

// The roles, the one that may do most first.
const (
	Admin     Role = "admin"     // and manages the members and the team
	Developer Role = "developer" // and builds applications of the team
	Member    Role = "member"    // connects applications
)

// Roles is every role, the one that may do most first.
func Roles() []Role { return []Role{Admin, Developer, Member} }

// ParseRole is a role by its name, or a sentence that says which there are.
func ParseRole(name string) (Role, error) {
	if r := Role(name); r == Admin || r == Developer || r == Member {
		return r, nil
	}
	return "", fmt.Errorf("the role %q does not exist: use %s, %s or %s", name, Admin, Developer, Member)
}

// OrMember is the role, or Member when this release does not know it: a newer one may have saved it.
func (r Role) OrMember() Role {
	if r == Admin || r == Developer {
		return r
	}
	return Member
}

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

// Standing is how people stand in a team, read under its lock.
type Standing struct {
	Roles        map[UserID]Role // of those who were asked for and are members
	CannotSignIn []UserID        // who of them is disabled
	Admins       []UserID        // admins of the team who can sign in: enough of them to know whether one is left when those who were asked for go
}

// Orphan is a team that has no admin who can sign in without a person, who is one of its admins.
type Orphan struct {
	Team
	Others int // members besides the person
}

// SlugRest is how long no other team gets a slug that a team gave up: the longest lifetime of an access token, which names the team by its slug, and a
// day for what applications remember.
const SlugRest = 24*time.Hour + 24*time.Hour

// MaxFormerSlugs is how many slugs that a team gave up are kept from others at a time. A team that renames itself further has to wait.
const MaxFormerSlugs = 5

// SlugHeldError means that a slug was another team's until lately. It is an ErrSlugTaken.
type SlugHeldError struct {
	Slug  string
	Until time.Time // when it is free
}

func (e *SlugHeldError) Error() string {
	return fmt.Sprintf("the slug %s was another team's until lately: it is free again at %s, when nobody can take the new team for the old one any more",
		e.Slug, e.Until.UTC().Format(time.RFC3339))
}

// Is makes it an ErrSlugTaken.
func (e *SlugHeldError) Is(target error) bool { return target == ErrSlugTaken }

// Errors that callers tell apart with errors.Is. Their texts are for people.
var (
	ErrNoUser    = errors.New("no such user")
	ErrNoTeam    = errors.New("no such team")
	ErrNoMember  = errors.New("not a member of this team")
	ErrUserTaken = errors.New("a user with this e-mail exists")
	ErrSlugTaken = errors.New("a team with this slug exists")
	ErrIsMember  = errors.New("already a member of this team")
	ErrLastAdmin = errors.New("the last admin of the team who can sign in")

	ErrRenamedTooOften = fmt.Errorf("the team has given up %d slugs lately: wait until the first one is free again, or take one of them back", MaxFormerSlugs)

	ErrLastOperator = errors.New("the last operator who can sign in: make somebody else one first")
)

// People keeps users. Each method is one unit of work.
type People interface {
	Profiles

	AddUser(ctx context.Context, u User) error                      // ErrUserTaken
	User(ctx context.Context, id UserID) (User, error)              // ErrNoUser
	UserByEmail(ctx context.Context, email string) (User, error)    // ErrNoUser; whatever form the address has
	Users(ctx context.Context) ([]User, error)                      // by e-mail
	DisableUser(ctx context.Context, id UserID, at time.Time) error // ends sessions and grants in the same transaction; the first time stands; ErrNoUser
	EnableUser(ctx context.Context, id UserID) error                // revives nothing; ErrNoUser
	// RemoveUser removes a person with all that is theirs, in one transaction, and returns what they leave behind. With decide, they do it themselves:
	// decide gets that, read under the lock, and says which teams go too. decide must be pure: it may run twice. ErrNoUser, ErrLastOperator, or what decide
	// says.
	RemoveUser(ctx context.Context, id UserID, at time.Time, decide func([]Orphan) (ends []ID, err error)) ([]Orphan, error)
	// Leaves is what a person would leave behind, and whether they are the last operator who can sign in.
	Leaves(ctx context.Context, id UserID) (orphans []Orphan, lastOperator bool, err error)
	Kept(ctx context.Context, id UserID) (Kept, error)              // ErrNoUser
	VerifyEmail(ctx context.Context, id UserID, email string) error // ErrNoUser, also when the person has another address by now
	// SetEmail gives a person another address; links of before stop working. ErrNoUser, ErrUserTaken.
	SetEmail(ctx context.Context, id UserID, email string, verified bool, at time.Time) error
}

// Teams keeps teams and who belongs to them. Each method is one unit of work.
type Teams interface {
	AddTeam(ctx context.Context, t Team) error                 // ErrSlugTaken, *SlugHeldError
	TeamBySlug(ctx context.Context, slug string) (Team, error) // ErrNoTeam
	Teams(ctx context.Context) ([]Team, error)                 // by slug
	// CreateTeam saves a new team with its first admin. ErrSlugTaken, ErrNoUser; ErrTooManyTeams when the admin is in so many teams.
	CreateTeam(ctx context.Context, t Team, admin UserID, most int) error
	// UpdateTeam reads a team under a lock, with the role that an actor has in it, and saves the slug and the name that change gives it.
	// The former slug is kept from other teams for SlugRest. change must be pure: it may run twice. ErrSlugTaken, *SlugHeldError,
	// ErrRenamedTooOften, ErrNoTeam, or what change says.
	UpdateTeam(ctx context.Context, id ID, actor UserID, change func(Team, Role) (Team, error)) (Team, error)
	// RemoveTeam removes a team with its memberships, clients and grants, if decide agrees to the role that an actor has in it under the
	// lock. ErrNoTeam, or what decide says.
	RemoveTeam(ctx context.Context, id ID, actor UserID, decide func(Role) error) error
	AddMember(ctx context.Context, m Membership) error // ErrIsMember; only m.Team.ID is used
	// ChangeMembers reads under the team's lock how people stand in it, and saves what decide says: roles, and "" for those who lose
	// their place, with their grants in the team. decide must be pure: it may run twice. ErrNoTeam, or what decide says.
	ChangeMembers(ctx context.Context, team ID, people []UserID, decide func(Standing) (map[UserID]Role, error)) error
	Members(ctx context.Context, team ID) ([]Person, error)             // by e-mail
	Memberships(ctx context.Context, user UserID) ([]Membership, error) // by team name
	// RequireSecondFactor says whether members need a second factor to choose the team for an application. ErrNoTeam.
	RequireSecondFactor(ctx context.Context, team ID, required bool) error
	SecondFactor(ctx context.Context, team ID) (SecondFactor, error) // ErrNoTeam
	// RequireProvider says at which provider members have to sign in to choose the team for an application; "" for none. ErrNoTeam.
	RequireProvider(ctx context.Context, team ID, provider string) error
	TeamProvider(ctx context.Context, team ID) (string, error)      // ErrNoTeam
	TeamsByProvider(ctx context.Context) (map[string][]Team, error) // those that require one, by its id
	// CountProvider counts members, those without an account at the issuer, and connections. ErrNoTeam.
	CountProvider(ctx context.Context, team ID, issuer string) (RequiredProvider, error)
}
