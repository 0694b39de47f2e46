package mcpgateway

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	idleConnectionsMax = 64
	idleConnectionTime = 4 * time.Second // less than a gateway waits: a request on a connection that is just being closed may or may not have run
	handshakeTime      = 10 * time.Second
)

// makeHTTPClient follows no redirects: a redirected call would carry its arguments and its identity to somebody else.
func makeHTTPClient(settings *config, target *url.URL, identity *credentials) *http.Client {
	client := &http.Client{}
	if settings.httpClient != nil {
		*client = *settings.httpClient
	} else {
		client.Transport = newGenerations(func() *http.Transport {
			return &http.Transport{
				Proxy:               proxyFor(target),
				TLSClientConfig:     tlsConfig(settings, target, identity.certs),
				TLSHandshakeTimeout: handshakeTime,
				MaxIdleConns:        idleConnectionsMax,
				MaxIdleConnsPerHost: idleConnectionsMax,
				IdleConnTimeout:     idleConnectionTime,
				DisableCompression:  true, // an event must not wait in a decoder, and a bound on bytes is one
				// No HTTP/2: its one connection would keep showing the certificate it was opened with.
				TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
			}
		})
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

// generations sends over the newest of its transports. What an older one carries goes on to its end, and its connections are used no more.
type generations struct {
	make   func() *http.Transport
	newest atomic.Pointer[http.Transport]
}

func newGenerations(make func() *http.Transport) *generations {
	g := &generations{make: make}
	g.newest.Store(make())
	return g
}

func (g *generations) RoundTrip(request *http.Request) (*http.Response, error) {
	return g.newest.Load().RoundTrip(request)
}

// CloseIdleConnections begins a new generation: a transport that is asked for nothing more also closes what becomes idle later, and a connection
// that was busy would otherwise be used again with the certificate it was opened with.
func (g *generations) CloseIdleConnections() {
	g.newest.Swap(g.make()).CloseIdleConnections()
}

func proxyFor(target *url.URL) func(*http.Request) (*url.URL, error) {
	if isLoopback(target.Hostname()) {
		return nil
	}
	return http.ProxyFromEnvironment
}

// tlsConfig is nil for a gateway that the system's authorities vouch for, and that knows the client otherwise.
func tlsConfig(settings *config, target *url.URL, certs certificates) *tls.Config {
	if certs == nil && settings.gatewaySPIFFEID == "" {
		return nil
	}
	check := gatewayCheck{host: target.Hostname(), spiffeID: settings.gatewaySPIFFEID, certs: certs}
	tlsSettings := &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Verified below, against authorities that may change while the client lives.
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it
		VerifyConnection:   check.verify,
	}
	if certs != nil {
		tlsSettings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := certs.certificate()
			if pair == nil && err == nil {
				pair = &tls.Certificate{}
			}
			return pair, err
		}
	}
	return tlsSettings
}

type gatewayCheck struct {
	host, spiffeID string
	certs          certificates
}

func (g gatewayCheck) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the gateway shows no certificate")
	}
	options := x509.VerifyOptions{Intermediates: x509.NewCertPool(), DNSName: g.host}
	if g.certs != nil {
		roots, err := g.certs.roots()
		if err != nil {
			return err
		}
		options.Roots = roots
	}
	for _, certificate := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(certificate)
	}
	leaf := state.PeerCertificates[0]
	if g.spiffeID != "" {
		options.DNSName = ""
		if uriOf(leaf) != g.spiffeID || len(leaf.URIs) != 1 {
			return errors.New("the gateway's certificate names another SPIFFE ID")
		}
	}
	_, err := leaf.Verify(options)
	return err
}
