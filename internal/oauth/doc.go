// Package oauth is the standards as values and pure functions: it parses requests, checks them and formats answers.
//
// It is not a server: it has no I/O, no clock, no randomness and no store. Callers pass the time in.
package oauth
