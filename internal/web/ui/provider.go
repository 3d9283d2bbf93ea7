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
	Icon   string // none, key, people or globe
}
