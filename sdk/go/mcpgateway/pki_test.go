package mcpgateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs the certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

// newAuthority is a root, or an intermediate of one that is named.
func newAuthority(t *testing.T, by ...*authority) *authority {
	a := &authority{t: t, next: 1}
	a.key = a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprint("test ", len(by))}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, URIs: []*url.URL{{Scheme: "spiffe", Host: "poc.local"}},
	}
	parent, signer := template, a.key
	for _, issuer := range by {
		parent, signer = issuer.cert, issuer.key
	}
	a.cert = a.sign(template, parent, &a.key.PublicKey, signer)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	text, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(text)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// svid is a certificate for a SPIFFE ID ("" = none), and for hosts or further URIs.
func (a *authority) svid(id string, others ...string) tls.Certificate {
	a.next++
	key := a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, name := range append([]string{id}, others...) {
		if uri, err := url.Parse(name); err == nil && uri.Scheme != "" {
			template.URIs = append(template.URIs, uri)
		} else if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if name != "" {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf := a.sign(template, a.cert, &key.PublicKey, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func keyBytes(t *testing.T, pair tls.Certificate) []byte {
	text, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// writeFolder writes svid.pem, svid_key.pem and bundle.pem, as old as `at` says.
func writeFolder(t *testing.T, folder string, pair tls.Certificate, trusted *x509.Certificate, at time.Time) {
	t.Helper()
	for name, block := range map[string]*pem.Block{
		"svid.pem":     {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		"svid_key.pem": {Type: "PRIVATE KEY", Bytes: keyBytes(t, pair)},
		"bundle.pem":   {Type: "CERTIFICATE", Bytes: trusted.Raw},
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// startTLS is a server that asks for client certificates, and says in its answer whose it saw.
func startTLS(t *testing.T, own tls.Certificate, clients *x509.CertPool) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.handler(func(w http.ResponseWriter, r *http.Request, was seen) {
		who := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			who = uriOf(r.TLS.PeerCertificates[0])
		}
		says(who)(w, r, was)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: clients, ClientAuth: tls.VerifyClientCertIfGiven}
	s.Config.ErrorLog = silent
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}
