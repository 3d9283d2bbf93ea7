package store_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/store/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/team"
)

// Addresses from before there was one form to compare them in are brought into it at the start. Of two that are the same, the one
// that is written in this form has it.
func TestEmailsOfAnEarlierReleaseAreComparedInOneForm(t *testing.T) {
	storetest.OnBoth(t, func(t *testing.T, url string) {
		db := open(t, url)
		for id, email := range map[team.UserID]string{"u-1": "jo\u0308rg@example.com", "u-2": "ada@m\u00fcller.example", "u-3": "grace@example.com", "u-4": "x@example.com"} {
			if err := db.AddUser(t.Context(), team.User{ID: id, Email: email, Name: string(id), CreatedAt: time.Unix(1, 0)}); err != nil {
				t.Fatal(err)
			}
		}
		changeByHand(t, url, `UPDATE gh_users SET email_key = NULL WHERE id IN ('u-1', 'u-2', 'u-4')`)
		changeByHand(t, url, `UPDATE gh_users SET email = 'j`+"\u00f6"+`rg@example.com' WHERE id = 'u-4'`)
		db = open(t, url)
		for email, want := range map[string]team.UserID{"j\u00f6rg@example.com": "u-4", "ada@xn--mller-kva.example": "u-2", "grace@example.com": "u-3"} {
			u, err := db.UserByEmail(t.Context(), email)
			if err != nil || u.ID != want {
				t.Errorf("%s: got %s, %v; want %s", email, u.ID, err, want)
			}
		}
		var left int
		if err := db.SQL().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM gh_users WHERE email_key IS NULL`).Scan(&left); err != nil || left > 0 {
			t.Errorf("%d addresses have no form (%v)", left, err)
		}
	})
}
