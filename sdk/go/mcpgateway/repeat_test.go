package mcpgateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestWhatTheGatewayRefusedBeforeAnythingRanIsRepeated(t *testing.T) {
	for code, row := range codes {
		s := startServer(t, inOrder(refuses(code, ""), says("done")))
		client := newTestClient(t, newFakeClock(), s.URL)
		_, err := client.CallTool(context.Background(), "t", nil)
		repeats := row.status == 503 || row.status == 429
		if (err == nil) != repeats || len(s.seen()) != map[bool]int{true: 2, false: 1}[repeats] {
			t.Errorf("%s (%d): %v after %d requests", code, row.status, err, len(s.seen()))
		}
	}
}

func TestARefusalBehindTheToolServerIsNotRepeatedWhateverItsStatus(t *testing.T) {
	for said, requests := range map[string]int{`"middleware_step":0,`: 2, `"middleware_step":12,`: 2, `"middleware_step":13,`: 1, `"middleware_step":99,`: 1, "": 1} {
		s := startServer(t, inOrder(func(w http.ResponseWriter, _ *http.Request, was seen) {
			sendJSON(w, 200, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":503,"message":"m","data":{"code":"later","message":"m",%s"decision_id":"d"}}}`, was.id, said))
		}, says("done")))
		_, _ = newTestClient(t, newFakeClock(), s.URL).CallTool(context.Background(), "t", nil)
		check(t, "requests with "+said, len(s.seen()), requests)
	}
}

func TestARepetitionSaysTheSameUnderANewID(t *testing.T) {
	s := startServer(t, inOrder(refuses("circuit_open", ""), says("done")))
	client := newTestClient(t, newFakeClock(), s.URL)
	if _, err := client.CallTool(context.Background(), "t", map[string]any{"b": 1, "a": []any{1.5, "x"}}); err != nil {
		t.Fatal(err)
	}
	first, second := s.seen()[0], s.seen()[1]
	check(t, "params", string(second.body["params"]), string(first.body["params"]))
	check(t, "ids", first.id+second.id, "12")
	check(t, "trace", second.header.Get("traceparent"), first.header.Get("traceparent"))
}

func TestPauses(t *testing.T) {
	for name, trial := range map[string]struct {
		jitter float64
		base   time.Duration
		after  string
		want   []time.Duration
	}{
		"doubling":                       {1, time.Second, "", []time.Duration{1 * time.Second, 2 * time.Second, 4 * time.Second}},
		"with jitter":                    {0.5, time.Second, "", []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second}},
		"at least what the gateway says": {0.5, time.Second, "2", []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}},
		"no pause":                       {1, 0, "", []time.Duration{0, 0, 0}},
		"bounded":                        {1, 50 * time.Second, "", []time.Duration{50 * time.Second, time.Minute, time.Minute}},
		"bounded, whatever is said":      {0, time.Second, "3000", []time.Duration{time.Minute, time.Minute, time.Minute}},
	} {
		clock := newFakeClock()
		clock.jitter = trial.jitter
		s := startServer(t, refuses("gateway_overloaded", "", "Retry-After", trial.after))
		client := newTestClient(t, clock, s.URL, WithBackoffBase(trial.base), WithTimeout(time.Hour))
		_, err := client.CallTool(context.Background(), "t", nil)
		var refusal *AdmissionError
		if !errors.As(err, &refusal) || fmt.Sprint(clock.pauses) != fmt.Sprint(trial.want) || len(s.seen()) != 4 {
			t.Errorf("%s: %v, pauses %v, %d requests", name, err, clock.pauses, len(s.seen()))
		}
	}
}

func TestAPauseThatOutlastsTheCallIsNotMade(t *testing.T) {
	s := startServer(t, refuses("ratelimit_exceeded", "", "Retry-After", "30"))
	clock := newFakeClock()
	client := newTestClient(t, clock, s.URL, WithTimeout(29*time.Second))
	_, err := client.CallTool(context.Background(), "t", nil)
	var limit *RateLimitError
	if !errors.As(err, &limit) || len(clock.pauses) != 0 {
		t.Errorf("%v, pauses %v", err, clock.pauses)
	}
	// Of a context, too: its deadline is real time, so the client's clock is.
	real, err := NewClient(s.URL, WithTimeout(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = real.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := real.CallTool(ctx, "t", nil); !errors.As(err, &limit) {
		t.Error(err)
	}
}

func TestHowOftenIsTheCallersToSay(t *testing.T) {
	for _, count := range []int{0, 1, 5} {
		s := startServer(t, refuses("gateway_overloaded", ""))
		client := newTestClient(t, newFakeClock(), s.URL, WithMaxRetries(count), WithBackoffBase(0))
		_, _ = client.CallTool(context.Background(), "t", nil)
		check(t, "requests", len(s.seen()), count+1)
	}
}

// cuts the connection at some point.
func cuts(_ http.ResponseWriter, _ *http.Request, _ seen) { panic(http.ErrAbortHandler) }

func cutsTheStream(w http.ResponseWriter, _ *http.Request, _ seen) {
	startStream(w)
	panic(http.ErrAbortHandler)
}

func bare(status int) script {
	return func(w http.ResponseWriter, _ *http.Request, _ seen) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no")
	}
}

func TestWhatMayHaveRunIsRepeatedOnlyIfThatDoesNoHarm(t *testing.T) {
	for name, trial := range map[string]struct {
		first       script
		ifHarmless  bool
		pausesLeast time.Duration
	}{
		"a lost connection":        {cuts, true, 0},
		"a stream that breaks off": {cutsTheStream, true, 0},
		"a stream that only ends":  {func(w http.ResponseWriter, _ *http.Request, _ seen) { startStream(w) }, true, 0},
		"503 of something before":  {bare(503), true, 2 * time.Second},
		"429 of something before":  {bare(429), true, 2 * time.Second},
		"502":                      {bare(502), false, 0},
		"504":                      {bare(504), false, 0},
		"a page":                   {bare(200), false, 0},
		"mcp_timeout":              {refuses("mcp_timeout", ""), false, 0},
		"an error of the tool's own": {func(w http.ResponseWriter, _ *http.Request, was seen) {
			sendJSON(w, 503, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32000,"message":"m"}}`, was.id))
		}, false, 0},
	} {
		for _, idempotent := range []bool{false, true} {
			s := startServer(t, inOrder(trial.first, says("done")))
			clock := newFakeClock()
			client := newTestClient(t, clock, s.URL)
			var options []CallOption
			if idempotent {
				options = append(options, WithIdempotent())
			}
			_, err := client.CallTool(context.Background(), "t", nil, options...)
			want := idempotent && trial.ifHarmless
			if (err == nil) != want || len(s.seen()) != map[bool]int{true: 2, false: 1}[want] {
				t.Errorf("%s, idempotent %v: %v after %d requests", name, idempotent, err, len(s.seen()))
			}
			if want && clock.pauses[0] < trial.pausesLeast {
				t.Errorf("%s: pause %v", name, clock.pauses[0])
			}
			var fault *TransportError
			if !want && errors.As(err, &fault) && !fault.MayHaveRun {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestWhatAnEarlierAttemptMayHaveRunIsNotForgotten(t *testing.T) {
	for name, meanwhile := range map[string]func(*server, context.CancelFunc){
		"the gateway goes away": func(s *server, _ context.CancelFunc) { _ = s.Listener.Close() },
		"the caller gives up":   func(_ *server, cancel context.CancelFunc) { cancel() },
	} {
		s, clock := startServer(t, cuts), newFakeClock()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		clock.onWait = func() { meanwhile(s, cancel) }
		_, err := newTestClient(t, clock, s.URL).CallTool(ctx, "t", nil, WithIdempotent())
		if !mayHaveRun(err, false) || len(s.seen()) != 1 {
			t.Errorf("%s: %v after %d requests", name, err, len(s.seen()))
		}
	}
}

func TestWhereNobodyListensNothingHasRun(t *testing.T) {
	s := startServer(t, says(""))
	s.Close()
	clock := newFakeClock()
	client := newTestClient(t, clock, s.URL)
	_, err := client.CallTool(context.Background(), "t", nil)
	var fault *TransportError
	if !errors.As(err, &fault) || fault.MayHaveRun || fault.HTTPStatus != 0 || len(clock.pauses) != 0 {
		t.Errorf("%v, pauses %v", err, clock.pauses)
	}
	if _, err = client.CallTool(context.Background(), "t", nil, WithIdempotent()); !errors.As(err, &fault) || len(clock.pauses) != DefaultMaxRetries {
		t.Errorf("idempotent: %v, pauses %v", err, clock.pauses)
	}
}

// breaks at its n-th write: package net/http writes the headers first, and then the body.
type breaks struct {
	net.Conn
	at *int
}

func (b breaks) Write(text []byte) (int, error) {
	if *b.at--; *b.at == 0 {
		return 0, errors.New("broken pipe")
	}
	return b.Conn.Write(text)
}

func TestWhatCouldNotBeWrittenHasNotRun(t *testing.T) {
	for _, at := range []int{1, 2} {
		s := startServer(t, says("done"))
		left := at
		transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			connection, err := new(net.Dialer).DialContext(ctx, network, address)
			return breaks{connection, &left}, err
		}}
		_, err := newTestClient(t, newFakeClock(), s.URL, WithHTTPClient(&http.Client{Transport: transport})).CallTool(context.Background(), "t", nil)
		var fault *TransportError
		if !errors.As(err, &fault) || fault.MayHaveRun || len(s.seen()) != 0 || left != 0 {
			t.Errorf("write %d: %v after %d requests", at, err, len(s.seen()))
		}
	}
}

func pending(id string) script {
	return refuses(approvalCode, fmt.Sprintf(`,"remediation":"Run: agw approvals approve %s","details":{"request_id":%q,"command":"agw approvals approve %s","expires_at":"2026-11-29T06:00:00.000Z"}`, id, id, id), "Retry-After", "5")
}

func TestWaitingForAPerson(t *testing.T) {
	for name, trial := range map[string]struct {
		answers  []script
		want     string
		requests int
		pauses   int
	}{
		"approved":        {[]script{pending("apr-1"), pending("apr-1"), says("done")}, "", 3, 2},
		"denied":          {[]script{pending("apr-1"), refuses("stepup_denied", "")}, "stepup_denied", 2, 1},
		"expired":         {[]script{pending("apr-1"), pending("apr-2")}, approvalCode, 2, 1},
		"refused":         {[]script{refuses("authz_policy_denied", "")}, "authz_policy_denied", 1, 0},
		"nameless":        {[]script{refuses(approvalCode, "")}, approvalCode, 1, 0},
		"busy in between": {[]script{pending("apr-1"), refuses("gateway_overloaded", ""), says("done")}, "", 3, 2},
	} {
		s := startServer(t, inOrder(trial.answers...))
		clock := newFakeClock()
		var asked []ApprovalRequest
		client := newTestClient(t, clock, s.URL, WithWaitForApproval(time.Minute), WithApprovalRequested(func(a ApprovalRequest) { asked = append(asked, a) }))
		result, err := client.CallTool(context.Background(), "t", map[string]any{"a": 1})
		var refusal *GatewayError
		if errors.As(err, &refusal) != (trial.want != "") || (refusal != nil && refusal.Code != trial.want) {
			t.Errorf("%s: %v %v", name, result, err)
		}
		var undecided *ApprovalTimeoutError
		if errors.As(err, &undecided) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.seen()) != trial.requests || len(clock.pauses) != trial.pauses {
			t.Errorf("%s: %d requests, pauses %v", name, len(s.seen()), clock.pauses)
		}
		for _, was := range s.seen() {
			check(t, name+": params", string(was.body["params"]), string(s.seen()[0].body["params"]))
		}
		if trial.pauses > 0 && (len(asked) != 1 || asked[0] != ApprovalRequest{"apr-1", "agw approvals approve apr-1", "2026-11-29T06:00:00.000Z"} || clock.pauses[0] != 5*time.Second) {
			t.Errorf("%s: asked %v, pauses %v", name, asked, clock.pauses)
		}
	}
}

func TestAWaitThatNobodyEnds(t *testing.T) {
	s := startServer(t, pending("apr-1"))
	clock := newFakeClock()
	client := newTestClient(t, clock, s.URL)
	_, err := client.CallTool(context.Background(), "t", nil, WithWaitForApproval(12*time.Second), WithTimeout(3*time.Second))
	var undecided *ApprovalTimeoutError
	var stepUp *StepUpError
	var refusal *GatewayError
	if !errors.As(err, &undecided) || !errors.As(err, &stepUp) || !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	check(t, "request", undecided.RequestID, "apr-1")
	check(t, "command", undecided.Command, "agw approvals approve apr-1")
	check(t, "code", refusal.Code, approvalCode)
	check(t, "pauses", fmt.Sprint(clock.pauses), "[5s 5s 2s]")
	check(t, "requests", len(s.seen()), 4)
	if text := fmt.Sprintf("%v %#v %v %#v", err, err, refusal, refusal); strings.Contains(text, "agw approvals") {
		t.Errorf("the command that approves the call is shown: %s", text)
	}
}

func TestAWaitOfNoTimeIsNoHotLoop(t *testing.T) {
	again := refuses(approvalCode, `,"details":{"request_id":"apr-1"}`, "Retry-After", "0")
	s := startServer(t, inOrder(again, again, says("done")))
	clock := newFakeClock()
	if _, err := newTestClient(t, clock, s.URL).CallTool(context.Background(), "t", nil, WithWaitForApproval(time.Minute)); err != nil {
		t.Error(err)
	}
	check(t, "pauses", fmt.Sprint(clock.pauses), "[100ms 100ms]")
	silent := startServer(t, inOrder(refuses(approvalCode, `,"details":{"request_id":"apr-1"}`), says("done")))
	clock = newFakeClock()
	if _, err := newTestClient(t, clock, silent.URL).CallTool(context.Background(), "t", nil, WithWaitForApproval(time.Minute)); err != nil {
		t.Error(err)
	}
	check(t, "pauses that nobody names", fmt.Sprint(clock.pauses), "[5s]")
}

func TestWithoutTheOptionNobodyIsWaitedFor(t *testing.T) {
	s := startServer(t, pending("apr-1"))
	clock := newFakeClock()
	client := newTestClient(t, clock, s.URL)
	_, err := client.CallTool(context.Background(), "t", nil)
	var stepUp *StepUpError
	if !errors.As(err, &stepUp) || len(clock.pauses) != 0 {
		t.Errorf("%v, pauses %v", err, clock.pauses)
	}
	_, err = newTestClient(t, clock, s.URL, WithWaitForApproval(time.Minute)).CallTool(context.Background(), "t", nil, WithWaitForApproval(0))
	if !errors.As(err, &stepUp) || len(clock.pauses) != 0 {
		t.Errorf("%v, pauses %v", err, clock.pauses)
	}
}

func TestAPauseEndsWithItsContext(t *testing.T) {
	for name, options := range map[string][]CallOption{"a retry": nil, "an approval": {WithWaitForApproval(time.Hour)}} {
		answer := refuses("gateway_overloaded", "")
		if options != nil {
			answer = pending("apr-1")
		}
		s := startServer(t, answer)
		clock := newFakeClock()
		ctx, cancel := context.WithCancelCause(context.Background())
		reason := errors.New("enough")
		clock.onWait = func() { cancel(reason) }
		client := newTestClient(t, clock, s.URL)
		_, err := client.CallTool(ctx, "t", nil, options...)
		var canceled *CanceledError
		if !errors.As(err, &canceled) || canceled.MayHaveRun || !errors.Is(err, context.Canceled) || !errors.Is(err, reason) || len(s.seen()) != 1 {
			t.Errorf("%s: %v after %d requests", name, err, len(s.seen()))
		}
	}
}
