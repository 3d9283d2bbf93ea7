package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

// linkPurposes are the purposes of links.
var linkPurposes = []token.Purpose{token.PurposeLinkReset, token.PurposeLinkProve, token.PurposeLinkChange, token.PurposeLinkUndo, token.PurposeLinkInvite, token.PurposeLinkSignUp}

func TestLinkOpensForItsPurposeOnly(t *testing.T) {
	clock, store, master := newClock(), openStore(t), token.NewMasterKey()
	keys := openKeyring(t, store, master, clock)
	for _, made := range linkPurposes {
		link := keys.Link(made, "row1")
		if again := openKeyring(t, store, master, clock).Link(made, "row1"); again != link || !strings.HasPrefix(link, token.PrefixLink+"row1.") {
			t.Errorf("the link is %q, and by another server %q", link, again)
		}
		for opened := range token.PurposesEnd + 2 {
			id, err := keys.OpenLink(opened, link)
			if opened == made && (id != "row1" || err != nil) {
				t.Errorf("%s: got %q, %v", made, id, err)
			}
			if opened != made && (id != "" || !errors.Is(err, token.ErrNotOurs)) {
				t.Errorf("%s as %q: got %q, %v", made, opened, id, err)
			}
		}
		if _, err := openKeyring(t, openStore(t), master, clock).OpenLink(made, link); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("another database: got %v", err)
		}
	}
}

func TestAlteredLinkIsRefused(t *testing.T) {
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), newClock())
	link := keys.Link(token.PurposeLinkReset, "row1")
	for i := range link {
		for _, c := range []byte{'A', 'B', '.', ' '} {
			altered := link[:i] + string(c) + link[i+1:]
			if _, err := keys.OpenLink(token.PurposeLinkReset, altered); altered != link && !errors.Is(err, token.ErrNotOurs) {
				t.Fatalf("%q: got %v", altered, err)
			}
		}
	}
	for _, text := range []string{"", "gh_ln_", "row1", link + "A", link + " ", link[:len(link)-1], "gh_ln_row1", strings.Replace(link, "gh_ln_", "gh_rt_", 1), strings.Repeat(link, 9)} {
		if _, err := keys.OpenLink(token.PurposeLinkReset, text); !errors.Is(err, token.ErrNotOurs) {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, id := range []string{"", "a.b", "a b", strings.Repeat("x", 65)} {
		if got := keys.Link(token.PurposeLinkReset, id); got != "" {
			t.Errorf("the id %q makes the link %q", id, got)
		}
	}
}

// A link of seven days outlives a rotation of the keys.
func TestLinkOutlivesARotation(t *testing.T) {
	clock := newClock()
	keys := openKeyring(t, openStore(t), token.NewMasterKey(), clock)
	link := keys.Link(token.PurposeLinkUndo, "row1")
	if err := keys.Rotate(t.Context(), token.RotationOverlap{Publish: time.Hour, Refresh: 7 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if next := keys.Link(token.PurposeLinkUndo, "row1"); next == link {
		t.Error("the next key makes the same link")
	}
	clock.Advance(7*24*time.Hour - time.Millisecond)
	if _, err := keys.OpenLink(token.PurposeLinkUndo, link); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	clock.Advance(time.Millisecond)
	if _, err := keys.OpenLink(token.PurposeLinkUndo, link); !errors.Is(err, token.ErrNotOurs) {
		t.Errorf("under a key that is gone: %v", err)
	}
}
