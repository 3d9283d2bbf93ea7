package route

import "net/http"

// Problem is an error of HTTP, not of OAuth: a wrong method, no such page.
type Problem struct {
	Status      int
	Description string // in English, for programs and the log
	// Words is the key of the sentence that a page says, Words + ".title" of the page's title, and Words + ".advice" of what the person can do about
	// it. Sentence and advice may have the Arguments, names and values in turn, and "page", a link to the address of the request.
	Words      string
	Arguments  []any
	SigningOut bool // the person wanted to sign out, so the page says whether they are signed in instead of an advice of its own
}

func (p *Problem) Error() string { return p.Description }

// NotFound is the handler of addresses that do not exist.
func NotFound(http.ResponseWriter, *http.Request) error {
	return &Problem{Status: http.StatusNotFound, Description: "there is no page at this address", Words: "problem.not_found"}
}

func methodNotAllowed(method, allowed string) error {
	return &Problem{
		Status:      http.StatusMethodNotAllowed,
		Description: "This address does not answer " + method + " requests, only " + allowed + ".",
		Words:       "problem.method", Arguments: []any{"method", method, "allowed", allowed},
	}
}
