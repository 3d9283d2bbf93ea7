package token_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/token"
)

func TestSecretsNeverPrint(t *testing.T) {
	secret, master := token.NewSecret(token.PrefixClientSecret), token.NewMasterKey()
	type inside struct {
		secret token.Secret // fmt calls no method here
		Secret token.Secret
		master token.MasterKey
		Master token.MasterKey
	}
	values := map[string]any{
		"secret": secret, "pointer to secret": &secret, "master": master, "pointer to master": &master,
		"struct": inside{secret, secret, master, master}, "slice": []token.Secret{secret}, "map": map[string]token.Secret{"k": secret},
	}
	masterBytes := fmt.Sprint([]byte(master.Text()))
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%v"} {
			checkHidden(t, name+" "+verb, strings.TrimPrefix(fmt.Sprintf(verb, v), "%T"), secret, master, masterBytes)
		}
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		checkHidden(t, name+" json", string(encoded), secret, master, masterBytes)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		checkHidden(t, name+" slog", log.String(), secret, master, masterBytes)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, secret) + fmt.Sprintf(verb, master); got != "[secret][secret]" {
			t.Errorf("%s prints %s, want [secret][secret]", verb, got)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "a", secret, "b", master, "c", struct{ S token.Secret }{secret}, "d", struct{ M token.MasterKey }{master})
	if want := `"a":"[secret]","b":"[secret]","c":{"S":"[secret]"},"d":{"M":"[secret]"}`; !strings.Contains(log.String(), want) {
		t.Errorf("the log says %s, want %s", &log, want)
	}
}

func checkHidden(t *testing.T, how, printed string, secret token.Secret, master token.MasterKey, masterBytes string) {
	t.Helper()
	random := strings.TrimPrefix(secret.Reveal(), token.PrefixClientSecret)
	for _, leak := range []string{random, fmt.Sprintf("%x", random), fmt.Sprintf("%X", random), master.Text(), strings.Trim(masterBytes, "[]")} {
		if strings.Contains(printed, leak) {
			t.Errorf("%s prints the secret: %s", how, printed)
		}
	}
}

func TestSecretMatchesOnlyItsHash(t *testing.T) {
	s, other := token.NewSecret(token.PrefixSession), token.NewSecret(token.PrefixSession)
	if !strings.HasPrefix(s.Reveal(), "gh_se_") || len(s.Reveal()) != len("gh_se_")+43 {
		t.Errorf("got a secret of %d characters, want the prefix and 43", len(s.Reveal()))
	}
	if !token.SecretFrom(s.Reveal()).Matches(s.Hash()) {
		t.Error("a received secret does not match its hash")
	}
	for name, hash := range map[string]string{"another's": other.Hash(), "empty": "", "cut": s.Hash()[:42], "the text itself": s.Reveal()} {
		if s.Matches(hash) {
			t.Errorf("the secret matches a hash that is %s", name)
		}
	}
	// FIPS 180-2, appendix B.1: SHA-256 of "abc".
	if got, want := token.SecretFrom("abc").Hash(), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMasterKeyText(t *testing.T) {
	m := token.NewMasterKey()
	for _, text := range []string{m.Text(), " " + m.Text() + "\n", strings.TrimRight(m.Text(), "="), strings.NewReplacer("+", "-", "/", "_").Replace(m.Text())} {
		got, err := token.ParseMasterKey(text)
		if err != nil || got.Text() != m.Text() {
			t.Errorf("the text form %q does not come back: %v", text, err)
		}
	}
	for _, text := range []string{"", "short", m.Text() + "AAAA", strings.Repeat("!", 44)} {
		if _, err := token.ParseMasterKey(text); err == nil {
			t.Errorf("%q is taken for a master key", text)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error quotes the text: %v", err)
		}
	}
}

func TestOrderedIDsAreInTheOrderOfTheirTimes(t *testing.T) {
	at := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	before := ""
	for range 40 {
		id, other := token.NewOrderedID(at), token.NewOrderedID(at)
		if id <= before || len(id) != 26 || id == other || id[:9] != other[:9] {
			t.Fatalf("got %q and %q at %s, after %q", id, other, at, before)
		}
		before = max(id, other)
		if from, next := token.OrderedIDsFrom(at), token.OrderedIDsFrom(at.Add(time.Millisecond)); from >= min(id, other) || next <= before {
			t.Fatalf("%q and %q are not between %q and %q", id, other, from, next)
		}
		at = at.Add(time.Millisecond).AddDate(2, 0, 0)
	}
}

// TestOrderedIDsBeginWithTheirTime: as they always did, so that older ones stay before newer ones.
func TestOrderedIDsBeginWithTheirTime(t *testing.T) {
	for at, want := range map[time.Time]string{
		time.UnixMilli(0): "000000000",
		time.Date(2001, 9, 9, 1, 46, 40, 123e6, time.UTC): "0t3aaa43r",
		time.Date(2026, 11, 28, 12, 0, 0, 7e6, time.UTC):  "1k8h0dig7",
		{}: "", // in no order, and an id all the same
	} {
		if id := token.NewOrderedID(at); len(id) != 26 || !strings.HasPrefix(id, want) {
			t.Errorf("%s: got %q, want %q and 17 more", at, id, want)
		}
	}
}
