package client

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/scope"
	"github.com/google/go-cmp/cmp"
)

func TestScopeOfARequest(t *testing.T) {
	catalogue := scope.Catalogue{{Name: "a:read"}, {Name: "b:read"}, {Name: "b:write"}}
	tests := []struct {
		name    string
		machine bool
		client  oauth.Scope
		asked   oauth.Scope
		want    oauth.Scope
		wantErr string // what the error names
	}{
		{name: "omitted: everything", want: oauth.Scope{"a:read", "b:read", "b:write"}},
		{name: "omitted: all that the client is allowed, in the catalogue's order", client: oauth.Scope{"b:write", "a:read"}, want: oauth.Scope{"a:read", "b:write"}},
		{name: "asked", asked: oauth.Scope{"b:write", "a:read"}, want: oauth.Scope{"b:write", "a:read"}},
		{name: "unknown", asked: oauth.Scope{"a:read", "c:read"}, wantErr: "c:read"},
		{name: "identity scopes when asked for", asked: oauth.Scope{"openid", "email", "a:read"}, want: oauth.Scope{"openid", "email", "a:read"}},
		{name: "a ceiling of API scopes leaves identity alone", client: oauth.Scope{"a:read"}, asked: oauth.Scope{"openid", "profile"}, want: oauth.Scope{"openid", "profile"}},
		{name: "a ceiling that names some identity scopes", client: oauth.Scope{"a:read", "openid"}, asked: oauth.Scope{"openid", "email"}, wantErr: "email"},
		{name: "a ceiling of identity alone: sign-in only", client: oauth.Scope{"openid"}, asked: oauth.Scope{"a:read"}, wantErr: "a:read"},
		{name: "sign-in only, and nothing asked", client: oauth.Scope{"openid"}, wantErr: "no API scope"},
		{name: "a machine has no identity", machine: true, asked: oauth.Scope{"a:read", "openid"}, wantErr: "openid"},
		{name: "not allowed to the client", client: oauth.Scope{"a:read"}, asked: oauth.Scope{"b:read"}, wantErr: "b:read"},
		{name: "all that the client was allowed is gone", client: oauth.Scope{"old"}, wantErr: "no API scope"},
		{name: "what is gone cannot be asked for", client: oauth.Scope{"old"}, asked: oauth.Scope{"old"}, wantErr: "old"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Client{Scope: tt.client, Machine: tt.machine}.ResolveScope(catalogue, tt.asked)
			if tt.wantErr != "" {
				if !errors.Is(err, oauth.InvalidScope) || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want invalid_scope with %q", err, tt.wantErr)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v, scope (-want +got):\n%s", err, diff)
			}
		})
	}
}
