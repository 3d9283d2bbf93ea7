package teams

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/web/access"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
)

var policyPage = ui.NewPage[policyView](files, "policy.html")

// noticePolicy is followed by the rule.
const noticePolicy = "policy:"

// policyView is a team's policy for applications. With a Preview, it asks before the policy changes, and says what that would do.
type policyView struct {
	ui.Frame
	Team, Slug string
	Notice     *ui.Notice
	Now        ui.Words // the name of the rule that there is
	Rules      []ruleChoice
	Strict     bool
	Preview    *policyPreview
}

// Path is the address of the page.
func (v policyView) Path() string { return "/teams/" + v.Slug + "/applications/policy/" }

// ruleChoice is one rule, and what it means.
type ruleChoice struct {
	Value       string
	Name, Means ui.Words
	Chosen      bool
}

// policyPreview is what another policy would do.
type policyPreview struct {
	Rule         ruleChoice
	Strict       bool
	InUse        ui.Words   // how many applications are in use and would not be allowed; empty when there are none
	Does         []ui.Words // what happens to connections
	Applications []usedApplication
}

// usedApplication is an application that is in use: it is approved with the policy, or cut.
type usedApplication struct {
	ID, Name string
	People   int
	May      string // in words
	Cut      bool
}

func ruleOf(rule, chosen govern.Rule) ruleChoice {
	key := "team_policy." + string(rule)
	return ruleChoice{Value: string(rule), Name: ui.Text(key), Means: ui.Text(key + "_means"), Chosen: rule == chosen}
}

// ruleName is the name of a rule.
func ruleName(rule govern.Rule) ui.Words { return ruleOf(rule, "").Name }

// policyChoice is the policy that a person chose, and the clients whose connections are to end with it.
func policyChoice(values url.Values) (to govern.Policy, cut []oauth.ClientID, err error) {
	name, err := route.Field(values, "rule")
	if err != nil {
		return to, nil, err
	}
	strict, err := route.Field(values, "strict")
	if err != nil {
		return to, nil, err
	}
	if to.Rule, err = govern.ParseRule(name); err != nil {
		return to, nil, oauth.InvalidRequest.Because(err, "%s", err)
	}
	to.Strict = strict != ""
	for _, id := range values["cut"] {
		cut = append(cut, oauth.ClientID(id))
	}
	return to, cut, nil
}

// policy is the page of the policy. With a rule in the address it shows what that would do; nothing changes.
func (room *Room) policy(w http.ResponseWriter, r *request) error {
	values, err := route.Query(r.Request.Request)
	if err != nil {
		return err
	}
	now, err := room.Govern.Policy(r.Context(), r.actor, r.team.ID)
	if err != nil {
		return gone(err)
	}
	view := policyView{Frame: r.frame(), Team: r.team.Name, Slug: r.team.Slug, Notice: policyNotice(r), Now: ruleName(now.Rule), Strict: now.Strict}
	for _, rule := range govern.Rules() {
		view.Rules = append(view.Rules, ruleOf(rule, now.Rule))
	}
	if values.Has("rule") {
		to, cut, err := policyChoice(values)
		if err != nil {
			return err
		}
		preview, err := room.Govern.Preview(r.Context(), r.actor, r.team.ID, to, cut)
		if err != nil {
			return gone(err)
		}
		view.Preview = room.policyPreview(r, preview)
	}
	return room.Show(w, r.Request.Request, http.StatusOK, policyPage.With(view))
}

func (room *Room) policyPreview(r *request, p govern.Preview) *policyPreview {
	view := &policyPreview{Rule: ruleOf(p.To.Rule, p.From.Rule), Strict: p.To.Strict, Does: effectWords("team_policy.would_", p.Effect)}
	kept, connections := 0, 0
	for _, a := range p.Applications {
		if !a.Cut {
			kept++
		}
		connections += a.People
		view.Applications = append(view.Applications, usedApplication{
			ID: string(a.Client), Name: a.Name, People: a.People, Cut: a.Cut, May: strings.Join(access.InWords(room.Authz, r.Language(), a.Scope), " · "),
		})
	}
	slices.SortStableFunc(view.Applications, func(a, b usedApplication) int { return access.ByName(a.Name, b.Name) })
	if n := len(p.Applications); n > 0 {
		view.InUse = ui.Text("team_policy.in_use", "applications", ui.Text("team_policy.applications", "count", n), "connections", ui.Text("team_policy.connections", "count", connections))
	}
	if p.Effect.Ended+p.Effect.Suspended+p.Effect.Narrowed == 0 {
		view.Does = append([]ui.Words{ui.Text("team_policy.nothing_stops")}, view.Does...)
	}
	if kept > 0 {
		view.Does = append(view.Does, ui.Text("team_policy.approves", "count", kept))
	}
	return view
}

// effectWords says what becomes of connections, or what became of them. prefix is that of the keys.
func effectWords(prefix string, e govern.Effect) (said []ui.Words) {
	for _, part := range []struct {
		count int
		key   string
	}{{e.Ended, "end"}, {e.Suspended, "suspend"}, {e.Resumed, "resume"}, {e.Narrowed, "narrow"}} {
		if part.count > 0 {
			said = append(said, ui.Text(prefix+part.key, "count", part.count))
		}
	}
	return said
}

// setPolicy changes the policy, in one step with what it does to applications that are in use. One that came into use after the preview is kept.
func (room *Room) setPolicy(w http.ResponseWriter, r *request) error {
	values, err := route.Form(r.Request.Request)
	if err != nil {
		return err
	}
	to, cut, err := policyChoice(values)
	if err != nil {
		return err
	}
	effect, err := room.Govern.SetPolicy(r.Context(), r.actor, r.team.ID, to, cut)
	if err != nil {
		return gone(err)
	}
	return r.notify(w, browser.Notice{What: noticePolicy + string(to.Rule), Counts: []int{effect.Ended, effect.Suspended, effect.Resumed, effect.Narrowed}})
}

// policyNotice is what a change of the policy did; nil when the page's address does not say.
func policyNotice(r *request) *ui.Notice {
	n := r.Notice(r.team.ID)
	if n == nil {
		return nil
	}
	for _, rule := range govern.Rules() {
		if n.What == noticePolicy+string(rule) {
			notice := &ui.Notice{Text: ui.Text("team_policy.done", "rule", ruleName(rule))}
			notice.More = effectNotice(n.Counts)
			return notice
		}
	}
	return nil // from a newer server
}

// effectNotice is the counts of a notice in words.
func effectNotice(counts []int) []ui.Words {
	if len(counts) != 4 {
		return nil
	}
	return effectWords("team_policy.did_", govern.Effect{Ended: counts[0], Suspended: counts[1], Resumed: counts[2], Narrowed: counts[3]})
}
