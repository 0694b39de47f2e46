//go:build !mcpgateway_noworkloadapi

package mcpgateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"strings"
	"sync"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const socketVariable = "SPIFFE_ENDPOINT_SOCKET"

// fromWorkloadAPI takes an X.509-SVID where it can be shown, else a JWT-SVID. A Workload API that knows this workload under no identity is passed
// over; one that is named and does not answer is a fault: falling back to a lesser identity would hide it.
func (d *discovery) fromWorkloadAPI() (*credentials, error) {
	address := d.config.workloadAPI
	if address == "" {
		address = d.config.around.getenv(socketVariable)
	}
	if address == "" {
		return nil, nil
	}
	if strings.HasPrefix(address, "/") {
		address = "unix://" + address
	}
	if !d.makesTLS() {
		if err := d.checkExposure(&credentials{source: IdentityWorkloadAPIJWT, token: noToken}); err != nil {
			return nil, err
		}
	}
	if err := workloadapi.ValidateAddress(address); err != nil {
		return nil, misconfigured(err, "the Workload API's address is none, such as unix:///run/spire/agent.sock")
	}
	ctx, cancel := d.config.around.within(d.ctx, d.config.call.timeout)
	defer cancel()
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(address))
	if err != nil {
		return nil, d.noAnswer(err)
	}
	for _, look := range []func(context.Context, *workloadapi.Client) (*credentials, error){d.x509Of, d.jwtOf} {
		found, err := look(ctx, client)
		if err != nil {
			_ = client.Close()
			return nil, err
		}
		if found != nil {
			return found, nil
		}
	}
	_ = client.Close()
	return nil, nil
}

func noToken(context.Context) (string, error) { return "", errNoToken }

func (d *discovery) noAnswer(err error) error {
	if d.ctx.Err() != nil {
		return ended(d.ctx, false, "")
	}
	return misconfigured(err, "the SPIFFE Workload API did not answer (%s)", status.Code(err))
}

func (d *discovery) x509Of(ctx context.Context, client *workloadapi.Client) (*credentials, error) {
	if !d.makesTLS() {
		return nil, nil
	}
	if _, err := client.FetchX509Context(ctx); err != nil {
		return nil, d.unlessNobody(err)
	}
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(client))
	if err != nil {
		return nil, d.noAnswer(err)
	}
	pool, err := readPool(d.authorities())
	if err != nil {
		_ = source.Close()
		return nil, err
	}
	return &credentials{source: IdentityWorkloadAPIX509, certs: &workloadCertificates{source: source, pool: pool, gateway: d.config.gatewaySPIFFEID}, release: func() {
		_ = source.Close()
		_ = client.Close()
	}}, nil
}

// unlessNobody: an agent that has no identity for this workload says PermissionDenied (SPIFFE Workload API, section 6.1).
func (d *discovery) unlessNobody(err error) error {
	if status.Code(err) == grpccodes.PermissionDenied {
		return nil
	}
	return d.noAnswer(err)
}

// workloadCertificates are the agent's newest: the source follows its stream for as long as the client lives.
type workloadCertificates struct {
	source  *workloadapi.X509Source
	pool    *x509.CertPool // the caller's own authorities; nil = the trust bundle
	gateway string         // its SPIFFE ID; "" = one of this workload's trust domain
	mutex   sync.Mutex
	shown   *x509svid.SVID
}

func (w *workloadCertificates) certificate() (*tls.Certificate, error) {
	svid, err := w.source.GetX509SVID()
	if err != nil {
		return nil, err
	}
	pair := &tls.Certificate{PrivateKey: svid.PrivateKey, Leaf: svid.Certificates[0]}
	for _, certificate := range svid.Certificates {
		pair.Certificate = append(pair.Certificate, certificate.Raw)
	}
	return pair, nil
}

func (w *workloadCertificates) roots() (*x509.CertPool, error) {
	if w.pool != nil {
		return w.pool, nil
	}
	domain, err := w.gatewayDomain()
	if err != nil {
		return nil, err
	}
	bundle, err := w.source.GetX509BundleForTrustDomain(domain)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, authority := range bundle.X509Authorities() {
		pool.AddCert(authority)
	}
	return pool, nil
}

// gatewayDomain: an authority vouches for its own trust domain alone (SPIFFE Trust Domain and Bundle, section 5), so that a gateway of another one
// is checked by the bundle that is federated for it.
func (w *workloadCertificates) gatewayDomain() (spiffeid.TrustDomain, error) {
	if w.gateway != "" {
		id, err := spiffeid.FromString(w.gateway)
		return id.TrustDomain(), err
	}
	svid, err := w.source.GetX509SVID()
	if err != nil {
		return spiffeid.TrustDomain{}, err
	}
	return svid.ID.TrustDomain(), nil
}

func (w *workloadCertificates) spiffeID() string {
	svid, err := w.source.GetX509SVID()
	if err != nil {
		return ""
	}
	return svid.ID.String()
}

func (w *workloadCertificates) renewed() bool {
	svid, err := w.source.GetX509SVID()
	if err != nil {
		return false
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	renewed := w.shown != nil && w.shown != svid
	w.shown = svid
	return renewed
}

func (d *discovery) jwtOf(ctx context.Context, client *workloadapi.Client) (*credentials, error) {
	audience := d.config.audience
	if audience == "" {
		audience = d.target.Scheme + "://" + d.target.Host
	}
	tokens := &workloadTokens{client: client, audience: audience, now: d.config.around.now, busy: make(chan struct{}, 1)}
	text, err := tokens.token(ctx)
	if err != nil {
		return nil, d.unlessNobody(err)
	}
	found, err := d.credentialsOf(IdentityWorkloadAPIJWT, "", tokens.token, filePaths{ca: d.authorities()})
	if err != nil {
		return nil, err
	}
	found.shown.Store(&text)
	found.release = func() { _ = client.Close() }
	return found, nil
}

// workloadTokens keeps a JWT-SVID until half of its life is over, and then fetches another; the former serves while none can be had and it lasts.
type workloadTokens struct {
	client   *workloadapi.Client
	audience string
	now      func() time.Time
	busy     chan struct{} // one fetches, the others wait
	mutex    sync.Mutex
	text     string
	renewAt  time.Time
	expires  time.Time
}

func (t *workloadTokens) kept(until func(*workloadTokens) time.Time) (string, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.text, t.text != "" && t.now().Before(until(t))
}

func (t *workloadTokens) token(ctx context.Context) (string, error) {
	renewal := func(t *workloadTokens) time.Time { return t.renewAt }
	if text, ok := t.kept(renewal); ok {
		return text, nil
	}
	select {
	case t.busy <- struct{}{}:
		defer func() { <-t.busy }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if text, ok := t.kept(renewal); ok {
		return text, nil
	}
	svid, err := t.client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: t.audience, Subject: spiffeid.ID{}})
	if err != nil {
		if text, ok := t.kept(func(t *workloadTokens) time.Time { return t.expires }); ok {
			return text, nil
		}
		return "", err
	}
	now := t.now()
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.text, t.expires, t.renewAt = svid.Marshal(), svid.Expiry, now.Add(svid.Expiry.Sub(now)/2)
	return t.text, nil
}
