package ui

// Permissions is what an application may do, in words.
type Permissions struct{ You, Read, Write []Permission }

// Permission is one permission.
type Permission struct {
	Name        string // "chatbot:read"
	Description string // in words; "" when the catalogue no longer has it
}

// None reports whether nothing is allowed except to know that the connection exists.
func (p Permissions) None() bool { return len(p.You)+len(p.Read)+len(p.Write) == 0 }
