//go:build !mcpgateway_noworkloadapi

package mcpgateway

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// agent is a Workload API on a Unix socket.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	address   string
	stop      func()
	federated map[string][]byte // by trust domain
	mutex     sync.Mutex
	x509      *workload.X509SVIDResponse
	changed   chan struct{}
	jwt       func(audience []string) (string, error)
	asked     [][]string
}

func startAgent(t *testing.T) *agent {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{address: "unix://" + path, changed: make(chan struct{})}
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, a)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	a.stop = func() {
		server.Stop()
		<-done
	}
	t.Cleanup(a.stop)
	return a
}

func (a *agent) hand(ca *authority, pairs ...tls.Certificate) {
	response := &workload.X509SVIDResponse{FederatedBundles: a.federated}
	for _, pair := range pairs {
		response.Svids = append(response.Svids, &workload.X509SVID{SpiffeId: uriOf(pair.Leaf), X509Svid: pair.Certificate[0], X509SvidKey: keyBytes(ca.t, pair), Bundle: ca.cert.Raw})
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.x509 = response
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *agent) FetchX509SVID(_ *workload.X509SVIDRequest, stream grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	said, _ := metadata.FromIncomingContext(stream.Context())
	if len(said.Get("workload.spiffe.io")) != 1 {
		return status.Error(grpccodes.InvalidArgument, "no header")
	}
	for {
		a.mutex.Lock()
		response, changed := a.x509, a.changed
		a.mutex.Unlock()
		if response == nil {
			return status.Error(grpccodes.PermissionDenied, "no identity issued")
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (a *agent) FetchJWTSVID(_ context.Context, request *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.asked = append(a.asked, request.Audience)
	if a.jwt == nil {
		return nil, status.Error(grpccodes.PermissionDenied, "no identity issued")
	}
	token, err := a.jwt(request.Audience)
	if err != nil {
		return nil, err
	}
	return &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{{SpiffeId: caller, Svid: token}}}, nil
}

// tokens signs one that holds for a minute of that clock, each with another number.
func tokens(t *testing.T, clock *fakeClock) func([]string) (string, error) {
	ca := newAuthority(t)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: ca.key, KeyID: "k"}}, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	return func(audience []string) (string, error) {
		number++
		claims, _ := json.Marshal(map[string]any{"sub": caller, "aud": audience, "exp": clock.now().Add(time.Minute).Unix(), "jti": fmt.Sprint(number)})
		signed, err := signer.Sign(claims)
		if err != nil {
			return "", err
		}
		return signed.CompactSerialize()
	}
}

// jti is the number of the token in a header.
func jti(header string) string {
	parts := strings.Split(header, ".")
	if len(parts) != 3 {
		return header
	}
	signed, err := jose.ParseSigned(strings.TrimPrefix(header, "Bearer "), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err.Error()
	}
	return stringIn(membersOf(signed.UnsafePayloadWithoutVerification()), "jti")
}

func TestAnX509SVIDOfTheWorkloadAPIIsShownAndItsRotationFollowed(t *testing.T) {
	ca := newAuthority(t)
	s := startTLS(t, ca.svid("", "127.0.0.1"), ca.pool())
	a := startAgent(t)
	a.hand(ca, ca.svid(caller+"/one"), ca.svid(caller+"/not-the-default"))
	clock := newFakeClock()
	clock.env[socketVariable] = a.address
	client := newTestClient(t, clock, s.URL)
	check(t, "identity", client.Identity(), Identity{IdentityWorkloadAPIX509, caller + "/one"})
	check(t, "shows", callsAs(t, client), caller+"/one")
	source := client.core.identity.certs.(*workloadCertificates).source
	a.hand(ca, ca.svid(caller+"/two"))
	for client.Identity().SPIFFEID != caller+"/two" {
		if err := source.WaitUntilUpdated(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	check(t, "after its rotation", callsAs(t, client), caller+"/two")
	check(t, "tokens asked for", len(a.asked), 0)
	// The trust bundle rotates as well: a gateway of another authority is no longer this one's.
	other := newAuthority(t)
	a.hand(other, other.svid(caller+"/three"))
	for client.Identity().SPIFFEID != caller+"/three" {
		if err := source.WaitUntilUpdated(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	var fault *TransportError
	if _, err := client.CallTool(context.Background(), "t", nil); !errors.As(err, &fault) || fault.MayHaveRun {
		t.Errorf("a gateway of a former authority: %v", err)
	}
}

func TestAWorkloadAPIByOptionAndTheGatewaysSPIFFEID(t *testing.T) {
	ca := newAuthority(t)
	s := startTLS(t, ca.svid(gatewayID), ca.pool())
	a := startAgent(t)
	a.hand(ca, ca.svid(caller))
	for _, address := range []string{a.address, strings.TrimPrefix(a.address, "unix://")} {
		client := newTestClient(t, newFakeClock(), s.URL, WithWorkloadAPI(address), WithGatewaySPIFFEID(gatewayID))
		check(t, "shows", callsAs(t, client), caller)
		_ = client.Close()
	}
}

func TestAGatewayOfAnotherTrustDomainIsCheckedByItsOwnDomainsAuthorities(t *testing.T) {
	const abroad = "spiffe://other.example/precinct"
	own, other := newAuthority(t), newAuthority(t)
	clients := own.pool()
	clients.AddCert(other.cert)
	theirs := startTLS(t, other.svid(abroad), clients)
	posing := startTLS(t, own.svid(abroad), clients) // by an authority that has no say in that domain
	for name, trial := range map[string]struct {
		url       string
		federated bool
		ok        bool
	}{
		"federated":         {theirs.URL, true, true},
		"not federated":     {theirs.URL, false, false},
		"posing":            {posing.URL, true, false},
		"posing, no bundle": {posing.URL, false, false},
	} {
		a := startAgent(t)
		a.federated = map[string][]byte{}
		if trial.federated {
			a.federated["spiffe://other.example"] = other.cert.Raw
		}
		a.hand(own, own.svid(caller))
		client := newTestClient(t, newFakeClock(), trial.url, WithWorkloadAPI(a.address), WithGatewaySPIFFEID(abroad))
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if (err == nil) != trial.ok || (err != nil && (!errors.As(err, &fault) || fault.MayHaveRun)) {
			t.Errorf("%s: %v", name, err)
		}
		_ = client.Close()
	}
}

func TestAJWTSVIDOfTheWorkloadAPIIsFetchedAnewBeforeItExpires(t *testing.T) {
	s := startServer(t, says(""))
	a := startAgent(t)
	clock := newFakeClock()
	clock.at = time.Now() // the library that reads tokens looks at the real time
	a.jwt = tokens(t, clock)
	clock.env[socketVariable] = a.address
	client := newTestClient(t, clock, s.URL)
	check(t, "identity", client.Identity(), Identity{IdentityWorkloadAPIJWT, caller})
	call := func() string {
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
		all := s.seen()
		return jti(all[len(all)-1].header.Get("Authorization"))
	}
	check(t, "first", call(), "1")
	clock.advance(29 * time.Second)
	check(t, "still fresh", call(), "1")
	clock.advance(2 * time.Second)
	check(t, "past its half", call(), "2")
	check(t, "audience", fmt.Sprint(a.asked), fmt.Sprintf("[[%s] [%s]]", s.URL, s.URL))
	var group sync.WaitGroup
	clock.advance(31 * time.Second)
	for range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	check(t, "fetches", len(a.asked), 3)
	// An agent that is gone: the token that is there serves until it ends.
	clock.advance(31 * time.Second)
	a.stop()
	check(t, "without an agent", call(), "3")
	clock.advance(time.Minute)
	var fault *TransportError
	if _, err := client.CallTool(context.Background(), "t", nil); !errors.As(err, &fault) || fault.MayHaveRun {
		t.Errorf("with an expired token: %v", err)
	}
}

func TestWhichSVIDIsTaken(t *testing.T) {
	ca := newAuthority(t)
	plain := startServer(t, says(""))
	secure := startTLS(t, ca.svid("", "127.0.0.1"), ca.pool())
	folder := t.TempDir()
	writeFolder(t, folder, ca.svid(caller+"/file"), ca.cert, time.Unix(1_700_000_000, 0))
	for name, trial := range map[string]struct {
		x509, jwt bool
		url       string
		want      IdentitySource
	}{
		"https, both":        {true, true, secure.URL, IdentityWorkloadAPIX509},
		"https, X.509 alone": {true, false, secure.URL, IdentityWorkloadAPIX509},
		"https, JWT alone":   {false, true, secure.URL, IdentityWorkloadAPIJWT},
		"https, nothing":     {false, false, secure.URL, IdentityFiles},
		"http, both":         {true, true, plain.URL, IdentityWorkloadAPIJWT},
		"http, X.509 alone":  {true, false, plain.URL, IdentityNone},
		"http, nothing":      {false, false, plain.URL, IdentityNone},
	} {
		a := startAgent(t)
		clock := newFakeClock()
		clock.at = time.Now()
		if trial.x509 {
			a.hand(ca, ca.svid(caller))
		}
		if trial.jwt {
			a.jwt = tokens(t, clock)
		}
		clock.env[socketVariable], clock.env["PRECINCT_SVID_DIR"] = a.address, folder
		client := newTestClient(t, clock, trial.url, WithAudience("precinct"), caFileIf(trial.url == secure.URL, filepath.Join(folder, "bundle.pem")))
		check(t, name, client.Identity().Source, trial.want)
		if trial.want != IdentityNone {
			callsAs(t, client)
		}
		for _, audience := range a.asked {
			check(t, name+": audience", fmt.Sprint(audience), "[precinct]")
		}
		_ = client.Close()
	}
}

// caFileIf is WithCAFile, or nothing.
func caFileIf(is bool, path string) Option {
	if is {
		return WithCAFile(path)
	}
	return clientOption(func(*config) {})
}

func TestAWorkloadAPIThatDoesNotAnswerIsAFault(t *testing.T) {
	clock := newFakeClock()
	clock.env[socketVariable] = "unix://" + filepath.Join(t.TempDir(), "nobody.sock")
	clock.env["PRECINCT_JWT_FILE"] = "not looked at"
	for _, url := range []string{"http://localhost:9090", "https://localhost:9090"} {
		_, err := NewClient(url, withSurroundings(clock.surroundings()))
		var fault *ConfigurationError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), "Unavailable") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestFindingAnIdentityEndsWithItsContext(t *testing.T) {
	a := startAgent(t)
	ctx, cancel := context.WithCancel(context.Background())
	entered := make(chan struct{})
	a.jwt = func([]string) (string, error) {
		close(entered)
		<-ctx.Done()
		return "", status.Error(grpccodes.Unavailable, "too late")
	}
	go func() {
		<-entered
		cancel()
	}()
	_, err := NewClientContext(ctx, "http://localhost:9090", WithWorkloadAPI(a.address), withSurroundings(newFakeClock().surroundings()))
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
