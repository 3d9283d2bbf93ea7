// Package app reads the configuration and puts the parts together, for the server, the command line and the tests.
package app

const (
	sqliteScheme = "sqlite:"
	opsOff       = "off"
)
