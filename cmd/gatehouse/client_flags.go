package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/plaintext"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// clientFlags are the flags that add and update share.
type clientFlags struct {
	redirectURIs, scopes    []string
	optionalScopes          []string
	firstParty              bool
	resourceServer          string
	resources               []string
	jwksFile, jwksURI       string
	idTokenAlgorithm        string
	postLogoutRedirectURIs  []string
	backchannelLogoutURI    string
	initiateLoginURI        string
	requirePAR, requireDPoP bool
	pkce                    string
	insecureAudience        bool
	insecureNoPKCE          bool
	refreshGrace            time.Duration
}

func (f *clientFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.redirectURIs, "redirect-uri", nil, "a `URI` to send people back to; repeat it for more")
	flags.StringArrayVar(&f.scopes, "scope", nil, "a `SCOPE` that it may ask for; repeat it for more (default: every API scope)")
	flags.StringArrayVar(&f.optionalScopes, "optional-scope", nil, "a `SCOPE` that it can do without, if a team does not approve it; repeat it for more")
	flags.BoolVar(&f.firstParty, "first-party", false, "it is the operator's own: teams' policies for applications are not for it")
	flags.StringVar(&f.resourceServer, "resource-server", "", "it is the API with this `AUDIENCE`, and may introspect its tokens")
	flags.StringArrayVar(&f.resources, "resource", nil, "the `URI` of another API for which it may request tokens (RFC 8707); repeat it for more")
	flags.StringVar(&f.jwksFile, "jwks-file", "", "a `FILE` with its public keys, a JSON Web Key Set, used instead of a secret")
	flags.StringVar(&f.jwksURI, "jwks-uri", "", "the `URI` of its public keys, used instead of a secret")
	flags.StringVar(&f.idTokenAlgorithm, "id-token-alg", "", "the `ALG` that signs its ID tokens, RS256 or ES256 (default: the server's)")
	flags.StringArrayVar(&f.postLogoutRedirectURIs, "post-logout-redirect-uri", nil, "a `URI` to send people to after sign-out; repeat it for more")
	flags.StringVar(&f.backchannelLogoutURI, "backchannel-logout-uri", "", "the `URI` to call when a person's sign-in ends")
	flags.StringVar(&f.initiateLoginURI, "initiate-login-uri", "", "the `URI` where people start to sign in to it; the page of connected applications links there")
	flags.BoolVar(&f.requirePAR, "require-par", false, "accept only authorization requests that it pushed (RFC 9126)")
	flags.BoolVar(&f.requireDPoP, "require-dpop", false, "issue only tokens bound to its DPoP key (RFC 9449)")
	flags.StringVar(&f.pkce, "pkce", "", "`WORD`: required, or nonce for an application that cannot do PKCE but checks the nonce of the ID token; that is less safe (default: required)")
	flags.DurationVar(&f.refreshGrace, "refresh-grace", 0, "a shorter `TIME` than the server's refresh_grace, such as 10s, for a replaced refresh token (default: the server's)")
	flags.BoolVar(&f.insecureNoPKCE, "insecure-no-pkce-no-nonce", false, "accept requests with neither PKCE nor a nonce; a stolen code then works in another sign-in. For the official OpenID test suite only")
	flags.BoolVar(&f.insecureAudience, "insecure-assertion-audience", false, "also accept assertions (private_key_jwt) for the token endpoint; a server for which one was made can then use it here")
}

func (f *clientFlags) scope() (oauth.Scope, error) {
	return oauth.ParseScope(strings.Join(f.scopes, " "))
}

// jwks returns the content of --jwks-file, or "" without the flag.
func (f *clientFlags) jwks() (string, error) {
	if f.jwksFile == "" {
		return "", nil
	}
	read, err := os.ReadFile(f.jwksFile)
	if err != nil {
		return "", fmt.Errorf("read the keys: %w", err)
	}
	keys, err := plaintext.Clean(read)
	if err != nil {
		return "", fmt.Errorf("read the keys: %s %w", f.jwksFile, err)
	}
	return keys, nil
}

// registration returns a new client from the flags.
func (f *clientFlags) registration() (client.Registration, error) {
	reg := client.Registration{
		RedirectURIs: f.redirectURIs, ResourceServer: f.resourceServer, Resources: f.resources, JWKSURI: f.jwksURI, IDTokenAlgorithm: f.idTokenAlgorithm,
		PostLogoutRedirectURIs: f.postLogoutRedirectURIs, BackchannelLogoutURI: f.backchannelLogoutURI,
		InitiateLoginURI: f.initiateLoginURI, RequirePAR: f.requirePAR, RequireDPoP: f.requireDPoP,
		InsecureAssertionAudience: f.insecureAudience, InsecureNoPKCENoNonce: f.insecureNoPKCE, RefreshGrace: f.refreshGrace, FirstParty: f.firstParty,
	}
	var err error
	if reg.OptionalScope, err = oauth.ParseScope(strings.Join(f.optionalScopes, " ")); err != nil {
		return reg, err
	}
	if f.pkce != "" {
		if reg.PKCE, err = oauth.ParsePKCE(f.pkce); err != nil {
			return reg, err
		}
	}
	if reg.Scope, err = f.scope(); err != nil {
		return reg, err
	}
	if f.scopes != nil && len(reg.Scope) == 0 {
		return reg, usagef("--scope is empty; leave it out to allow every API scope")
	}
	reg.JWKS, err = f.jwks()
	return reg, err
}

// change returns what the given flags replace. A flag that was not given stays nil. A list that was given is not nil, even if it is empty.
func (f *clientFlags) change(flags *pflag.FlagSet) (client.Change, error) {
	change := client.Change{
		RedirectURIs: given(flags, "redirect-uri", f.redirectURIs), Resources: given(flags, "resource", f.resources),
		PostLogoutRedirectURIs: given(flags, "post-logout-redirect-uri", f.postLogoutRedirectURIs),
	}
	if flags.Changed("scope") {
		scope, err := f.scope()
		if err != nil {
			return change, err
		}
		change.Scope = append(oauth.Scope{}, scope...)
	}
	if flags.Changed("optional-scope") {
		scope, err := oauth.ParseScope(strings.Join(f.optionalScopes, " "))
		if err != nil {
			return change, err
		}
		change.OptionalScope = append(oauth.Scope{}, scope...)
	}
	if flags.Changed("jwks-file") {
		keys, err := f.jwks()
		if err != nil {
			return change, err
		}
		change.JWKS = &keys
	}
	for name, field := range map[string]**string{
		"resource-server": &change.ResourceServer, "jwks-uri": &change.JWKSURI, "id-token-alg": &change.IDTokenAlgorithm, "backchannel-logout-uri": &change.BackchannelLogoutURI,
		"initiate-login-uri": &change.InitiateLoginURI,
	} {
		if flags.Changed(name) {
			value := flags.Lookup(name).Value.String()
			*field = &value
		}
	}
	if flags.Changed("pkce") {
		pkce, err := oauth.ParsePKCE(f.pkce)
		if err != nil {
			return change, err
		}
		change.PKCE = &pkce
	}
	if flags.Changed("require-par") {
		change.RequirePAR = &f.requirePAR
	}
	if flags.Changed("require-dpop") {
		change.RequireDPoP = &f.requireDPoP
	}
	if flags.Changed("insecure-assertion-audience") {
		change.InsecureAssertionAudience = &f.insecureAudience
	}
	if flags.Changed("insecure-no-pkce-no-nonce") {
		change.InsecureNoPKCENoNonce = &f.insecureNoPKCE
	}
	if flags.Changed("first-party") {
		change.FirstParty = &f.firstParty
	}
	if flags.Changed("refresh-grace") {
		change.RefreshGrace = &f.refreshGrace
	}
	return change, nil
}

// given returns the values of a repeated flag, or nil if it was not given. An empty value only removes the old ones, and is left out.
func given(flags *pflag.FlagSet, name string, values []string) []string {
	if !flags.Changed(name) {
		return nil
	}
	kept := []string{}
	for _, value := range values {
		if value != "" {
			kept = append(kept, value)
		}
	}
	return kept
}
