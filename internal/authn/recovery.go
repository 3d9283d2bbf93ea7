package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"unicode"
)

const (
	recoveryCodes    = 10
	recoveryCodeSize = 10 // bytes: 80 bits, 16 characters of base32
	recoveryGroup    = 4  // characters between hyphens

	// FewRecoveryCodes is how many codes are so few that the person is offered new ones.
	FewRecoveryCodes = 3
)

// newRecoveryCodes is ten new codes as they are shown, and their hashes. NIST SP 800-63B-4 wants a salt and a slow hash below 112 bits. The codes of
// one person have one salt, so that a guess costs one hash, not ten.
func (a *Authenticator) newRecoveryCodes(ctx context.Context) (codes, hashes []string, err error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	for range recoveryCodes {
		code := make([]byte, recoveryCodeSize)
		rand.Read(code)
		text := base32Text.EncodeToString(code)
		hash, err := a.hasher.hashWith(ctx, text, salt)
		if err != nil {
			return nil, nil, err
		}
		codes, hashes = append(codes, grouped(text)), append(hashes, hash)
	}
	return codes, hashes, nil
}

// grouped is ABCD-EFGH-IJKL-MNOP.
func grouped(code string) string {
	var groups []string
	for ; len(code) > recoveryGroup; code = code[recoveryGroup:] {
		groups = append(groups, code[:recoveryGroup])
	}
	return strings.Join(append(groups, code), "-")
}

// typedCode is a code as it is compared: without spaces and hyphens, in capitals, and with the letters that digits were taken for.
func typedCode(typed string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '-', r == '–':
			return -1
		}
		return unicode.ToUpper(r)
	}, typed)
}

var mistaken = strings.NewReplacer("0", "O", "1", "I", "8", "B")

// recoveryHash is the hash among those of a person's codes that a code has; "" when it has none.
func (a *Authenticator) recoveryHash(ctx context.Context, code string, hashes []string) (found string, err error) {
	if len(hashes) == 0 {
		return "", nil
	}
	guess, err := a.hasher.hashLike(ctx, mistaken.Replace(code), hashes[0])
	if err != nil {
		return "", err
	}
	for _, hash := range hashes {
		if subtle.ConstantTimeCompare([]byte(hash), []byte(guess)) == 1 {
			found = hash
		}
	}
	return found, nil
}
