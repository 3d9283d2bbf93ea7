package app

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// certificate is the TLS certificate of two files, read again when they change.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
	seen              [2]fileVersion // of the files that current was read from; used by one goroutine
}

// fileVersion changes when a file is replaced.
type fileVersion struct {
	modified time.Time
	size     int64
}

func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	if _, err := c.refresh(false); err != nil {
		return nil, err
	}
	return c, nil
}

// refresh reads the files if they have changed, or if forced. While they cannot be used, the old certificate stays.
func (c *certificate) refresh(force bool) (changed bool, err error) {
	var now [2]fileVersion
	for i, path := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(path)
		if err != nil {
			return false, fmt.Errorf("read the TLS certificate: %w", err)
		}
		now[i] = fileVersion{info.ModTime(), info.Size()}
	}
	if now == c.seen && !force {
		return false, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		// Perhaps only one of the two files has been replaced yet. The next refresh sees both.
		return false, fmt.Errorf("read the TLS certificate: %w", err)
	}
	c.current.Store(&pair)
	c.seen = now
	return true, nil
}

// cipherSuites are those of TLS 1.2 that BCP 195 recommends (RFC 9325 §4.2): forward secrecy, and encryption that authenticates. Those
// of TLS 1.3 are all of this kind, and cannot be chosen.
var cipherSuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
}

func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   cipherSuites,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}
