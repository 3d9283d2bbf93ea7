package app

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/config"
)

// writeCertificate makes a self-signed certificate with a serial number and writes it to the files that cfg names.
func writeCertificate(t *testing.T, cfg config.Config, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		cfg.TLSCertFile: {Type: "CERTIFICATE", Bytes: cert},
		cfg.TLSKeyFile:  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func tlsConfig(t *testing.T) config.Config {
	cfg := testConfig(t)
	dir := t.TempDir()
	cfg.PublicURL = "https://localhost"
	cfg.TLSCertFile, cfg.TLSKeyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return cfg
}

func servedSerial(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestTLSCertificateIsReadAgainOnHangup(t *testing.T) {
	cfg := tlsConfig(t)
	writeCertificate(t, cfg, 1)
	r := start(t, open(t, cfg, Deps{}))
	if got := servedSerial(t, r.public); got != 1 {
		t.Fatalf("serial %d", got)
	}
	writeCertificate(t, cfg, 2)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); servedSerial(t, r.public) != 2; {
		if time.Now().After(deadline) {
			t.Fatal("the old certificate is served")
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
	resp, err := client.Get("https://" + r.public + "/login/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
		t.Errorf("got %d over %s", resp.StatusCode, resp.Proto)
	}
}

func TestTLSCertificateIsReadAgainWhenItsFilesChange(t *testing.T) {
	cfg := tlsConfig(t)
	writeCertificate(t, cfg, 1)
	c, err := loadCertificate(cfg.TLSCertFile, cfg.TLSKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 { return c.current.Load().Leaf.SerialNumber.Int64() }
	if changed, err := c.refresh(false); changed || err != nil {
		t.Errorf("unchanged files: %v, %v", changed, err)
	}
	if changed, err := c.refresh(true); !changed || err != nil {
		t.Errorf("unchanged files, but asked to: %v, %v", changed, err)
	}

	// Half a replacement, or rubbish, leaves the old one in place.
	if err := os.WriteFile(cfg.TLSKeyFile, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := c.refresh(false); changed || err == nil || serial() != 1 {
		t.Errorf("broken key: changed %v, error %v, serial %d", changed, err, serial())
	}
	writeCertificate(t, cfg, 2)
	if changed, err := c.refresh(false); !changed || err != nil || serial() != 2 {
		t.Errorf("new files: changed %v, error %v, serial %d", changed, err, serial())
	}
}

func TestTLSFilesThatCannotBeUsedStopTheStart(t *testing.T) {
	cfg := tlsConfig(t)
	_, err := Open(t.Context(), cfg, Deps{})
	if err == nil || !strings.Contains(err.Error(), cfg.TLSCertFile) {
		t.Errorf("got %v", err)
	}
}

// TestTLSOffersWhatBCP195Recommends: each suite of TLS 1.2 that Go knows is tried, with a certificate of its kind.
func TestTLSOffersWhatBCP195Recommends(t *testing.T) {
	allowed := []string{
		"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", // RFC 9325 §4.2
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if !slices.Contains(suite.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		var private crypto.Signer = rsaKey
		if strings.Contains(suite.Name, "ECDSA") {
			private = ecKey
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		var c certificate
		c.current.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private})
		err = handshake(c.config(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite.ID}})
		if (err == nil) != slices.Contains(allowed, suite.Name) {
			t.Errorf("%s: %v", suite.Name, err)
		}
		if err := handshake(c.config(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
			t.Error("TLS 1.1 is offered")
		}
		if err := handshake(c.config(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}); err != nil {
			t.Errorf("TLS 1.3: %v", err)
		}
	}
}

// handshake connects a client to a server.
func handshake(server, client *tls.Config) error {
	there, here := net.Pipe()
	defer here.Close()
	go func() {
		defer there.Close()
		tls.Server(there, server).Handshake()
	}()
	return tls.Client(here, client).Handshake()
}
