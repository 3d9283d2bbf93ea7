package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// Registry registers and changes clients, grants and blocks: what the command line and the pages call.
type Registry struct {
	Store     Store
	Catalogue Catalogue
	Now       func() time.Time
}

// Registration is what a new client brings.
type Registration struct {
	Name         string
	Owner        string    // optional
	Team         team.Team // zero for a global client
	Public       bool
	Machine      bool // must have a team, has no redirect URI
	RedirectURIs []string
	Scope        oauth.Scope // empty: every API scope
}

// maxNameLength is how many characters a client's name, its owner and the reason of a block may have.
const maxNameLength = 100

// AddClient registers a client and returns it with its secret, which is shown once (zero for a public client). What is wrong with the registration is an error for
// the person who registers; team.ErrNoTeam when the team is gone.
func (r *Registry) AddClient(ctx context.Context, reg Registration) (Client, token.Secret, error) {
	now := r.Now()
	c := Client{
		ID: ClientID(token.NewID()), Name: strings.TrimSpace(reg.Name), Owner: strings.TrimSpace(reg.Owner), Public: reg.Public, Machine: reg.Machine,
		Team: reg.Team, RedirectURIs: distinct(reg.RedirectURIs), Scope: distinct(reg.Scope), CreatedAt: now,
	}
	if err := r.check(c); err != nil {
		return Client{}, token.Secret{}, err
	}
	var secret token.Secret
	if !c.Public {
		secret = token.NewSecret(token.PrefixClientSecret)
		c.Secrets = []ClientSecret{{Hash: secret.Hash(), CreatedAt: now}}
	}
	if err := r.Store.AddClient(ctx, c); err != nil {
		return Client{}, token.Secret{}, fmt.Errorf("register %q: %w", c.Name, err)
	}
	return c, secret, nil
}

// ClientChange is what to replace; nil fields stay.
type ClientChange struct {
	Name         *string
	RedirectURIs []string
	Scope        oauth.Scope
}

// UpdateClient replaces what change has. The error is ErrNoClient, or says what is wrong with the change.
func (r *Registry) UpdateClient(ctx context.Context, id ClientID, change ClientChange) (Client, error) {
	c, err := r.Store.Client(ctx, id)
	if err != nil {
		return Client{}, fmt.Errorf("load client %q: %w", id, err)
	}
	if change.Name != nil {
		c.Name = strings.TrimSpace(*change.Name)
	}
	if change.RedirectURIs != nil {
		c.RedirectURIs = distinct(change.RedirectURIs)
	}
	if change.Scope != nil {
		c.Scope = distinct(change.Scope)
	}
	if err := r.check(c); err != nil {
		return Client{}, err
	}
	if err := r.Store.UpdateClient(ctx, c); err != nil {
		return Client{}, fmt.Errorf("update client %q: %w", id, err)
	}
	return c, nil
}

// RotateSecret gives a client a new secret. The newest old one stays valid unless revokeOld: two live secrets at most. ErrNoClient.
func (r *Registry) RotateSecret(ctx context.Context, id ClientID, revokeOld bool) (token.Secret, error) {
	c, err := r.Store.Client(ctx, id)
	if err != nil {
		return token.Secret{}, fmt.Errorf("load client %q: %w", id, err)
	}
	if c.Public {
		return token.Secret{}, errors.New("a public client has no secret")
	}
	keep := 1
	if revokeOld {
		keep = 0
	}
	secret := token.NewSecret(token.PrefixClientSecret)
	if err := r.Store.AddClientSecret(ctx, id, ClientSecret{Hash: secret.Hash(), CreatedAt: r.Now()}, keep); err != nil {
		return token.Secret{}, fmt.Errorf("rotate the secret of client %q: %w", id, err)
	}
	return secret, nil
}

// BlockClient keeps a client out of a team and ends its grants there. The reason is shown to the team's members. ErrNoClient.
func (r *Registry) BlockClient(ctx context.Context, t team.ID, id ClientID, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return errors.New("a block needs a reason: the team's members are shown it")
	}
	if err := checkText("the reason", reason); err != nil {
		return err
	}
	if _, err := r.Store.Client(ctx, id); err != nil {
		return fmt.Errorf("load client %q: %w", id, err)
	}
	if err := r.Store.Block(ctx, Block{Team: t, Client: id, Reason: reason, CreatedAt: r.Now()}); err != nil {
		return fmt.Errorf("block client %q: %w", id, err)
	}
	return nil
}

// check is what must be true of every client. Its errors are sentences for the person who registers it.
func (r *Registry) check(c Client) error {
	if c.Name == "" {
		return errors.New("the application needs a name")
	}
	if err := errors.Join(checkText("the name", c.Name), checkText("the owner", c.Owner)); err != nil {
		return err
	}
	if err := checkKind(c); err != nil {
		return err
	}
	for _, uri := range c.RedirectURIs {
		if err := oauth.CheckRedirectURI(uri, c.Public); err != nil {
			return fmt.Errorf("redirect URI %q: %w", uri, err)
		}
	}
	for _, name := range c.Scope {
		if known := r.Catalogue.Scope(); !known.Contains(name) {
			return fmt.Errorf("the scope %q does not exist; there are: %s", name, known)
		}
	}
	return nil
}

// checkKind checks that the kind of the client, its team and its redirect URIs go together.
func checkKind(c Client) error {
	switch {
	case c.Machine && c.Public:
		return errors.New("a machine client needs a secret: it cannot be public")
	case c.Machine && c.Global():
		return errors.New("a machine client acts in one team: name it")
	case c.Machine && len(c.RedirectURIs) > 0:
		return errors.New("a machine client has no redirect URI: nobody is redirected")
	case !c.Machine && len(c.RedirectURIs) == 0:
		return errors.New("the application needs at least one redirect URI")
	}
	return nil
}

// checkText keeps out what could disguise a name on the consent page: control characters, line breaks, and characters that turn the direction of text.
func checkText(what, text string) error {
	switch {
	case !utf8.ValidString(text):
		return fmt.Errorf("%s is not UTF-8", what)
	case utf8.RuneCountInString(text) > maxNameLength:
		return fmt.Errorf("%s is longer than %d characters", what, maxNameLength)
	case strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsGraphic(c) }):
		return fmt.Errorf("%s has a control character or another that cannot be seen", what)
	}
	return nil
}

// distinct is values without repetition, in order.
func distinct[S ~[]string](values S) S {
	var result S
	for _, value := range values {
		if !slices.Contains(result, value) {
			result = append(result, value)
		}
	}
	return result
}
