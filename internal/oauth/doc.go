// Package oauth is the standards as values and pure functions: it parses requests, checks them and formats answers.
//
// It is not a server: there is no I/O in it, no clock, no randomness and no store. Whoever needs the time passes it in.
package oauth
