package ui

// Passkey is the part of a form that the script passkey.js fills in with what the browser's passkeys answer; the form has the other fields. Without the
// script it is not shown. The zero Passkey is nothing.
type Passkey struct {
	Action      string // where the form goes with an answer
	Options     string // JSON, for navigator.credentials
	Challenge   string // sealed
	Create      bool   // makes a passkey; otherwise one signs in
	Conditional bool   // the browser also offers passkeys in the field for the e-mail address
}

// Beside is the autocomplete of a field in which the browser offers passkeys, if it does.
func (p Passkey) Beside(autocomplete string) string {
	if p.Conditional {
		return autocomplete + " webauthn"
	}
	return autocomplete
}
