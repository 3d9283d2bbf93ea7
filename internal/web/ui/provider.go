package ui

// Providers are the buttons by which people sign in at other providers.
type Providers struct {
	Items  []Provider
	Hidden []Hidden // fields of their form
}

// Provider is one button.
type Provider struct {
	Action string
	Name   string
	Icon   string // the address of its picture, or ""
}

// Initial stands for a picture.
func (p Provider) Initial() string { return firstLetter(Avatar{Name: p.Name}.Initials()) }
