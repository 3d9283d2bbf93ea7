package web

// Values of headers that are the same in every answer. They are set under names in their canonical form, since Header.Set looks for that form and makes a slice
// each time. Nobody changes a value in place, and Header.Add makes another slice.
var (
	nosniff        = []string{"nosniff"}
	noReferrer     = []string{"no-referrer"}
	httpsForAYear  = []string{"max-age=31536000"}
	noStore        = []string{"no-store"}
	noCache        = []string{"no-cache"} // of Pragma, and of what has to be asked for each time
	forFiveMinutes = []string{"public, max-age=300"}
	typeJSON       = []string{"application/json"}
	typeJWT        = []string{"application/jwt"}
	varyOrigin     = []string{"Origin"}
	anyOrigin      = []string{"*"}
)
