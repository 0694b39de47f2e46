package mcpgateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
)

// IdentitySource is where a client's identity was found.
type IdentitySource string

// The sources, in the order in which they are looked at.
const (
	IdentityArgument        IdentitySource = "argument"
	IdentityEnvironment     IdentitySource = "environment"
	IdentityWorkloadAPIX509 IdentitySource = "workload_api_x509"
	IdentityWorkloadAPIJWT  IdentitySource = "workload_api_jwt"
	IdentityFiles           IdentitySource = "files"
	IdentityNone            IdentitySource = "none"
)

// Identity says who the client is to the gateway, and how it knows.
type Identity struct {
	Source   IdentitySource
	SPIFFEID string // as far as it is known here, of a source of tokens from the first call on; the gateway verifies it
}

// credentials are what a client shows: at most a header, a token and a certificate.
type credentials struct {
	source  IdentitySource
	header  string
	token   func(context.Context) (string, error)
	shown   atomic.Pointer[string] // the token that was last presented, or found
	certs   certificates
	release func()
}

func (k *credentials) identity() Identity {
	id := k.header
	switch {
	case k.certs != nil && k.certs.spiffeID() != "":
		id = k.certs.spiffeID()
	case k.shown.Load() != nil:
		id = subjectOf(*k.shown.Load())
	}
	return Identity{Source: k.source, SPIFFEID: id}
}

var (
	errNoToken = errors.New("no JWT-SVID could be had")
	// As RFC 6750 has it, section 2.1.
	tokenShape    = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)
	spiffeIDShape = regexp.MustCompile(`^spiffe://[a-z0-9._-]{1,255}(/[A-Za-z0-9._-]+)+$`)
)

const spiffeIDMax = 2048

// present puts the identity into a request's headers.
func (k *credentials) present(ctx context.Context, header http.Header) error {
	if k.header != "" {
		header.Set("X-SPIFFE-ID", k.header)
	}
	if k.token == nil {
		return nil
	}
	token, err := k.token(ctx)
	if err != nil {
		return errors.Join(errNoToken, err)
	}
	if !tokenShape.MatchString(token) {
		return errNoToken
	}
	k.shown.Store(&token)
	header.Set("Authorization", "Bearer "+token)
	return nil
}

// beforeSend lets connections that a former certificate opened end: the next one shows the newest.
func (k *credentials) beforeSend(client *http.Client) {
	if k.certs != nil && k.certs.renewed() {
		client.CloseIdleConnections()
	}
}

func (k *credentials) close() {
	if k.release != nil {
		k.release()
	}
}

// discovery is what one look around for an identity knows.
type discovery struct {
	ctx    context.Context
	config *config
	target *url.URL
}

// discover finds the identity; the order is NewClient's.
func discover(ctx context.Context, settings *config, target *url.URL) (*credentials, error) {
	d := &discovery{ctx: ctx, config: settings, target: target}
	if err := d.checkTLS(); err != nil {
		return nil, err
	}
	for _, look := range []func() (*credentials, error){d.fromArguments, d.fromEnvironment, d.fromWorkloadAPI, d.fromFiles} {
		found, err := look()
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if err := d.checkExposure(found); err != nil {
			found.close()
			return nil, err
		}
		return found, nil
	}
	return d.credentialsOf(IdentityNone, "", nil, filePaths{ca: d.authorities()})
}

func (d *discovery) isHTTPS() bool { return d.target.Scheme == "https" }

// makesTLS: not for plain http, and not where the caller's own HTTP client does.
func (d *discovery) makesTLS() bool { return d.isHTTPS() && d.config.httpClient == nil }

// authorities of the gateway, whatever the client's own identity is; "" = the identity's, or the system's.
func (d *discovery) authorities() string {
	switch {
	case !d.makesTLS():
		return ""
	case d.config.caFile != "":
		return d.config.caFile
	}
	return d.config.around.getenv("PRECINCT_CA_FILE")
}

// checkTLS refuses what could not be kept to.
func (d *discovery) checkTLS() error {
	c := d.config
	if (c.certFile == "") != (c.keyFile == "") {
		return misconfigured(nil, "a certificate file goes with a key file")
	}
	named := c.certFile != "" || c.caFile != "" || c.gatewaySPIFFEID != ""
	if named && !d.isHTTPS() {
		return misconfigured(nil, "certificates, authorities and the gateway's SPIFFE ID are for https gateways")
	}
	if named && c.httpClient != nil {
		return misconfigured(nil, "an HTTP client of your own brings its own TLS: certificates, authorities and the gateway's SPIFFE ID go into that")
	}
	if c.gatewaySPIFFEID != "" {
		return checkSPIFFEID(c.gatewaySPIFFEID)
	}
	return nil
}

// checkExposure keeps what names the caller off a network that anybody can read.
func (d *discovery) checkExposure(found *credentials) error {
	if d.isHTTPS() || isLoopback(d.target.Hostname()) || (found.header == "" && found.token == nil) {
		return nil
	}
	return misconfigured(nil, "an identity is not sent over plain http to another machine (it would come from: %s): use https", found.source)
}

func (d *discovery) fromArguments() (*credentials, error) {
	c := d.config
	if c.fixedToken != "" && c.token != nil {
		return nil, misconfigured(nil, "a JWT-SVID does not go with a source of JWT-SVIDs: give one")
	}
	token, err := fixed(c.fixedToken)
	if err != nil {
		return nil, err
	}
	if token == nil {
		token = c.token
	}
	if c.spiffeID == "" && token == nil && c.certFile == "" {
		return nil, nil
	}
	if c.spiffeID != "" && (token != nil || c.certFile != "") {
		return nil, misconfigured(nil, "a SPIFFE ID in a header does not go with a JWT-SVID or a certificate: give one")
	}
	found, err := d.credentialsOf(IdentityArgument, c.spiffeID, token, filePaths{c.certFile, c.keyFile, d.authorities()})
	if err == nil && c.fixedToken != "" {
		found.shown.Store(&c.fixedToken)
	}
	return found, err
}

func (d *discovery) fromEnvironment() (*credentials, error) {
	env := d.config.around.getenv
	id := env("PRECINCT_SPIFFE_ID")
	text := env("PRECINCT_JWT_SVID")
	token, err := fixed(text)
	if err != nil {
		return nil, err
	}
	files := filePaths{env("PRECINCT_CERT_FILE"), env("PRECINCT_KEY_FILE"), d.authorities()}
	if (files.cert == "") != (files.key == "") {
		return nil, misconfigured(nil, "PRECINCT_CERT_FILE goes with PRECINCT_KEY_FILE")
	}
	if !d.makesTLS() { // the same environment may serve several gateways
		files.cert, files.key = "", ""
	}
	if token != nil || files.cert != "" {
		id = "" // a proof needs no word beside it
	} else if id == "" {
		return nil, nil
	}
	found, err := d.credentialsOf(IdentityEnvironment, id, token, files)
	if err == nil && token != nil {
		found.shown.Store(&text)
	}
	return found, err
}

func (d *discovery) fromFiles() (*credentials, error) {
	env := d.config.around.getenv
	if path := env("PRECINCT_JWT_FILE"); path != "" {
		file := &tokenFile{path: path}
		text, err := file.token(d.ctx)
		if err != nil {
			return nil, misconfigured(err, "PRECINCT_JWT_FILE cannot be read")
		}
		found, err := d.credentialsOf(IdentityFiles, "", file.token, filePaths{ca: d.authorities()})
		if err == nil {
			found.shown.Store(&text)
		}
		return found, err
	}
	if folder := env("PRECINCT_SVID_DIR"); folder != "" && d.makesTLS() {
		files := svidFolder(folder)
		if named := d.authorities(); named != "" {
			files.ca = named
		}
		return d.credentialsOf(IdentityFiles, "", nil, files)
	}
	return nil, nil
}

// credentialsOf checks what it is given, as far as that needs no network.
func (d *discovery) credentialsOf(source IdentitySource, id string, token func(context.Context) (string, error), files filePaths) (*credentials, error) {
	found := &credentials{source: source, header: id, token: token}
	if id != "" {
		if err := checkSPIFFEID(id); err != nil {
			return nil, err
		}
	}
	if files.cert != "" || files.ca != "" {
		certs, err := newFileCertificates(files)
		if err != nil {
			return nil, err
		}
		found.certs = certs
	}
	return found, nil
}

// fixed is nil for no token.
func fixed(token string) (func(context.Context) (string, error), error) {
	if token == "" {
		return nil, nil
	}
	if !tokenShape.MatchString(token) {
		return nil, misconfigured(nil, "a JWT-SVID is letters, digits and dots, and nothing around them")
	}
	return func(context.Context) (string, error) { return token, nil }, nil
}

func checkSPIFFEID(id string) error {
	if len(id) > spiffeIDMax || !spiffeIDShape.MatchString(id) {
		return misconfigured(nil, "a SPIFFE ID is spiffe://trust-domain/path")
	}
	return nil
}

// subjectOf reads a token's subject; whether the token is good is for the gateway to say.
func subjectOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil || checkSPIFFEID(claims.Subject) != nil {
		return ""
	}
	return claims.Subject
}

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" { // a.localhost is what a name server says: many systems ask one
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
