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

// Errors that callers tell apart with errors.Is. Their texts are for people.
var (
	ErrNoUser    = errors.New("no such user")
	ErrNoTeam    = errors.New("no such team")
	ErrNoMember  = errors.New("not a member of this team")
	ErrUserTaken = errors.New("a user with this e-mail exists")
	ErrSlugTaken = errors.New("a team with this slug exists")
	ErrIsMember  = errors.New("already a member of this team")
)

// Store keeps users, teams and memberships. Each method is one unit of work.
type Store interface {
	AddUser(ctx context.Context, u User) error                          // ErrUserTaken
	User(ctx context.Context, id UserID) (User, error)                  // ErrNoUser
	UserByEmail(ctx context.Context, email string) (User, error)        // ErrNoUser; email is lower case
	Users(ctx context.Context) ([]User, error)                          // by e-mail
	DisableUser(ctx context.Context, id UserID, at time.Time) error     // ends sessions and grants in the same transaction; ErrNoUser
	EnableUser(ctx context.Context, id UserID) error                    // revives nothing; ErrNoUser
	AddTeam(ctx context.Context, t Team) error                          // ErrSlugTaken
	TeamBySlug(ctx context.Context, slug string) (Team, error)          // ErrNoTeam
	Teams(ctx context.Context) ([]Team, error)                          // by slug
	RenameTeam(ctx context.Context, id ID, slug, name string) error     // ErrSlugTaken, ErrNoTeam
	RemoveTeam(ctx context.Context, id ID) error                        // with its memberships, clients and grants; ErrNoTeam
	AddMember(ctx context.Context, m Membership) error                  // ErrIsMember; only m.Team.ID is used
	RemoveMember(ctx context.Context, team ID, user UserID) error       // ends the person's grants in the team in the same transaction; ErrNoMember
	Members(ctx context.Context, team ID) ([]Person, error)             // by e-mail
	Memberships(ctx context.Context, user UserID) ([]Membership, error) // by team name
}

// Directory is what the command line and the pages do with people and teams. It checks what they were given.
type Directory struct {
	Store Store
	Now   func() time.Time
}

// AddUser registers a person. The e-mail is trimmed and put in lower case.
func (d *Directory) AddUser(ctx context.Context, email, name string, operator bool) (User, error) {
	panic("contract")
}

// UserByEmail finds a person by e-mail, however it is cased.
func (d *Directory) UserByEmail(ctx context.Context, email string) (User, error) { panic("contract") }

// DisableUser ends a person's sessions and grants and keeps them out until EnableUser.
func (d *Directory) DisableUser(ctx context.Context, email string) (User, error) { panic("contract") }

// EnableUser lets a person sign in again. What was ended stays ended.
func (d *Directory) EnableUser(ctx context.Context, email string) (User, error) { panic("contract") }

// AddTeam creates a team. The slug is 1 to 63 of a-z, 0-9 and single inner hyphens.
func (d *Directory) AddTeam(ctx context.Context, slug, name string) (Team, error) { panic("contract") }

// RenameTeam gives a team another slug, name, or both; an empty one is kept. Grants live on.
func (d *Directory) RenameTeam(ctx context.Context, slug, newSlug, newName string) (Team, error) {
	panic("contract")
}

// RemoveTeam removes a team and all that belongs to it.
func (d *Directory) RemoveTeam(ctx context.Context, slug string) (Team, error) { panic("contract") }

// AddMember gives a person a place in a team.
func (d *Directory) AddMember(ctx context.Context, slug, email string, role Role) (Membership, error) {
	panic("contract")
}

// RemoveMember ends a person's place in a team and every grant of theirs there.
func (d *Directory) RemoveMember(ctx context.Context, slug, email string) error { panic("contract") }

// Members lists who belongs to a team.
func (d *Directory) Members(ctx context.Context, slug string) ([]Person, error) { panic("contract") }
