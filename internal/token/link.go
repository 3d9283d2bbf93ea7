package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const maxLinkLength = 200

// Link is the secret text of a link in a mail: gh_ln_ID.KEY.MAC. The MAC has a key of ours and the purpose of the link, so nothing secret has to be
// stored: the id is that of a row, which says for whom and until when the link works. The same id always gives the same text while the key lives.
// "" for an id that cannot be written.
func (k *Keyring) Link(purpose Purpose, id string) string {
	if !isFamily(id) || purpose.String() == "" {
		return ""
	}
	return k.keys.Load().current(algorithmMAC, k.Now()).link(purpose, id)
}

// OpenLink checks the MAC in constant time and returns the id. ErrNotOurs, ErrWrongClock. It says nothing about whether the link still works.
func (k *Keyring) OpenLink(purpose Purpose, text string) (id string, err error) {
	fields, ok := strings.CutPrefix(text, PrefixLink)
	if !ok || len(text) > maxLinkLength || purpose.String() == "" {
		return "", ErrNotOurs
	}
	id, fields, _ = strings.Cut(fields, ".")
	kid, _, _ := strings.Cut(fields, ".")
	if !isFamily(id) {
		return "", ErrNotOurs
	}
	key, err := k.living(k.keys.Load().macs, kid, k.now())
	if err != nil {
		return "", err
	}
	// The whole text is compared with the one that we would have written, so that a link has one spelling.
	if !hmac.Equal([]byte(key.link(purpose, id)), []byte(text)) {
		return "", ErrNotOurs
	}
	return id, nil
}

func (k *key) link(purpose Purpose, id string) string {
	out := append(append(append([]byte(PrefixLink), id...), '.'), k.ID...)
	mac := hmac.New(sha256.New, k.mac)
	mac.Write([]byte("gatehouse link\x00" + purpose.String() + "\x00")) // a refresh token and a counter begin with other texts
	mac.Write(out)
	return string(base64.RawURLEncoding.AppendEncode(append(out, '.'), mac.Sum(nil)))
}
