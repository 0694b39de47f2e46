package mcpgateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const gatewayID = "spiffe://poc.local/gateway"

var silent = log.New(io.Discard, "", 0)

func callsAs(t *testing.T, client *Client) string {
	t.Helper()
	result, err := client.CallTool(context.Background(), "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	return result.Text()
}

func TestCertificateFilesAreShownAndReadAgainWhenTheyChange(t *testing.T) {
	ca := newAuthority(t)
	s := startTLS(t, ca.svid("", "127.0.0.1"), ca.pool())
	folder := t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	writeFolder(t, folder, ca.svid(caller+"/one"), ca.cert, at)
	in := func(name string) string { return filepath.Join(folder, name) }
	clients := map[string]*Client{}
	options := []Option{WithCertificateFiles(in("svid.pem"), in("svid_key.pem")), WithCAFile(in("bundle.pem"))}
	clients["argument"] = newTestClient(t, newFakeClock(), s.URL, options...)
	env := newFakeClock()
	env.env = map[string]string{"PRECINCT_CERT_FILE": in("svid.pem"), "PRECINCT_KEY_FILE": in("svid_key.pem"), "PRECINCT_CA_FILE": in("bundle.pem")}
	clients["environment"] = newTestClient(t, env, s.URL)
	files := newFakeClock()
	files.env = map[string]string{"PRECINCT_SVID_DIR": folder}
	clients["files"] = newTestClient(t, files, s.URL)
	for source, client := range clients {
		check(t, source, client.Identity(), Identity{IdentitySource(source), caller + "/one"})
		check(t, source+" shows", callsAs(t, client), caller+"/one")
	}
	writeFolder(t, folder, ca.svid(caller+"/two"), ca.cert, at.Add(time.Minute))
	for source, client := range clients {
		check(t, source+", replaced", callsAs(t, client), caller+"/two")
		check(t, source+" says", client.Identity().SPIFFEID, caller+"/two")
	}
	// Half of a replacement: a certificate that does not belong to the key.
	torn := ca.svid(caller + "/torn")
	torn.PrivateKey = ca.svid(caller).PrivateKey
	writeFolder(t, folder, torn, ca.cert, at.Add(2*time.Minute))
	for source, client := range clients {
		check(t, source+", torn", callsAs(t, client), caller+"/two")
	}
}

func TestABusyConnectionIsNotUsedAgainOnceItsCertificateWasReplaced(t *testing.T) {
	ca := newAuthority(t)
	s := startTLS(t, ca.svid("", "127.0.0.1"), ca.pool())
	begun, free := make(chan struct{}), make(chan struct{})
	answering := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Name") == "slow" {
			close(begun)
			<-free
		}
		answering.ServeHTTP(w, r)
	})
	folder := t.TempDir()
	at := time.Unix(1_700_000_000, 0)
	writeFolder(t, folder, ca.svid(caller+"/one"), ca.cert, at)
	clock := newFakeClock()
	clock.env = map[string]string{"PRECINCT_SVID_DIR": folder}
	client := newTestClient(t, clock, s.URL)
	slow := make(chan error)
	go func() {
		_, err := client.CallTool(context.Background(), "slow", nil)
		slow <- err
	}()
	<-begun
	writeFolder(t, folder, ca.svid(caller+"/two"), ca.cert, at.Add(time.Minute))
	check(t, "while it is busy", callsAs(t, client), caller+"/two")
	close(free)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	check(t, "afterwards", callsAs(t, client), caller+"/two")
}

func TestWhoTheGatewayMustBe(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	folder, foreign := t.TempDir(), t.TempDir()
	writeFolder(t, folder, ca.svid(caller), ca.cert, time.Unix(1_700_000_000, 0))
	writeFolder(t, foreign, ca.svid(caller), other.cert, time.Unix(1_700_000_000, 0))
	bundle, foreignBundle := WithCAFile(filepath.Join(folder, "bundle.pem")), WithCAFile(filepath.Join(foreign, "bundle.pem"))
	byHost := startTLS(t, ca.svid("", "127.0.0.1"), ca.pool())
	byID := startTLS(t, ca.svid(gatewayID), ca.pool())
	between := newAuthority(t, ca)
	chain := between.svid("", "127.0.0.1")
	chain.Certificate = append(chain.Certificate, between.cert.Raw)
	byChain := startTLS(t, chain, ca.pool())
	byTwo := startTLS(t, ca.svid(gatewayID, gatewayID+"/other"), ca.pool())
	for name, trial := range map[string]struct {
		url     string
		options []Option
		ok      bool
	}{
		"its host":                         {byHost.URL, []Option{bundle}, true},
		"its host, by an intermediate":     {byChain.URL, []Option{bundle}, true},
		"another host":                     {strings.Replace(byHost.URL, "127.0.0.1", "localhost", 1), []Option{bundle}, false},
		"another authority":                {byHost.URL, []Option{foreignBundle}, false},
		"the system's authorities":         {byHost.URL, nil, false},
		"its SPIFFE ID":                    {byID.URL, []Option{bundle, WithGatewaySPIFFEID(gatewayID)}, true},
		"its SPIFFE ID, no authority":      {byID.URL, []Option{WithGatewaySPIFFEID(gatewayID)}, false},
		"its SPIFFE ID, another authority": {byID.URL, []Option{foreignBundle, WithGatewaySPIFFEID(gatewayID)}, false},
		"another SPIFFE ID":                {byID.URL, []Option{bundle, WithGatewaySPIFFEID(gatewayID + "/other")}, false},
		"its SPIFFE ID and another":        {byTwo.URL, []Option{bundle, WithGatewaySPIFFEID(gatewayID)}, false},
		"a SPIFFE ID that it lacks":        {byHost.URL, []Option{bundle, WithGatewaySPIFFEID(gatewayID)}, false},
		"a host that it lacks":             {byID.URL, []Option{bundle}, false},
	} {
		client := newTestClient(t, newFakeClock(), trial.url, append(trial.options, WithJWTSVID(tokenOf(caller)))...)
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if (err == nil) != trial.ok || (err != nil && (!errors.As(err, &fault) || fault.MayHaveRun)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for s, requests := range map[*server]int{byHost: 1, byID: 1, byChain: 1, byTwo: 0} {
		check(t, "requests", len(s.seen()), requests)
	}
}
