package app

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// TestDomainMethodsAskWhoActs calls every method of the services with actors who may do nothing. A new method that does not ask is found here.
func TestDomainMethodsAskWhoActs(t *testing.T) {
	a := open(t, testConfig(t), Deps{})
	actorType := reflect.TypeFor[team.Actor]()
	for _, service := range []any{a.Team, a.Registry, a.Govern, a.Authz, a.Authn.Enrolment()} {
		v := reflect.ValueOf(service)
		for method, value := range v.Methods() {
			takesActor := method.Type.NumIn() > 2 && method.Type.In(2) == actorType
			if _, protocol := service.(*authz.Server); !takesActor {
				if !protocol && method.Name != "Acting" { // which makes one
					t.Errorf("%T.%s takes no actor", service, method.Name)
				}
				continue
			}
			for _, actor := range []team.Actor{{}, {Operator: true}, {Kind: team.KindUser, User: "eve"}, {Kind: team.KindClient, Client: "c"}} {
				args := []reflect.Value{reflect.ValueOf(context.Context(t.Context())), reflect.ValueOf(actor)}
				for i := 3; i < method.Type.NumIn(); i++ {
					args = append(args, reflect.Zero(method.Type.In(i)))
				}
				results := value.Call(args)
				err, _ := results[len(results)-1].Interface().(error)
				ownAccount := actor.Kind == team.KindUser && errors.Is(err, team.ErrNoUser) // that eve may close her own account, she need not be told
				if !errors.Is(err, team.ErrForbidden) && !errors.Is(err, authz.ErrNoGrant) && !ownAccount {
					t.Errorf("%T.%s by %+v: error %v, want ErrForbidden", service, method.Name, actor, err)
				}
			}
		}
	}
}
