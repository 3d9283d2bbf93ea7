package account

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

// ownTeams are the teams of a person that a page shows: those that were used last, or with a query those whose name or slug has it. action is
// the page on which the person can look for one; "" for none.
func ownTeams(account string, memberships []team.Membership, grants []authz.GrantDetail, action, query string) ui.OwnTeams {
	own := ui.OwnTeams{Account: account, All: len(memberships), Action: action, Query: query}
	shown := recent(memberships, grants)
	if wanted := strings.ToLower(strings.TrimSpace(query)); wanted != "" && own.Find() {
		shown = slices.DeleteFunc(shown, func(m team.Membership) bool {
			return !strings.Contains(strings.ToLower(m.Team.Name), wanted) && !strings.Contains(m.Team.Slug, wanted)
		})
	} else {
		own.Query = ""
		shown = shown[:min(len(shown), ui.MaxOwnTeams)]
	}
	for _, m := range shown {
		own.Teams = append(own.Teams, ui.OwnTeam{
			Name: m.Team.Name, Slug: m.Team.Slug, Role: ui.Text("role." + string(m.Role.OrMember())), Admin: m.Role == team.Admin,
		})
	}
	return own
}

// newTeam is the page to create a team, or "" for a person who may not.
func (room *Room) newTeam(ctx context.Context, actor team.Actor) string {
	if room.Directory.MayCreateTeam(ctx, actor) != nil {
		return ""
	}
	return "/teams/new/"
}

// recent is the memberships in the order of their last use: when the person joined, or an application last worked for them there.
func recent(memberships []team.Membership, grants []authz.GrantDetail) []team.Membership {
	used := map[team.ID]time.Time{}
	for _, g := range grants {
		for _, at := range []time.Time{g.CreatedAt, g.LastUsed} {
			if at.After(used[g.Team.ID]) {
				used[g.Team.ID] = at
			}
		}
	}
	last := func(m team.Membership) time.Time {
		if at := used[m.Team.ID]; at.After(m.CreatedAt) {
			return at
		}
		return m.CreatedAt
	}
	ordered := slices.Clone(memberships)
	slices.SortStableFunc(ordered, func(a, b team.Membership) int {
		return cmp.Or(last(b).Compare(last(a)), access.ByName(a.Team.Name, b.Team.Name))
	})
	return ordered
}
