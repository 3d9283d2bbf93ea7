package team

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
	"golang.org/x/net/idna"
)

// SignUpMode says who may get an account without the operator. Each mode allows what the one before it allows.
type SignUpMode string

// The modes. The zero mode is SignUpOff.
const (
	SignUpOff     SignUpMode = "off"     // nobody: the operator makes every account, or invites to one
	SignUpInvited SignUpMode = "invited" // people whom an admin invites to a team
	SignUpDomain  SignUpMode = "domain"  // and people with an address of certain domains
	SignUpOpen    SignUpMode = "open"    // and everybody
)

// SignUp is the rule for accounts that people make themselves.
type SignUp struct {
	Mode    SignUpMode
	Domains []string // with SignUpDomain: as ParseDomain returns them
}

// Errors of sign-up. Their texts are for people.
var (
	ErrNoSignUp    = errors.New("nobody can sign up at this server")
	ErrOtherDomain = errors.New("people with an address of another domain cannot sign up at this server")
)

// Open reports whether there is a page to sign up on.
func (s SignUp) Open() bool { return s.Mode == SignUpDomain || s.Mode == SignUpOpen }

// May reports why somebody with an address may not sign up: ErrNoSignUp, ErrOtherDomain. Which domains may is no secret.
func (s SignUp) May(email string) error {
	switch s.Mode {
	case SignUpOpen:
		return nil
	case SignUpDomain:
		if _, domain, _ := strings.Cut(NormalizeEmail(email), "@"); slices.Contains(s.Domains, domain) {
			return nil
		}
		return ErrOtherDomain
	}
	return ErrNoSignUp
}

// Invited reports whether an invitation of an admin may make an account.
func (s SignUp) Invited() bool { return s.Mode == SignUpInvited || s.Open() }

// ParseDomain is a domain of e-mail addresses in the form in which it is compared: the A-label form, in lower case (RFC 5890 §2.3.2.1).
func ParseDomain(domain string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(strings.TrimSpace(domain)))
	if err != nil || NormalizeEmail("x@"+ascii) != "x@"+ascii {
		return "", errors.New("not a domain")
	}
	if _, err := ParseEmail("x@" + ascii); err != nil {
		return "", errors.New("not a domain")
	}
	return ascii, nil
}

// Newcomer is somebody who has asked for a link to sign up.
type Newcomer struct {
	Email      string // as typed
	Name       string // as typed; who asked may not be the owner of the address
	Language   string // of the page on which they asked; a code of package words
	HasAccount bool   // somebody has proven the address; only SigningUp of the Service says so
}

// Newcomers keeps who asked to sign up. Each method is one unit of work.
type Newcomers interface {
	// AskSignUp saves a link to sign up, in place of earlier ones for its address, and the mail with it. It does the same work for every address.
	AskSignUp(ctx context.Context, link Link, n Newcomer) error
	// Newcomer is who asked for a link. ErrLinkExpired.
	Newcomer(ctx context.Context, link LinkID) (Newcomer, error)
	// FinishSignUp uses a link, and gives who has it the account of the address: a new one, or one that nobody has proven yet, from which what others
	// put into it goes first. The errors of a link; ErrHasAccount.
	FinishSignUp(ctx context.Context, link LinkID, j Joined, at time.Time) error
}

// AskSignUp asks for a link to sign up, by mail to an address. What it does, and how long it takes, is the same for every address that may sign up,
// also for one that has an account: its mail says that. The caller has counted the mail. ErrNoSignUp, ErrOtherDomain, or a sentence about what was given.
func (s *Service) AskSignUp(ctx context.Context, _ Actor, n Newcomer) error {
	if err := s.SignUp.May(n.Email); err != nil {
		return errors.Join(err, ErrForbidden)
	}
	var err error
	if n.Email, err = ParseEmail(n.Email); err == nil {
		n.Name, err = parseName("name", n.Name)
	}
	if err != nil {
		return err
	}
	if err := s.Newcomers.AskSignUp(ctx, NewLink(LinkSignUp, "", n.Email, "", s.now()), n); err != nil {
		return fmt.Errorf("save a link to sign up: %w", err)
	}
	return nil
}

// SigningUp is who has a link to sign up. ErrNoLink, ErrLinkUsed, ErrLinkExpired, ErrNoSignUp, ErrOtherDomain.
func (s *Service) SigningUp(ctx context.Context, _ Actor, secret string) (Newcomer, error) {
	_, n, err := s.signingUp(ctx, secret)
	return n, err
}

func (s *Service) signingUp(ctx context.Context, secret string) (LinkID, Newcomer, error) {
	if s.Keys == nil || secret == "" {
		return "", Newcomer{}, errors.Join(ErrNoLink, ErrForbidden)
	}
	id, err := OpenLink(s.Keys, LinkSignUp, secret)
	if err != nil {
		return "", Newcomer{}, err
	}
	link, err := s.Links.Link(ctx, id, s.now())
	if err == nil {
		err = link.Works(s.now())
	}
	if err == nil {
		err = s.SignUp.May(link.Email) // the rule may have changed since the mail was sent
	}
	if err != nil {
		return "", Newcomer{}, err
	}
	n, err := s.Newcomers.Newcomer(ctx, id)
	if err != nil {
		return "", Newcomer{}, err
	}
	u, err := s.People.UserByEmail(ctx, n.Email)
	if err != nil && !errors.Is(err, ErrNoUser) {
		return "", Newcomer{}, fmt.Errorf("look for the account of a sign-up: %w", err)
	}
	n.HasAccount = err == nil && (u.EmailVerified || !u.DisabledAt.IsZero())
	return id, n, nil
}

// FinishSignUp makes an account for the address of a link, with a password of this hash. The link proves the address. The account gets no team. The
// errors of SigningUp; ErrHasAccount, or a sentence about the name.
func (s *Service) FinishSignUp(ctx context.Context, _ Actor, secret, name, hash string) error {
	id, n, err := s.signingUp(ctx, secret)
	if err != nil {
		return err
	}
	if name, err = parseName("name", name); err != nil {
		return err
	}
	return s.Newcomers.FinishSignUp(ctx, id, Joined{ID: UserID(token.NewID()), Name: name, Hash: hash, Language: n.Language}, s.now())
}
