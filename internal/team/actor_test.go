package team_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// TestMay is every act by every kind of actor, about themselves and others, in their own and in another team.
func TestMay(t *testing.T) {
	const acme, other = team.ID("acme"), team.ID("other")
	const ada, bob = team.UserID("ada"), team.UserID("bob")
	actors := []struct {
		name  string
		actor team.Actor
	}{
		{"nobody", team.Actor{}},
		{"nobody who says to be an operator", team.Actor{Operator: true}},
		{"a person without a name", team.Actor{Kind: team.KindUser, Teams: map[team.ID]team.Role{acme: team.Admin}}},
		{"a stranger", team.ActingUser(team.User{ID: ada}, nil)},
		{"a member", team.ActingUser(team.User{ID: ada}, []team.Membership{{Team: team.Team{ID: acme}, Role: team.Member}})},
		{"a developer", team.ActingUser(team.User{ID: ada}, []team.Membership{{Team: team.Team{ID: acme}, Role: team.Developer}})},
		{"somebody with a role of a newer release", team.ActingUser(team.User{ID: ada}, []team.Membership{{Team: team.Team{ID: acme}, Role: "owner"}})},
		{"an admin", team.ActingUser(team.User{ID: ada}, []team.Membership{{Team: team.Team{ID: acme}, Role: team.Admin}})},
		{"an operator at a browser", team.ActingUser(team.User{ID: ada, Operator: true}, nil)},
		{"a program", team.Actor{Kind: team.KindClient, Client: "c", Teams: map[team.ID]team.Role{acme: team.Admin}}},
		{"the command line", team.CommandLine},
	}
	abouts := map[string]team.On{
		"nothing": {}, "oneself": {User: ada}, "another": {User: bob},
		"the team": {Team: acme}, "oneself in the team": {Team: acme, User: ada}, "another in the team": {Team: acme, User: bob},
		"another team": {Team: other}, "oneself in another team": {Team: other, User: ada}, "another in another team": {Team: other, User: bob},
	}
	oneself := []string{"oneself", "oneself in the team", "oneself in another team"}
	inTeam := []string{"the team", "oneself in the team", "another in the team"}
	members := []string{"a member", "a developer", "somebody with a role of a newer release", "an admin"}
	people := append([]string{"a stranger", "an operator at a browser"}, members...)
	acts := []team.Act{
		team.ManagePeople, team.ManageTeams, team.ManageMembers, team.ManageClients, team.LoosenClients, team.GovernApplications,
		team.SeeConnections, team.EndConnection, team.SeeHistory, team.SeeFactors, team.ChangeFactors, team.OperateServer, team.EditProfile, team.CloseAccount, team.SeeKept, team.ManageSessions, team.CreateTeam, team.AddMembers, team.SeeMembers,
		team.InviteMembers, team.RenameTeam, team.RemoveTeam, team.LeaveTeam, "something else",
	}
	for _, a := range actors {
		for _, act := range acts {
			for about, on := range abouts {
				want := a.name == "the command line"
				switch act {
				case team.SeeConnections, team.EndConnection, team.SeeHistory:
					want = want || slices.Contains(people, a.name) && slices.Contains(oneself, about) || a.name == "an admin" && slices.Contains(inTeam, about)
				case team.EditProfile, team.CloseAccount, team.SeeKept, team.ManageSessions, team.SeeFactors, team.ChangeFactors:
					want = want || slices.Contains(people, a.name) && slices.Contains(oneself, about)
				case team.GovernApplications, team.ManageMembers, team.InviteMembers, team.RenameTeam, team.RemoveTeam:
					want = want || a.name == "an admin" && slices.Contains(inTeam, about)
				case team.SeeMembers:
					want = want || slices.Contains(members, a.name) && slices.Contains(inTeam, about)
				case team.LeaveTeam:
					want = want || slices.Contains(members, a.name) && about == "oneself in the team"
				case team.CreateTeam:
					want = want || a.name == "an operator at a browser"
				}
				err := team.May(a.actor, act, on)
				if got := err == nil; got != want {
					t.Errorf("%s: %s of %s: allowed %v, want %v", a.name, act, about, got, want)
				}
				if err != nil && !errors.Is(err, team.ErrForbidden) {
					t.Errorf("%s: error %v, want ErrForbidden", fmt.Sprint(a.name, act, about), err)
				}
			}
		}
	}
}
