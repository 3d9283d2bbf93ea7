package ui

// Failures are what is wrong with a form, at its top. The browser puts the focus there, and each failure leads to its field.
type Failures []Failure

// Failure is one thing that is wrong.
type Failure struct {
	Field string // the id of the field, or "" when no field alone is wrong
	Text  Words
}

// Field is one field of a form, with its label. A field keeps what was typed, except passwords.
type Field struct {
	ID, Name     string
	Kind         Kind
	Label        Words
	Advice       Words // below the field, or empty
	Value        string
	Autocomplete string
	MaxLength    int  // 0 for none
	Fixed        bool // shown, but not to be changed
	Optional     bool
	List         string // the id of the values that the browser suggests, or ""
	Failed       bool   // Failures say why
}

// Kind is what a field is for, so that keyboards and password managers help.
type Kind string

// The kinds of fields.
const (
	Line       Kind = "line"
	Email      Kind = "email"
	Password   Kind = "password"
	Identifier Kind = "identifier" // a client_id: no words of a language
	Lines      Kind = "lines"      // a text of several lines
	Date       Kind = "date"       // "2006-01-02"
)

// NewPassword is the fields for a new password, which has least characters or more.
func NewPassword(failed bool, least int) []Field {
	return []Field{
		{ID: "new", Name: "new", Kind: Password, Label: Text("password.new"), Advice: Text("password.advice", "count", least), Autocomplete: "new-password", Failed: failed},
		{ID: "again", Name: "again", Kind: Password, Label: Text("password.again"), Autocomplete: "new-password", Failed: failed},
	}
}

// DescribedBy is the ids of the elements that explain the field.
func (f Field) DescribedBy() string {
	switch {
	case len(f.Advice) > 0 && f.Failed:
		return f.ID + "-advice problem"
	case len(f.Advice) > 0:
		return f.ID + "-advice"
	case f.Failed:
		return "problem"
	}
	return ""
}
