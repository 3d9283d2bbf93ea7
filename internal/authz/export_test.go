package authz

import "context"

// OpenRequest and SealRequest let tests see, and change, what pages only carry.
func (s *Server) OpenRequest(sealed string) (Request, error) {
	return s.open(context.Background(), sealed)
}

// SealRequest is the reverse of OpenRequest.
func (s *Server) SealRequest(r Request) (string, error) { return s.seal(r) }
