package mcpgateway

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func tokenOf(subject string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"none"}`) + "." + part(`{"sub":"`+subject+`"}`) + "." + part("SIGNED")
}

func TestWhereAnIdentityComesFrom(t *testing.T) {
	folder := t.TempDir()
	tokenPath := filepath.Join(folder, "token")
	if err := os.WriteFile(tokenPath, []byte(tokenOf(caller+"/file")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"PRECINCT_SPIFFE_ID": caller + "/env", "PRECINCT_JWT_SVID": tokenOf(caller + "/env-token"), "PRECINCT_JWT_FILE": tokenPath}
	s := startServer(t, says(""))
	for name, trial := range map[string]struct {
		unset   []string
		options []Option
		want    Identity
		header  string
	}{
		"argument":           {nil, []Option{WithSPIFFEID(caller)}, Identity{IdentityArgument, caller}, "X-Spiffe-Id"},
		"argument, token":    {nil, []Option{WithJWTSVID(tokenOf(caller))}, Identity{IdentityArgument, caller}, "Authorization"},
		"argument, source":   {nil, []Option{WithJWTSVIDSource(func(context.Context) (string, error) { return tokenOf(caller), nil })}, Identity{IdentityArgument, caller}, "Authorization"},
		"environment":        {[]string{"PRECINCT_JWT_SVID"}, nil, Identity{IdentityEnvironment, caller + "/env"}, "X-Spiffe-Id"},
		"environment, token": {nil, nil, Identity{IdentityEnvironment, caller + "/env-token"}, "Authorization"},
		"a file":             {[]string{"PRECINCT_SPIFFE_ID", "PRECINCT_JWT_SVID"}, nil, Identity{IdentityFiles, caller + "/file"}, "Authorization"},
		"none":               {[]string{"PRECINCT_SPIFFE_ID", "PRECINCT_JWT_SVID", "PRECINCT_JWT_FILE"}, nil, Identity{IdentityNone, ""}, ""},
	} {
		clock := newFakeClock()
		for key, value := range env {
			clock.env[key] = value
		}
		for _, key := range trial.unset {
			delete(clock.env, key)
		}
		clock.env["PRECINCT_GATEWAY_URL"] = s.URL
		client := newTestClient(t, clock, "", trial.options...)
		if name != "argument, source" { // which is not asked before it is needed
			check(t, name, client.Identity(), trial.want)
		}
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
		check(t, name+", after a call", client.Identity(), trial.want)
		all := s.seen()
		was := all[len(all)-1]
		for _, header := range []string{"X-Spiffe-Id", "Authorization"} {
			check(t, name+" sends "+header, was.header.Get(header) != "", header == trial.header)
		}
		if text := fmt.Sprintf("%v %+v %#v", client, client, client) + fmt.Sprintf("%v %+v", client.Identity(), client.Identity()); strings.Contains(text, tokenOf(trial.want.SPIFFEID)) {
			t.Errorf("%s shows its token: %s", name, text)
		}
	}
}

func TestATokenFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string, at time.Time) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, says(""))
	clock := newFakeClock()
	clock.env["PRECINCT_JWT_FILE"] = path
	write("one", clock.at)
	client := newTestClient(t, clock, s.URL)
	call := func() string {
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
		all := s.seen()
		return all[len(all)-1].header.Get("Authorization")
	}
	check(t, "first", call(), "Bearer one")
	write("two", clock.at.Add(time.Second))
	check(t, "changed", call(), "Bearer two")
	// Another file in its place, as old and as long.
	named := path
	path += ".new"
	write("six", clock.at.Add(time.Second))
	if err := os.Rename(path, named); err != nil {
		t.Fatal(err)
	}
	path = named
	check(t, "replaced", call(), "Bearer six")
	write("", clock.at.Add(2*time.Second))
	check(t, "empty", call(), "Bearer six")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	check(t, "gone", call(), "Bearer six")
	write("three", clock.at.Add(3*time.Second))
	check(t, "there again", call(), "Bearer three")
}

func TestASourceOfTokensThatFails(t *testing.T) {
	s := startServer(t, says(""))
	for name, source := range map[string]func(context.Context) (string, error){
		"with an error":  func(context.Context) (string, error) { return "", errors.New("SAID") },
		"with no token":  func(context.Context) (string, error) { return "SAID with blanks", nil },
		"with an inject": func(context.Context) (string, error) { return "SAID\r\nX-SPIFFE-ID: other", nil },
		"with nothing":   func(context.Context) (string, error) { return "", nil },
	} {
		client := newTestClient(t, newFakeClock(), s.URL, WithJWTSVIDSource(source))
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || fault.MayHaveRun || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "SAID") {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, "requests", len(s.seen()), 0)
}

func TestWhatIsRefusedWhenAClientIsMade(t *testing.T) {
	token := tokenOf(caller)
	folder := t.TempDir()
	garbage := filepath.Join(folder, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("SAID"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, trial := range map[string]struct {
		url     string
		options []Option
		env     map[string]string
	}{
		"no URL":                               {"://SAID", nil, nil},
		"no host":                              {"http://", nil, nil},
		"another scheme":                       {"ftp://SAID", nil, nil},
		"a password in the URL":                {"http://user:SAID@localhost:9090", nil, nil},
		"a fragment":                           {"http://localhost:9090/#SAID", nil, nil},
		"no SPIFFE ID":                         {"", []Option{WithSPIFFEID("SAID")}, nil},
		"an injecting SPIFFE ID":               {"", []Option{WithSPIFFEID(caller + "\r\nSAID: y")}, nil},
		"a SPIFFE ID without a path":           {"", []Option{WithSPIFFEID("spiffe://poc.local")}, nil},
		"a header to another machine":          {"http://gateway.example", []Option{WithSPIFFEID(caller)}, nil},
		"a token to another machine":           {"http://192.0.2.7:9090", []Option{WithJWTSVID(token)}, nil},
		"the environment's to another machine": {"http://gateway.example", nil, map[string]string{"PRECINCT_SPIFFE_ID": caller}},
		"a Workload API's to another machine":  {"http://gateway.example", nil, map[string]string{socketVariable: "unix:///nowhere/SAID.sock"}},
		"a look-alike of this machine":         {"http://localhost.example", []Option{WithSPIFFEID(caller)}, nil},
		"a header and a token":                 {"", []Option{WithSPIFFEID(caller), WithJWTSVID(token)}, nil},
		"two kinds of token":                   {"", []Option{WithJWTSVID(token), WithJWTSVIDSource(func(context.Context) (string, error) { return token, nil })}, nil},
		"a token with blanks":                  {"", []Option{WithJWTSVID("SAID it")}, nil},
		"a certificate without a key":          {"https://localhost", []Option{WithCertificateFiles(garbage, "")}, nil},
		"a certificate over http":              {"http://localhost", []Option{WithCertificateFiles(garbage, garbage)}, nil},
		"authorities over http":                {"http://localhost", []Option{WithCAFile(garbage)}, nil},
		"a certificate that is none":           {"https://localhost", []Option{WithCertificateFiles(garbage, garbage)}, nil},
		"a certificate that is not there":      {"https://localhost", []Option{WithCertificateFiles(folder+"/SAID", folder+"/SAID")}, nil},
		"authorities that are none":            {"https://localhost", []Option{WithCAFile(garbage)}, nil},
		"a certificate beside a client":        {"https://localhost", []Option{WithCertificateFiles(garbage, garbage), WithHTTPClient(http.DefaultClient)}, nil},
		"a gateway ID that is none":            {"https://localhost", []Option{WithGatewaySPIFFEID("SAID")}, nil},
		"half a certificate":                   {"https://localhost", nil, map[string]string{"PRECINCT_CERT_FILE": garbage}},
		"a token file that is not there":       {"", nil, map[string]string{"PRECINCT_JWT_FILE": folder + "/SAID"}},
		"a token file without a token":         {"", nil, map[string]string{"PRECINCT_JWT_FILE": garbage, "PRECINCT_JWT_SVID": "SAID it"}},
		"an SVID folder without an SVID":       {"https://localhost", nil, map[string]string{"PRECINCT_SVID_DIR": folder}},
		"a socket that is no address":          {"", []Option{WithWorkloadAPI("SAID")}, nil},
		"an era":                               {"", []Option{WithEra("SAID")}, nil},
		"no time":                              {"", []Option{WithTimeout(0)}, nil},
		"less than no retries":                 {"", []Option{WithMaxRetries(-1)}, nil},
		"less than no back-off":                {"", []Option{WithBackoffBase(-1)}, nil},
		"less than no wait":                    {"", []Option{WithWaitForApproval(-1)}, nil},
		"no bytes":                             {"", []Option{WithMaxAnswerBytes(0)}, nil},
	} {
		clock := newFakeClock()
		if trial.env != nil {
			clock.env = trial.env
		}
		client, err := NewClient(trial.url, append(trial.options, withSurroundings(clock.surroundings()))...)
		var fault *ConfigurationError
		if client != nil || !errors.As(err, &fault) {
			t.Errorf("%s: %v", name, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "SAID") || strings.Contains(text, token) {
			t.Errorf("%s shows what it was given: %s", name, text)
		}
	}
}

func TestThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "a.localhost": false, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"localhost.example": false, "127.0.0.1.example": false, "0.0.0.0": false, "10.0.0.1": false, "xlocalhost": false, "": false,
	} {
		check(t, host, isLoopback(host), want)
	}
}

func TestProxiesAreNotForThisMachine(t *testing.T) {
	for text, want := range map[string]bool{"http://localhost:9090": false, "http://[::1]:9090": false, "https://gateway.example": true} {
		target, err := readURL(text, os.Getenv)
		if err != nil {
			t.Fatal(err)
		}
		check(t, text, proxyFor(target) != nil, want)
	}
}

func TestTheDefaultURL(t *testing.T) {
	for given, want := range map[string]string{"": "http://localhost:9090/", "http://127.0.0.1:1": "http://127.0.0.1:1/", "https://a.example/mcp?x=1": "https://a.example/mcp?x=1"} {
		target, err := readURL(given, func(string) string { return "" })
		if err != nil || target.String() != want {
			t.Errorf("%q: %v %v", given, target, err)
		}
	}
}

func TestAClientOfTheCallersOwn(t *testing.T) {
	s := startServer(t, says("done"))
	used := 0
	own := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		used++
		return http.DefaultTransport.RoundTrip(r)
	})}
	clock := newFakeClock()
	clock.env["PRECINCT_CERT_FILE"], clock.env["PRECINCT_KEY_FILE"] = "nowhere", "nowhere"
	client := newTestClient(t, clock, s.URL, WithHTTPClient(own), WithSPIFFEID(caller))
	if _, err := client.CallTool(context.Background(), "t", nil); err != nil || used != 1 {
		t.Errorf("%v, used %d times", err, used)
	}
	if own.CheckRedirect != nil {
		t.Error("the caller's client was changed")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
