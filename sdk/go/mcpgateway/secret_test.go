package mcpgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSecretReferencesAreWrittenIntoArguments(t *testing.T) {
	for want, secret := range map[string]Secret{
		"$SPIKE{ref:db-password}":                     SecretRef("db-password"),
		"$SPIKE{ref:a.b_c,exp:60}":                    SecretRef("a.b_c", ExpiresIn(time.Minute)),
		"$SPIKE{ref:a,scope:vault.read}":              SecretRef("a", Scope("vault.read")),
		"$SPIKE{ref:a,exp:9000000000,scope:x:y/z<&>}": SecretRef("a", Scope("x:y/z<&>"), ExpiresIn(9_000_000_000*time.Second)), // a time.Duration holds no more
	} {
		s := startServer(t, says(""))
		client := newTestClient(t, newFakeClock(), s.URL)
		if _, err := client.CallTool(context.Background(), "t", map[string]any{"deep": []any{map[string]any{"password": secret}}}); err != nil {
			t.Fatal(err)
		}
		checkJSON(t, "arguments", s.seen()[0].param("arguments"), fmt.Sprintf(`{"deep":[{"password":"%s"}]}`, want))
	}
}

func TestReferencesThatTheGatewayCouldNotReadAreRefusedHere(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL)
	for name, secret := range map[string]Secret{
		"no ref":        SecretRef(""),
		"a blank":       SecretRef("SAID it"),
		"a brace":       SecretRef("SAID}"),
		"long":          SecretRef(strings.Repeat("x", 129)),
		"no time":       SecretRef("SAID", ExpiresIn(0)),
		"past":          SecretRef("SAID", ExpiresIn(-time.Second)),
		"half a second": SecretRef("SAID", ExpiresIn(1500*time.Millisecond)),
		"a comma":       SecretRef("SAID", Scope("a,b")),
		"a quote":       SecretRef("SAID", Scope(`a"b`)),
		"a long scope":  SecretRef("SAID", Scope(strings.Repeat("x", 257))),
		"nothing":       {},
	} {
		_, err := client.CallTool(context.Background(), "t", map[string]any{"password": secret})
		var fault *ConfigurationError
		if !errors.As(err, &fault) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "SAID") {
			t.Errorf("%s: %#v", name, err)
		}
	}
	check(t, "requests", len(s.seen()), 0)
}

func TestSecretReferencesAreNeverShown(t *testing.T) {
	secret := SecretRef("SAID", Scope("SCOPE"))
	values := []any{
		secret, &secret, []Secret{secret}, map[string]any{"a": secret}, map[string]Secret{"a": secret},
		struct{ Exported Secret }{secret}, struct{ hidden Secret }{secret}, &struct{ hidden []Secret }{[]Secret{secret}}, [1]Secret{secret},
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t", "%e", "%10.3v", "%T", "%p"} {
		for _, value := range values {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, "SAID") || strings.Contains(text, "SCOPE") || strings.Contains(text, fmt.Sprintf("%x", "SAID")) {
				t.Errorf("%s of %T shows %s", verb, value, text)
			}
		}
	}
	check(t, "text", secret.String()+fmt.Sprintf("%#v", secret), "SecretRef(…)SecretRef(…)")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", secret)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", secret)
	if strings.Contains(log.String(), "SAID") || strings.Count(log.String(), "SecretRef") != 2 {
		t.Error(log.String())
	}
	text, err := json.Marshal(secret)
	if err != nil || string(text) != `"$SPIKE{ref:SAID,scope:SCOPE}"` {
		t.Errorf("%s %v", text, err)
	}
}
