package storetest

import (
	"context"
	"strings"

	"github.com/gatehouse-auth/gatehouse/internal/authz"
	"github.com/gatehouse-auth/gatehouse/internal/picture"
	"github.com/gatehouse-auth/gatehouse/internal/store"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// saveProfile gives a person a name and a profile without looking.
func saveProfile(ctx context.Context, db *store.DB, user team.UserID, name string, p team.Profile) error {
	return db.UpdateProfile(ctx, user, func(string, team.Profile) (string, team.Profile) { return name, p })
}

// testProfileChanges: of two who change different things at the same time, nobody loses what the other did.
func testProfileChanges(k *kit) {
	k.populate()
	k.together(20, func(n int, db *store.DB) {
		err := db.UpdateProfile(k.ctx, ada.ID, func(name string, p team.Profile) (string, team.Profile) {
			if n%2 == 0 {
				return name + "x", p
			}
			p.Language += "y"
			return name, p
		})
		if err != nil {
			k.Error(err)
		}
	})
	equal(k, "the name", must[team.User](k)(k.db.User(k.ctx, ada.ID)).Name, ada.Name+strings.Repeat("x", 10))
	equal(k, "the language", must[team.Profile](k)(k.db.Profile(k.ctx, ada.ID)).Language, strings.Repeat("y", 10))
}

// testProfiles: one profile and one picture for each person, and nobody's change touches another person.
func testProfiles(k *kit) {
	k.populate()
	_, err := k.db.Profile(k.ctx, "nobody")
	k.is(err, team.ErrNoUser)
	k.is(saveProfile(k.ctx, k.db, "nobody", "x", team.Profile{}), team.ErrNoUser)
	k.is(k.db.SavePicture(k.ctx, "nobody", team.Picture{Name: "x"}), team.ErrNoUser)
	equal(k, "a profile of before it was saved", must[team.Profile](k)(k.db.Profile(k.ctx, ada.ID)), team.Profile{})

	p := filled[team.Profile](k)
	first := team.Picture{Name: p.Picture, Picture: picture.Picture{Type: "image/png", Content: []byte{0, 0xFF, 'x'}}}
	k.ok(k.db.SavePicture(k.ctx, ada.ID, first))
	k.ok(saveProfile(k.ctx, k.db, ada.ID, "Ada Obi", p))
	equal(k, "Profile", must[team.Profile](k)(k.db.Profile(k.ctx, ada.ID)), p)
	detail := must[authz.SubjectDetail](k)(k.db.SubjectDetail(k.ctx, ada.ID, acme.ID))
	equal(k, "SubjectDetail", detail, authz.SubjectDetail{Profile: p, Role: detail.Role, TeamName: acme.Name})
	equal(k, "the role", detail.Role != "", true)
	_, err = k.db.SubjectDetail(k.ctx, "nobody", acme.ID)
	k.is(err, authz.ErrNotLive)
	_, err = k.db.SubjectDetail(k.ctx, ada.ID, "nowhere")
	k.is(err, authz.ErrNotLive)
	equal(k, "the name", must[team.User](k)(k.db.User(k.ctx, ada.ID)).Name, "Ada Obi")
	equal(k, "Picture", must[team.Picture](k)(k.db.Picture(k.ctx, first.Name)), first)
	equal(k, "another's profile", must[team.Profile](k)(k.db.Profile(k.ctx, bob.ID)), team.Profile{})

	second := team.Picture{Name: "second", Picture: picture.Picture{Type: "image/jpeg", Content: []byte("y")}}
	k.ok(k.db.SavePicture(k.ctx, ada.ID, second))
	equal(k, "the new picture", must[team.Picture](k)(k.db.Picture(k.ctx, second.Name)), second)
	_, err = k.db.Picture(k.ctx, first.Name)
	k.is(err, team.ErrNoPicture)
	k.ok(k.db.RemovePicture(k.ctx, bob.ID))
	k.ok(saveProfile(k.ctx, k.db, ada.ID, "Ada", team.Profile{Zone: "UTC"}))
	equal(k, "Profile", must[team.Profile](k)(k.db.Profile(k.ctx, ada.ID)), team.Profile{Zone: "UTC", Picture: "second"})
	equal(k, "rows of pictures", k.rows("gh_pictures", "1 = 1"), 1)
	k.ok(k.db.RemovePicture(k.ctx, ada.ID))
	_, err = k.db.Picture(k.ctx, second.Name)
	k.is(err, team.ErrNoPicture)
	equal(k, "rows of profiles", k.rows("gh_profiles", "1 = 1"), 1)
}
