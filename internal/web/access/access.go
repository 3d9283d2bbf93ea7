// Package access is what several rooms do with connections: it says in words what a scope allows, and ends grants. The rooms do not
// import each other.
package access

import (
	"errors"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/govern"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/web/browser"
	"github.com/gatehouse-auth/gatehouse/internal/web/ui"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Describe sorts permissions for a page in a language.
func Describe(language *words.Catalogue, infos []scope.Info) ui.Permissions {
	var p ui.Permissions
	for _, info := range infos {
		line := ui.Permission{Name: info.Name, Description: info.In(language)}
		switch {
		case scope.Identity.Contains(info.Name):
			p.You = append(p.You, line)
		case info.Access == scope.Write:
			p.Write = append(p.Write, line)
		default:
			p.Read = append(p.Read, line)
		}
	}
	return p
}

// Permissions is what a scope allows. A permission that the catalogue no longer has is shown by its name, because it is still granted.
func Permissions(server *authz.Server, language *words.Catalogue, granted oauth.Scope) ui.Permissions {
	known := server.Describe(granted)
	for _, name := range granted {
		if !slices.ContainsFunc(known, func(info scope.Info) bool { return info.Name == name }) {
			known = append(known, scope.Info{Name: name, Access: scope.Write})
		}
	}
	return Describe(language, known)
}

// Gone makes the store's error that something no longer exists the answer NoConnection.
func Gone(err error) error {
	for _, missing := range []error{authz.ErrNoGrant, client.ErrNoClient, govern.ErrNoBlock, team.ErrNoTeam} {
		if errors.Is(err, missing) {
			return browser.NoConnection
		}
	}
	return err
}

// InWords are the permissions of a scope, in words.
func InWords(server *authz.Server, language *words.Catalogue, granted []string) []string {
	var inWords []string
	p := Permissions(server, language, granted)
	for _, permission := range slices.Concat(p.You, p.Read, p.Write) {
		if permission.Description != "" {
			inWords = append(inWords, permission.Description)
		} else {
			inWords = append(inWords, permission.Name)
		}
	}
	return inWords
}

// ByName compares names as people order them.
func ByName(a, b string) int {
	if order := strings.Compare(strings.ToLower(a), strings.ToLower(b)); order != 0 {
		return order
	}
	return strings.Compare(a, b)
}
