package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// metadata is what we need of a provider's discovery document.
type metadata struct {
	provider *oidc.Provider
	config   oauth2.Config
	jwks     string
	iss      bool // answers name their issuer (RFC 9207)
}

// found is the result of the last attempt to read metadata.
type found struct {
	metadata metadata
	err      error
	at       time.Time
}

// document is the members of a discovery document that the library does not read for us.
type document struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	Iss           bool     `json:"authorization_response_iss_parameter_supported"`
	Methods       []string `json:"token_endpoint_auth_methods_supported"`
	Challenges    []string `json:"code_challenge_methods_supported"`
}

// discover is the provider's metadata. It is read when it is first needed and once in a while after that. What was read last is used for longer while the
// provider does not answer. ErrUnavailable.
func (p *Provider) discover(ctx context.Context) (metadata, error) {
	if m, ok, err := p.cached(); ok {
		return m, err
	}
	answer, err, _ := p.flight.Do("", func() (any, error) {
		if m, ok, err := p.cached(); ok {
			return m, err
		}
		// Several requests may wait for this, so the first one's end must not be the end of it.
		ctx, cancel := p.bounded(context.WithoutCancel(ctx))
		defer cancel()
		m, err := p.readMetadata(ctx)
		return p.keep(m, err)
	})
	if err != nil {
		return metadata{}, err
	}
	return answer.(metadata), nil
}

func (p *Provider) cached() (m metadata, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	age := p.now().Sub(p.known.at)
	switch {
	case p.known.at.IsZero(), age < 0, age >= metadataFresh:
		return metadata{}, false, nil
	case p.known.err != nil && age >= metadataRetry:
		return metadata{}, false, nil
	}
	return p.known.metadata, true, p.known.err
}

// keep stores what was read. After a failure, what was read before is kept.
func (p *Provider) keep(m metadata, err error) (metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil && p.known.metadata.provider != nil {
		m, err = p.known.metadata, nil
	}
	p.known = found{m, err, p.now()}
	return m, err
}

func (p *Provider) readMetadata(ctx context.Context) (metadata, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.Issuer)
	if err != nil {
		return metadata{}, fmt.Errorf("%w: read %s/.well-known/openid-configuration: %w", ErrUnavailable, p.Issuer, cut(err))
	}
	var d document
	if err := provider.Claims(&d); err != nil {
		return metadata{}, fmt.Errorf("%w: read the discovery document of %s: %w", ErrUnavailable, p.Issuer, cut(err))
	}
	for name, endpoint := range map[string]string{"authorization_endpoint": d.Authorization, "token_endpoint": d.Token, "jwks_uri": d.JWKS} {
		if err := p.checkEndpoint(endpoint); err != nil {
			return metadata{}, fmt.Errorf("%w: %s %w", ErrUnavailable, name, err)
		}
	}
	if d.UserInfo != "" {
		if err := p.checkEndpoint(d.UserInfo); err != nil {
			return metadata{}, fmt.Errorf("%w: userinfo_endpoint %w", ErrUnavailable, err)
		}
	}
	if len(d.Challenges) > 0 && !slices.Contains(d.Challenges, "S256") {
		return metadata{}, fmt.Errorf("%w: it does not know PKCE with S256", ErrUnavailable)
	}
	endpoint := oauth2.Endpoint{AuthURL: d.Authorization, TokenURL: d.Token, AuthStyle: p.style(d.Methods)}
	config := oauth2.Config{ClientID: p.ClientID, Endpoint: endpoint, RedirectURL: p.redirect, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
	return metadata{provider: provider, config: config, jwks: d.JWKS, iss: d.Iss}, nil
}

// checkEndpoint refuses an endpoint whose requests others on the way could read, unless the issuer is on this machine itself.
func (p *Provider) checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	issuer, _ := url.Parse(p.Issuer)
	switch {
	case endpoint == "":
		return errors.New("is missing")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("is no URL: %.200q", endpoint)
	case u.Scheme != "https" && u.Scheme != issuer.Scheme:
		return fmt.Errorf("is not https: %.200q", endpoint)
	}
	return nil
}

// style is how we authenticate at the token endpoint. A list that is left out means client_secret_basic (OpenID Connect Discovery §3).
func (p *Provider) style(methods []string) oauth2.AuthStyle {
	secret := p.secret.Load().Reveal() != ""
	if secret && (len(methods) == 0 || slices.Contains(methods, "client_secret_basic")) {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// Check reads the provider's metadata and keys now, for the doctor. ErrUnavailable.
func (p *Provider) Check(ctx context.Context) error {
	ctx, cancel := p.bounded(ctx)
	defer cancel()
	m, err := p.readMetadata(ctx)
	if err != nil {
		return err
	}
	if _, err := p.jwks.Fetch(ctx, m.jwks, ""); err != nil {
		return fmt.Errorf("%w: read its keys: %w", ErrUnavailable, cut(err))
	}
	return nil
}

// cut shortens an error that may quote the provider's answer.
func cut(err error) error {
	const most = 300
	if text := err.Error(); len(text) > most {
		return errors.New(text[:most] + "…")
	}
	return err
}
