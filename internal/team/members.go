package team

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// AddMember gives a person a place in a team. ErrNoTeam, ErrNoUser, ErrIsMember.
func (s *Service) AddMember(ctx context.Context, actor Actor, slug, email string, role Role) (Membership, error) {
	t, err := s.team(ctx, actor, AddMembers, slug)
	if err != nil {
		return Membership{}, err
	}
	u, err := s.UserByEmail(ctx, actor, email)
	if err != nil {
		return Membership{}, err
	}
	if role, err = ParseRole(string(role)); err != nil {
		return Membership{}, err
	}
	m := Membership{User: u.ID, Team: t, Role: role, CreatedAt: s.now()}
	if err := s.Teams.AddMember(ctx, m); err != nil {
		return Membership{}, fmt.Errorf("add %s to team %s: %w", u.Email, slug, err)
	}
	return m, nil
}

// Members lists who belongs to a team, by e-mail; for its members. ErrNoTeam.
func (s *Service) Members(ctx context.Context, actor Actor, slug string) ([]Person, error) {
	t, err := s.team(ctx, actor, SeeMembers, slug)
	if err != nil {
		return nil, err
	}
	people, err := s.Teams.Members(ctx, t.ID)
	if err != nil {
		return nil, fmt.Errorf("list members of team %s: %w", slug, err)
	}
	return people, nil
}

// SetRole gives a member another role, and returns the member. It ends nothing. Nobody but the operator takes the role of the last admin:
// ErrLastAdmin. ErrNoTeam, ErrNoUser, ErrNoMember.
func (s *Service) SetRole(ctx context.Context, actor Actor, slug, email string, role Role) (User, error) {
	role, wrong := ParseRole(string(role))
	t, u, err := s.member(ctx, actor, ManageMembers, slug, email)
	if err == nil {
		err = wrong
	}
	if err != nil {
		return User{}, err
	}
	if err := s.changeMembers(ctx, actor, ManageMembers, t, map[UserID]Role{u.ID: role}); err != nil {
		return User{}, fmt.Errorf("make %s in team %s %s: %w", u.Email, slug, role, err)
	}
	return u, nil
}

// RemoveMember ends a person's place in a team and every grant of theirs there. Nobody but the operator removes the last admin: ErrLastAdmin.
// ErrNoTeam, ErrNoUser, ErrNoMember.
func (s *Service) RemoveMember(ctx context.Context, actor Actor, slug, email string) error {
	t, u, err := s.member(ctx, actor, ManageMembers, slug, email)
	if err != nil {
		return err
	}
	if err := s.changeMembers(ctx, actor, ManageMembers, t, map[UserID]Role{u.ID: ""}); err != nil {
		return fmt.Errorf("remove %s from team %s: %w", u.Email, slug, err)
	}
	return nil
}

// Leave ends the actor's own place in a team and every grant of theirs there. ErrLastAdmin, ErrNoMember.
func (s *Service) Leave(ctx context.Context, actor Actor, slug string) error {
	t, err := s.team(ctx, actor, LeaveTeam, slug)
	if err == nil && actor.Kind != KindUser {
		err = ErrForbidden
	}
	if err == nil {
		err = s.changeMembers(ctx, actor, LeaveTeam, t, map[UserID]Role{actor.User: ""})
	}
	if err != nil {
		return fmt.Errorf("leave team %s: %w", slug, err)
	}
	return nil
}

// HandOver makes another member an admin, and the admin who acts a member, and returns the new admin. ErrNoMember; ErrLastAdmin when the
// other one cannot sign in.
func (s *Service) HandOver(ctx context.Context, actor Actor, slug, email string) (User, error) {
	t, u, err := s.member(ctx, actor, ManageMembers, slug, email)
	if err == nil && actor.Kind != KindUser {
		err = ErrForbidden // who has no place in the team has nothing to hand over
	}
	if err != nil {
		return User{}, err
	}
	if u.ID == actor.User {
		return User{}, errors.New("that is yourself: choose another member")
	}
	if err := s.changeMembers(ctx, actor, ManageMembers, t, map[UserID]Role{u.ID: Admin, actor.User: Member}); err != nil {
		return User{}, fmt.Errorf("hand team %s over to %s: %w", slug, u.Email, err)
	}
	return u, nil
}

// member is a team in which the actor may do something, and a person. To those who may not look people up, somebody who has no account
// is like somebody who is not a member.
func (s *Service) member(ctx context.Context, actor Actor, act Act, slug, email string) (Team, User, error) {
	t, err := s.team(ctx, actor, act, slug)
	if err != nil {
		return Team{}, User{}, err
	}
	u, err := s.People.UserByEmail(ctx, email)
	if errors.Is(err, ErrNoUser) && May(actor, ManagePeople, On{}) != nil {
		err = ErrNoMember
	}
	if err != nil {
		return Team{}, User{}, fmt.Errorf("user %q: %w", email, err)
	}
	return t, u, nil
}

// changeMembers gives members their new roles, "" for none. It is decided under the lock of the team.
func (s *Service) changeMembers(ctx context.Context, actor Actor, act Act, t Team, roles map[UserID]Role) error {
	asked := []UserID{actor.User}
	for id := range roles {
		if id != actor.User {
			asked = append(asked, id)
		}
	}
	return s.Teams.ChangeMembers(ctx, t.ID, asked, func(now Standing) (map[UserID]Role, error) {
		if err := stillMay(actor, now.Roles[actor.User], act, On{Team: t.ID, User: actor.User}); err != nil {
			return nil, err
		}
		return now.change(roles, May(actor, ManageTeams, On{}) == nil)
	})
}

// change is what of the new roles is a change. The operator may take the last admin's place, because somebody may have to be kept out at once.
func (now Standing) change(roles map[UserID]Role, operator bool) (map[UserID]Role, error) {
	changes := map[UserID]Role{}
	admins, lost := now.Admins, false
	for id, role := range roles {
		was, isMember := now.Roles[id]
		switch {
		case !isMember:
			return nil, ErrNoMember
		case role == was:
			continue
		}
		changes[id] = role
		if was == Admin {
			lost = true
			admins = slices.DeleteFunc(slices.Clone(admins), func(a UserID) bool { return a == id })
		}
		if role == Admin && !slices.Contains(now.CannotSignIn, id) {
			admins = append(slices.Clone(admins), id)
		}
	}
	if lost && len(admins) == 0 && !operator {
		return nil, ErrLastAdmin
	}
	return changes, nil
}
