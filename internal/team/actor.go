package team

import (
	"errors"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
)

// ActorKind is the kind of who acts.
type ActorKind int

// The kinds of actors. The zero kind may do nothing.
const (
	KindUser     ActorKind = iota + 1 // at a browser
	KindClient                        // a client with a token of its own
	KindOperator                      // at the command line of this server
)

// Actor is who acts, with what they may. Pages, the management API and the command line each make one for a call;
// the method that is called decides by May.
type Actor struct {
	Kind     ActorKind
	User     UserID         // of a person
	Client   oauth.ClientID // of a program
	Teams    map[ID]Role    // the person's roles, read for this request
	Operator bool           // may administer this server
	Scopes   oauth.Scope    // of a program's token
	AuthTime time.Time      // when a person signed in
	Factors  []string       // how a person signed in (RFC 8176)
}

// CommandLine is the operator at the command line: who can read the database may do everything.
var CommandLine = Actor{Kind: KindOperator, Operator: true}

// ActingUser is a person whose memberships are these.
func ActingUser(u User, memberships []Membership) Actor {
	a := Actor{Kind: KindUser, User: u.ID, Operator: u.Operator, Teams: make(map[ID]Role, len(memberships))}
	for _, m := range memberships {
		a.Teams[m.Team.ID] = m.Role.OrMember()
	}
	return a
}

// InRole is the actor with the role in a team that was read under its lock; "" when they are no member of it.
func (a Actor) InRole(id ID, role Role) Actor {
	a.Teams = map[ID]Role{}
	if role != "" {
		a.Teams[id] = role
	}
	return a
}

// Act is something that an actor may be allowed to do.
type Act string

// The acts.
const (
	ManagePeople       Act = "manage people"          // add, find, disable and enable people
	ManageTeams        Act = "manage teams"           // add and find teams
	CreateTeam         Act = "create a team"          // and be its admin
	AddMembers         Act = "add members"            // to a team, without asking the person
	SeeMembers         Act = "see members"            // of one team
	ManageMembers      Act = "manage members"         // of one team: change roles, remove, hand over
	InviteMembers      Act = "invite members"         // to one team
	RenameTeam         Act = "rename a team"          // its name and its slug
	RemoveTeam         Act = "remove a team"          // with everything in it
	LeaveTeam          Act = "leave a team"           // oneself
	ManageClients      Act = "manage clients"         // register, show, change and remove applications
	LoosenClients      Act = "loosen clients"         // switch on what makes an application less safe than the default
	GovernApplications Act = "govern applications"    // of one team: list, block and allow them
	AskForApplication  Act = "ask for an application" // that one team allows it
	SeeConnections     Act = "see connections"        // of one person, or of one team
	EndConnection      Act = "end a connection"       // of one person in one team
	OperateServer      Act = "operate the server"     // back it up, examine it
	ManageSessions     Act = "see and end sessions"   // of one person
	EditProfile        Act = "edit a profile"         // of one person
	CloseAccount       Act = "close an account"       // of one person
	SeeKept            Act = "see what is kept"       // about one person
	SeeHistory         Act = "see history"            // of one person, or of one team
	SeeFactors         Act = "see factors"            // how one person signs in
	ChangeFactors      Act = "change factors"         // of one person
)

// On is what an act is about. Fields that do not apply are empty.
type On struct {
	Team ID
	User UserID
}

// ErrForbidden means that the actor may not do this.
var ErrForbidden = errors.New("you may not do this")

// May reports whether an actor may do something; ErrForbidden when not. It is pure, and the only place that decides.
func May(a Actor, act Act, on On) error {
	person := a.Kind == KindUser && a.User != ""
	role, belongs := a.Teams[on.Team]
	member := person && on.Team != "" && belongs
	admin := member && role == Admin
	own := person && on.User == a.User
	allowed := false
	switch {
	case a.Kind == KindOperator && a.Operator:
		allowed = true
	case act == EditProfile, act == ManageSessions, act == CloseAccount, act == SeeKept:
		allowed = own
	case act == SeeConnections, act == EndConnection, act == SeeHistory:
		allowed = own || admin
	case act == SeeFactors, act == ChangeFactors:
		allowed = own
	case act == GovernApplications, act == ManageMembers, act == InviteMembers, act == RenameTeam, act == RemoveTeam:
		allowed = admin
	case act == SeeMembers:
		allowed = member
	case act == LeaveTeam, act == AskForApplication:
		allowed = member && own
	case act == CreateTeam:
		allowed = person && a.Operator
	}
	if !allowed {
		return ErrForbidden
	}
	return nil
}
