package ui

// Notice says what the person has just done.
type Notice struct {
	Text Words
	More []Words  // what followed from it
	Lost []string // the permissions that ended with it, in words
}

// Alert says that something needs the person's attention.
type Alert struct {
	Text Words
	More Words // what it means and what to do
}

// Empty stands where a list would be, and says what will be there.
type Empty struct{ Lead, More Words }

// Confirmation asks before something ends. Its button says what it does.
type Confirmation struct {
	Action string   // where the form leads
	Hidden []Hidden // fields of the form
	Text   Words    // what happens
	Button Button
	Stay   Words // the link that does nothing
	Back   string
}

// Hidden is a field of a form that the person does not see.
type Hidden struct{ Name, Value string }

// Button sends a form. Name and Value are "" when the form needs to know only that it was sent.
type Button struct {
	Name, Value string
	Text        Words
}
