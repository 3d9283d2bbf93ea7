package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authn"
	"github.com/gatehouse-auth/gatehouse/internal/operate"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// mostNamed is how many people a finding names; it counts the others.
const mostNamed = 10

// providerFindings tries the providers of the configuration, and lists the people and teams that depend on a provider which is no longer configured.
func (a *App) providerFindings(ctx context.Context) (findings []operate.Finding) {
	for _, p := range a.providers.All() {
		f := operate.Finding{Level: operate.Fine, Check: "providers", Found: fmt.Sprintf("%s answers; its redirect URI here is %s", p.ID, p.RedirectURI())}
		if err := p.Check(ctx); err != nil {
			f.Level, f.Found = operate.Problem, fmt.Sprintf("%s: %s", p.ID, oneLine(err))
			f.Do = "check its issuer, which has to be written as in its discovery document, and whether it can be reached from here; its redirect URI here is " + p.RedirectURI()
		}
		findings = append(findings, f)
	}
	return append(findings, a.keptOut(ctx)...)
}

// keptOut names the people whose only way in, and the teams whose required sign-in, is a provider that is not configured any more.
func (a *App) keptOut(ctx context.Context) (findings []operate.Finding) {
	people, err := a.Authn.Enrolment().LockedOut(ctx, team.CommandLine)
	var teams map[string][]team.Team
	if err == nil {
		teams, err = a.Team.WithoutProvider(ctx, team.CommandLine)
	}
	if err != nil {
		return []operate.Finding{{Level: operate.Problem, Check: "providers", Found: oneLine(err), Do: "check the database"}}
	}
	if names := emails(people); len(names) > 0 {
		findings = append(findings, operate.Finding{
			Level: operate.Warning, Check: "providers", Found: "cannot sign in, because the provider is not configured any more: " + few(names),
			Do: "configure the provider again, or let them set a password with /login/forgot/ or gatehouse user set-password",
		})
	}
	for _, id := range slices.Sorted(maps.Keys(teams)) {
		var slugs []string
		for _, t := range teams[id] {
			slugs = append(slugs, t.Slug)
		}
		findings = append(findings, operate.Finding{
			Level: operate.Warning, Check: "providers", Found: fmt.Sprintf("no application can be connected to teams that require the provider %s, which is not configured: %s", id, few(slugs)),
			Do: "configure the provider again, or gatehouse team require-provider SLUG none",
		})
	}
	return findings
}

// emails are the addresses of the people of identities, each once.
func emails(identities []authn.Linked) (all []string) {
	for _, i := range identities {
		if !slices.Contains(all, i.Person.Email) {
			all = append(all, i.Person.Email)
		}
	}
	return all
}

func few(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), more)
	}
	return strings.Join(names, ", ")
}

// warnKeptOut says at start who is kept out.
func (a *App) warnKeptOut(ctx context.Context) {
	for _, f := range a.keptOut(ctx) {
		a.Log.WarnContext(ctx, "providers: "+f.Found, "do", f.Do)
	}
}
