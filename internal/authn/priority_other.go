//go:build !linux

package authn

// lowerPriority does nothing: on other systems a priority belongs to the whole process.
func lowerPriority() {}
