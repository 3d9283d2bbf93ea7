package operate

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Revived is something that ended after a backup was made, and is alive again when that is restored.
type Revived struct {
	Kind string `json:"kind"` // team, person, password, application, client secret, member, lifted block, policy, connection, refresh token, session
	Name string `json:"name"` // for people
	ID   string `json:"-"`
	Also string `json:"-"` // what else says which it is; may be a hash
}

// End ends what came back to life.
func (s *Service) End(ctx context.Context, actor team.Actor, revived []Revived) error {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return err
	}
	for _, v := range revived {
		if err := s.Store.EndRevived(ctx, v); err != nil {
			return fmt.Errorf("end the %s %s: %w", v.Kind, v.Name, err)
		}
	}
	return nil
}

// EndBefore ends every connection and session that was made before a time: when it is not known what has ended since, all of them may
// have. It returns what it ended.
func (s *Service) EndBefore(ctx context.Context, actor team.Actor, at time.Time) ([]Revived, error) {
	if err := team.May(actor, team.OperateServer, team.On{}); err != nil {
		return nil, err
	}
	living, err := s.Store.LivingBefore(ctx, at)
	if err != nil {
		return nil, err
	}
	return living, s.End(ctx, actor, living)
}
