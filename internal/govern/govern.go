// Package govern is which application may reach which team: today, the blocks that a team's admins set.
package govern

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/client"
	"github.com/gatehouse-auth/gatehouse/internal/oauth"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Block is a team's refusal of a client, with the reason its admin gave.
type Block struct {
	Team      team.ID
	Client    oauth.ClientID
	Reason    string
	CreatedAt time.Time
}

// ErrNoBlock means that there is nothing to lift.
var ErrNoBlock = errors.New("the team does not block this client")

// Store keeps what teams decided about clients. Each method is one unit of work.
type Store interface {
	Block(ctx context.Context, b Block) error                               // ends the client's grants in the team in the same transaction; replaces the reason
	Unblock(ctx context.Context, team team.ID, client oauth.ClientID) error // ErrNoBlock
	Blocks(ctx context.Context, team team.ID) ([]Block, error)              // newest first
}

// Service decides for teams which clients may reach them.
type Service struct {
	Store   Store
	Clients client.Reader
	Now     func() time.Time
}

// Client is a client that a team can decide about, without its secrets: a global one or one of its own. client.ErrNoClient, also for
// the client of another team, because its existence is not told.
func (s *Service) Client(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) (client.Client, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return client.Client{}, err
	}
	c, err := s.Clients.Client(ctx, id)
	if err == nil && !c.Global() && c.Team.ID != t {
		err = client.ErrNoClient
	}
	if err != nil {
		return client.Client{}, fmt.Errorf("load client %q: %w", id, err)
	}
	c.Secrets = nil
	return c, nil
}

// Block keeps a client out of a team and ends its grants there. The reason is shown to the team's members. client.ErrNoClient, as Client.
func (s *Service) Block(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID, reason string) error {
	if _, err := s.Client(ctx, actor, t, id); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	if err := CheckReason(reason); err != nil {
		return err
	}
	if err := s.Store.Block(ctx, Block{Team: t, Client: id, Reason: reason, CreatedAt: s.Now()}); err != nil {
		return fmt.Errorf("block client %q: %w", id, err)
	}
	return nil
}

// Unblock lets members connect a client to a team again. It revives nothing. ErrNoBlock.
func (s *Service) Unblock(ctx context.Context, actor team.Actor, t team.ID, id oauth.ClientID) error {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return err
	}
	return s.Store.Unblock(ctx, t, id)
}

// Blocks is what a team blocks, newest first.
func (s *Service) Blocks(ctx context.Context, actor team.Actor, t team.ID) ([]Block, error) {
	if err := team.May(actor, team.GovernApplications, team.On{Team: t}); err != nil {
		return nil, err
	}
	return s.Store.Blocks(ctx, t)
}

// CheckReason says what is wrong with the reason of a block.
func CheckReason(reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return errors.New("a block needs a reason: the team's members are shown it")
	}
	return team.CheckText("the reason", reason)
}
