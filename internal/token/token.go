// Package token makes and opens what Gatehouse hands out: signed JWTs, sealed values and secrets, and keeps the keys for them.
//
// It knows nothing of people, teams or grants beyond the claims it is given, and decides nothing.
package token
