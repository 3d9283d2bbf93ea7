package browser

import (
	"net/http"

	"github.com/gatehouse-auth/gatehouse/internal/web/route"
	"github.com/gatehouse-auth/gatehouse/internal/words"
)

// Language is the language of a page: what the application of the request that waits asked for, else the person's setting, else what the
// browser asks for, else the server's.
func (p *Pages) Language(r *http.Request) *words.Catalogue {
	t := route.TraceOf(r.Context())
	return words.Choose(words.Wishes{Locales: t.Locales, Setting: t.Language, Accept: r.Header.Get("Accept-Language")}, p.Options.Language)
}
