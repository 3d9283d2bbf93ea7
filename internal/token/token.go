// Package token makes and opens what Gatehouse issues: signed JWTs, sealed values and secrets. It keeps the keys for them.
//
// It knows nothing of people, teams or grants beyond the claims it is given, and decides nothing.
package token
