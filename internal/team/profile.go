package team

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a container may have no time zones of its own

	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Profile is how a person wants pages and mails. Each field may be "".
type Profile struct {
	Language string // the code of a language of package words
	Zone     string // one of Zones
	Picture  string // the name of their picture, which nobody can guess
}

// Location is the person's time zone; UTC when they have chosen none.
func (p Profile) Location() *time.Location {
	if p.Zone == "" {
		return time.UTC
	}
	location, err := time.LoadLocation(p.Zone)
	if err != nil { // chosen at a server that knows more time zones
		return time.UTC
	}
	return location
}

//go:embed zones.txt
var zones string

// Zones are the time zones that a person can choose, by name: those that the IANA time zone database lists for a country, and UTC.
var Zones = strings.Fields(zones)

// Picture is a person's picture, drawn anew by us.
type Picture struct {
	Name string // random: part of the address
	picture.Picture
}

// Profiles keeps profiles and pictures, at most one of each for a person. Each method is one unit of work.
type Profiles interface {
	Profile(ctx context.Context, user UserID) (Profile, error) // zero when nothing was saved; ErrNoUser
	// UpdateProfile reads a person's name and profile, without the picture, under a lock, and saves what change gives. change must be pure: it may
	// run twice. ErrNoUser.
	UpdateProfile(ctx context.Context, user UserID, change func(name string, p Profile) (string, Profile)) error
	SavePicture(ctx context.Context, user UserID, p Picture) error // in place of an earlier one; ErrNoUser
	RemovePicture(ctx context.Context, user UserID) error          // no error when there is none
	Picture(ctx context.Context, name string) (Picture, error)     // ErrNoPicture
}

// ErrNoPicture means that nobody has a picture of this name.
var ErrNoPicture = errors.New("no such picture")

// ProfileError is what is wrong with a profile.
type ProfileError struct {
	Field string // name, language or zone
	Err   error
}

func (e *ProfileError) Error() string { return e.Err.Error() }

// Profile is how a person wants pages and mails. ErrNoUser.
func (s *Service) Profile(ctx context.Context, actor Actor, user UserID) (Profile, error) {
	if err := May(actor, EditProfile, On{User: user}); err != nil {
		return Profile{}, err
	}
	return s.People.Profile(ctx, user)
}

// ChangeProfile changes a person's name, language and time zone. *ProfileError, ErrNoUser.
func (s *Service) ChangeProfile(ctx context.Context, actor Actor, user UserID, name string, p Profile) error {
	if err := May(actor, EditProfile, On{User: user}); err != nil {
		return err
	}
	name, err := parseName("name", name)
	switch {
	case err != nil:
		return &ProfileError{"name", err}
	case p.Language != "" && words.Named(p.Language) == nil:
		return &ProfileError{"language", fmt.Errorf("there is no language %q", p.Language)}
	case p.Zone != "" && !slices.Contains(Zones, p.Zone):
		return &ProfileError{"zone", fmt.Errorf("there is no time zone %q", p.Zone)}
	}
	if err := s.People.UpdateProfile(ctx, user, func(string, Profile) (string, Profile) { return name, p }); err != nil {
		return fmt.Errorf("save the profile of %s: %w", user, err)
	}
	return nil
}

// ChangePicture makes a person's picture of an uploaded file. picture.ErrTooManyBytes, picture.ErrTooManyPixels, picture.ErrUnreadable, ErrNoUser.
func (s *Service) ChangePicture(ctx context.Context, actor Actor, user UserID, file []byte) error {
	if err := May(actor, EditProfile, On{User: user}); err != nil {
		return err
	}
	drawn, err := picture.Square(ctx, file)
	if err == nil {
		err = s.People.SavePicture(ctx, user, Picture{rand.Text(), drawn})
	}
	if err != nil {
		return fmt.Errorf("change the picture of %s: %w", user, err)
	}
	return nil
}

// RemovePicture removes a person's picture, if there is one.
func (s *Service) RemovePicture(ctx context.Context, actor Actor, user UserID) error {
	if err := May(actor, EditProfile, On{User: user}); err != nil {
		return err
	}
	return s.People.RemovePicture(ctx, user)
}
