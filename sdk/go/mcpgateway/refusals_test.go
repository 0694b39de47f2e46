package mcpgateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// shapes are the ways in which a refusal arrives.
var shapes = map[string]func(http.ResponseWriter, seen, string){
	"with its status": func(w http.ResponseWriter, was seen, code string) {
		sendJSON(w, codes[code].status, rpcText(was.id, code))
	},
	"flat": func(w http.ResponseWriter, was seen, code string) {
		flat := strings.TrimSuffix(rpcText(was.id, code), "}") + "," + strings.TrimPrefix(refusalText(code, `,"details":{"secret":"SAID"}`), "{")
		sendJSON(w, codes[code].status, flat)
	},
	"flat, without data": func(w http.ResponseWriter, was seen, code string) {
		flat := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"m"},`, was.id, codes[code].status) + strings.TrimPrefix(refusalText(code, `,"details":{"secret":"SAID"}`), "{")
		sendJSON(w, codes[code].status, flat)
	},
	"the envelope alone": func(w http.ResponseWriter, _ seen, code string) {
		sendJSON(w, codes[code].status, refusalText(code, `,"details":{"secret":"SAID"}`))
	},
	"in an answer of 200": func(w http.ResponseWriter, was seen, code string) {
		sendJSON(w, http.StatusOK, rpcText(was.id, code))
	},
	"in a stream": func(w http.ResponseWriter, was seen, code string) {
		startStream(w)
		sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}`)
		sendEvent(w, rpcText(was.id, code))
	},
	"to no id": func(w http.ResponseWriter, _ seen, code string) {
		sendJSON(w, codes[code].status, rpcText("null", code))
	},
}

func rpcText(id, code string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"m","data":%s}}`, id, codes[code].status, refusalText(code, `,"details":{"secret":"SAID"}`))
}

func TestEveryCodeInEveryShapeIsAnErrorOfItsFamily(t *testing.T) {
	code, shape := "", ""
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) { shapes[shape](w, was, code) })
	client := newTestClient(t, newFakeClock(), s.URL, WithMaxRetries(0))
	for code = range codes {
		for shape = range shapes {
			_, err := client.CallTool(context.Background(), "t", nil)
			row := codes[code]
			var refusal *GatewayError
			if !errors.As(err, &refusal) {
				t.Fatalf("%s %s: %v", code, shape, err)
			}
			family := row.family
			if code == sessionNotFound {
				family = "SessionExpiredError"
			}
			name := code + " " + shape
			check(t, name+": type", reflect.TypeOf(err).Elem().Name(), family)
			check(t, name+": code", refusal.Code, code)
			check(t, name+": step", refusal.Step, row.step)
			check(t, name+": middleware", refusal.Middleware, row.middleware)
			check(t, name+": message", refusal.Message, "Refused for a reason.")
			check(t, name+": decision", refusal.DecisionID, "d-1")
			check(t, name+": trace", refusal.TraceID, testTrace)
			check(t, name+": remediation", refusal.Remediation, "Do something else.")
			check(t, name+": docs", refusal.DocsURL, "docs/error-codes.md#"+code)
			check(t, name+": table status", refusal.tableStatus(), row.status)
			if text := fmt.Sprintf("%v %+v %#v %s %#v", err, err, err, err, refusal); strings.Contains(text, "SAID") || !strings.Contains(text, code) {
				t.Errorf("%s shows %s", name, text)
			}
		}
	}
	var admission *AdmissionError
	code, shape = sessionNotFound, "flat"
	if _, err := client.CallTool(context.Background(), "t", nil); !errors.As(err, &admission) {
		t.Errorf("a lost session is no AdmissionError: %v", err)
	}
}

func TestARefusalSaysCodeMessageRemedyAndDecision(t *testing.T) {
	for want, refusal := range map[string]*GatewayError{
		"mcpgateway: authz_policy_denied (step 6, opa_policy): No. [no_rule] -> Add a rule. (decision d-1)": {
			Code: "authz_policy_denied", Middleware: "opa_policy", Step: 6, Message: "No.", ReasonCode: "no_rule", Remediation: "Add a\nrule.", DecisionID: "d-1",
		},
		"mcpgateway: later: No.": {Code: "later", Message: "No."},
		"mcpgateway: stepup_approval_required (step 9, step_up_gating): No. (decision d-1)": {
			Code: approvalCode, Middleware: "step_up_gating", Step: 9, Message: "No.", Remediation: "Run: agw approvals approve apr-1", DecisionID: "d-1",
		},
	} {
		check(t, "error", refusal.Error(), want)
	}
}

func TestACodeOfANewerGateway(t *testing.T) {
	text := ""
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendJSON(w, http.StatusOK, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":403,"message":"m","data":%s}}`, was.id, text))
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	for said, want := range map[string]string{
		`{"code":"dlp_new","message":"m","middleware_step":7,"decision_id":"d"}`: "DLPViolationError",
		`{"code":"later","message":"m","middleware_step":99,"decision_id":"d"}`:  "GatewayError",
		`{"code":"later","message":"m","decision_id":"d"}`:                       "GatewayError",
		`{"code":"later","message":"m","middleware_step":7}`:                     "ProtocolError",
		`{"code":7,"decision_id":"d"}`:                                           "ProtocolError",
		`"text"`:                                                                 "ProtocolError",
		`null`:                                                                   "ProtocolError",
		`{"code":"authz_policy_denied","message":"m","decision_id":"d"}`:         "AuthorizationError",
	} {
		text = said
		_, err := client.CallTool(context.Background(), "t", nil)
		check(t, said, reflect.TypeOf(err).Elem().Name(), want)
	}
}

func TestAnErrorOfTheToolServer(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendJSON(w, http.StatusOK, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"query is missing","data":{"argument":"DATA"}}}`, was.id))
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	_, err := client.CallTool(context.Background(), "t", nil)
	var protocol *ProtocolError
	if !errors.As(err, &protocol) {
		t.Fatal(err)
	}
	check(t, "code", protocol.RPCCode, -32602)
	check(t, "message", protocol.Message, "query is missing")
	check(t, "data", string(protocol.Data), `{"argument":"DATA"}`)
	check(t, "requests", len(s.seen()), 1)
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "DATA") {
		t.Error("the data are shown")
	}
}

func TestAMethodThatNobodyHasEndsNoSession(t *testing.T) {
	s := startServer(t, inSession(func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendJSON(w, http.StatusNotFound, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}`, was.id))
	}))
	session, err := newTestClient(t, newFakeClock(), s.URL).Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Request(context.Background(), "x/y", nil)
	var protocol *ProtocolError
	if !errors.As(err, &protocol) || protocol.RPCCode != rpcMethodNotFound {
		t.Error(err)
	}
}

func TestWhatIsNoMCPIsATransportError(t *testing.T) {
	for name, answer := range map[string]script{
		"a page": func(w http.ResponseWriter, _ *http.Request, _ seen) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<h1>Bad gateway</h1>")
		},
		"JSON of another kind": func(w http.ResponseWriter, _ *http.Request, _ seen) { sendJSON(w, 502, `{"error":"bad"}`) },
		"broken JSON":          func(w http.ResponseWriter, _ *http.Request, _ seen) { sendJSON(w, 502, `{"jsonrpc":`) },
		"the answer to another": func(w http.ResponseWriter, _ *http.Request, _ seen) {
			sendJSON(w, 502, `{"jsonrpc":"2.0","id":77,"result":{}}`)
		},
		"an id of another type": func(w http.ResponseWriter, _ *http.Request, _ seen) {
			sendJSON(w, 502, `{"jsonrpc":"2.0","id":"1","result":{}}`)
		},
		"nothing": func(w http.ResponseWriter, _ *http.Request, _ seen) { w.WriteHeader(502) },
	} {
		s := startServer(t, answer)
		client := newTestClient(t, newFakeClock(), s.URL)
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || !fault.MayHaveRun || fault.HTTPStatus != 502 || len(s.seen()) != 1 {
			t.Errorf("%s: %v after %d requests", name, err, len(s.seen()))
			continue
		}
		if name == "JSON of another kind" && !strings.Contains(err.Error(), "no MCP: HTTP 502") {
			t.Errorf("JSON of another kind: %v", err)
		}
		if name == "a page" && (fault.ContentType != "text/html; charset=utf-8" || !strings.Contains(err.Error(), "502") || !strings.Contains(err.Error(), "text/html")) {
			t.Errorf("a page: %v", err)
		}
	}
}

func TestAResultOfAnotherShapeIsATransportError(t *testing.T) {
	for _, result := range []string{`{"content":"text"}`, `[]`, `7`} {
		s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) { sendResult(w, was, result) })
		client := newTestClient(t, newFakeClock(), s.URL)
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || !fault.MayHaveRun {
			t.Errorf("%s: %v", result, err)
		}
		if _, err := client.ListTools(context.Background()); !errors.As(err, &fault) {
			t.Errorf("%s: %v", result, err)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := startServer(t, says("stolen"))
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, _ seen) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	for name, options := range map[string][]Option{"own": nil, "the caller's": {WithHTTPClient(&http.Client{})}} {
		client := newTestClient(t, newFakeClock(), s.URL, options...)
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || fault.HTTPStatus != http.StatusTemporaryRedirect {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, "requests elsewhere", len(elsewhere.seen()), 0)
}

func TestAnswersAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for name, answer := range map[string]script{
		"JSON": says(long),
		"an event": func(w http.ResponseWriter, _ *http.Request, was seen) {
			startStream(w)
			sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%q}]}}`, was.id, long))
		},
		"an event of many lines": func(w http.ResponseWriter, _ *http.Request, _ seen) {
			startStream(w)
			_, _ = io.WriteString(w, strings.Repeat("data: 1\n", 500)+"\n")
		},
	} {
		s := startServer(t, answer)
		client := newTestClient(t, newFakeClock(), s.URL, WithMaxAnswerBytes(900))
		_, err := client.CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || !strings.Contains(fault.Message, "larger") || !fault.MayHaveRun {
			t.Errorf("%s: %v", name, err)
		}
		client = newTestClient(t, newFakeClock(), s.URL, WithMaxAnswerBytes(1200))
		for _, client := range []*Client{client, newTestClient(t, newFakeClock(), s.URL, WithMaxAnswerBytes(math.MaxInt64))} {
			if _, err := client.CallTool(context.Background(), "t", nil); name != "an event of many lines" && err != nil {
				t.Errorf("%s that fits: %v", name, err)
			}
		}
	}
}

func TestRetryAfterIsReadInBothFormsAndFromTheBody(t *testing.T) {
	clock := newFakeClock()
	for name, answer := range map[string]script{
		"seconds": refuses("ratelimit_exceeded", "", "Retry-After", "7"),
		"a date":  refuses("ratelimit_exceeded", "", "Retry-After", clock.at.Add(7*time.Second).Format(http.TimeFormat)),
		"details": refuses("ratelimit_exceeded", `,"details":{"retry_after_seconds":7}`),
		"member":  refuses("ratelimit_exceeded", `,"retry_after":7`, "Retry-After", "3"),
		"both":    refuses("ratelimit_exceeded", `,"retry_after":3,"details":{"retry_after_seconds":7}`, "Retry-After", "5"),
	} {
		s := startServer(t, answer)
		client := newTestClient(t, clock, s.URL, WithMaxRetries(0))
		_, err := client.CallTool(context.Background(), "t", nil)
		var limit *RateLimitError
		if !errors.As(err, &limit) || limit.RetryAfter == nil || *limit.RetryAfter != 7*time.Second {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, said := range []string{"0", clock.at.Add(-time.Hour).Format(http.TimeFormat)} {
		if got := retryAfterOf(http.Header{"Retry-After": {said}}, clock.at); got == nil || *got != 0 {
			t.Errorf("%q is %v", said, got)
		}
	}
	for _, said := range []string{"10000000000", "99999999999999999999"} {
		if got := retryAfterOf(http.Header{"Retry-After": {said}}, clock.at); got == nil || *got <= pauseMax {
			t.Errorf("%q is %v", said, got)
		}
	}
	for _, said := range []string{"", "-1", "soon", "1e3"} {
		if got := retryAfterOf(http.Header{"Retry-After": {said}}, clock.at); got != nil {
			t.Errorf("%q is %v", said, got)
		}
	}
}

func TestAPeersTextFitsOneLine(t *testing.T) {
	text := shown("a\r\nb\x1b[31m\u2028c\xff" + strings.Repeat("ü", 1000))
	check(t, "a reference", shown("no $SPIKE{ref:a,scope:b} here, nor $SPIKE{ref:c"), "no $SPIKE{…} here, nor $SPIKE{…}")
	if strings.ContainsAny(text, "\r\n\x1b\u2028") || !utf8.ValidString(text) || len(text) > 510 || !strings.HasSuffix(text, "…") {
		t.Errorf("%q", text)
	}
}
