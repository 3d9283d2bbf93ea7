package client

import (
	"errors"
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Only the operator may make a client less safe than the default. Others who may register clients may still change a loosened client
// in another respect.
func TestAttackLooseningByOthers(t *testing.T) {
	admin := team.ActingUser(team.User{ID: "ada"}, []team.Membership{{Team: team.Team{ID: "t"}, Role: team.Admin}})
	strict := Client{}
	nonce, audience := Client{PKCE: oauth.PKCENonce}, Client{InsecureAssertionAudience: true}
	both := Client{PKCE: oauth.PKCENonce, InsecureAssertionAudience: true}
	for _, tt := range []struct {
		name          string
		before, after Client
		operatorOnly  bool
	}{
		{"nothing", strict, strict, false},
		{"pkce", strict, nonce, true},
		{"audience", strict, audience, true},
		{"both", strict, both, true},
		{"pkce too", audience, both, true},
		{"audience too", nonce, both, true},
		{"one for the other", nonce, audience, true},
		{"as it was", both, both, false},
		{"stricter", both, nonce, false},
		{"as strict as can be", both, strict, false},
	} {
		if err := mayLoosen(team.CommandLine, tt.before, tt.after); err != nil {
			t.Errorf("%s, by the operator: %v", tt.name, err)
		}
		if err := mayLoosen(admin, tt.before, tt.after); errors.Is(err, team.ErrForbidden) != tt.operatorOnly {
			t.Errorf("%s, by an admin: %v; want ErrForbidden: %v", tt.name, err, tt.operatorOnly)
		}
	}
}

// Every setting that is named Insecure is one that Loosened knows.
func TestLoosenedKnowsEveryInsecureSetting(t *testing.T) {
	fields := reflect.TypeFor[Client]()
	found := 0
	for i := range fields.NumField() {
		if name := fields.Field(i).Name; len(name) > 8 && name[:8] == "Insecure" {
			found++
			var c Client
			reflect.ValueOf(&c).Elem().Field(i).SetBool(true)
			if len(c.Loosened()) != 1 {
				t.Errorf("%s is not among what Loosened names: %q", name, c.Loosened())
			}
		}
	}
	if found == 0 {
		t.Error("a Client has no field whose name begins with Insecure")
	}
}
