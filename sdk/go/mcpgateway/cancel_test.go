package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// hangs until the client goes away.
func hangs(arrived, left chan struct{}) script {
	return func(w http.ResponseWriter, r *http.Request, _ seen) {
		arrived <- struct{}{}
		<-r.Context().Done()
		left <- struct{}{}
	}
}

func TestACanceledCallClosesItsConnection(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{}, 1)
	s := startServer(t, hangs(arrived, left))
	client := newTestClient(t, newFakeClock(), s.URL)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := client.CallTool(ctx, "t", nil)
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !errors.Is(err, context.Canceled) || !canceled.MayHaveRun || canceled.TraceID == "" {
		t.Error(err)
	}
	<-left
}

func TestACallThatIsGivenUpWithinItsAnswerMayHaveRun(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, _ seen) {
		startStream(w)
		sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}`)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	_, err := newTestClient(t, newFakeClock(), s.URL).CallTool(ctx, "t", nil, WithLog(func(LogMessage) { cancel() }))
	var canceled *CanceledError
	if !errors.As(err, &canceled) || !canceled.MayHaveRun {
		t.Error(err)
	}
}

func TestACallWhoseCallerPanicsIsGivenUp(t *testing.T) {
	left, told := make(chan struct{}, 1), make(chan struct{}, 1)
	s := startServer(t, inSession(func(w http.ResponseWriter, r *http.Request, was seen) {
		if was.rpc == "notifications/cancelled" {
			told <- struct{}{}
			w.WriteHeader(http.StatusAccepted)
			return
		}
		startStream(w)
		sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info"}}`)
		<-r.Context().Done()
		left <- struct{}{}
	}))
	panics := func(stream iter.Seq2[Event, error]) {
		defer func() { check(t, "recovered", recover(), any("the caller's own")) }()
		for range stream {
			panic("the caller's own")
		}
	}
	client := newTestClient(t, newFakeClock(), s.URL)
	panics(client.StreamTool(context.Background(), "t", nil))
	<-left
	session, err := client.Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	panics(session.StreamTool(context.Background(), "t", nil))
	<-told
	<-left
	_ = session.Close()
}

func TestASessionWhoseOpeningPanicsIsOpenedByTheNextCall(t *testing.T) {
	s := startServer(t, inSession(says("done")))
	panics := true
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy), WithJWTSVIDSource(func(context.Context) (string, error) {
		if panics {
			panic("the caller's own")
		}
		return tokenOf(caller), nil
	}))
	func() {
		defer func() { check(t, "recovered", recover(), any("the caller's own")) }()
		_, _ = client.CallTool(context.Background(), "t", nil)
	}()
	panics = false
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // it would wait for ever
	defer cancel()
	if _, err := client.CallTool(ctx, "t", nil); err != nil {
		t.Error(err)
	}
}

func TestACallOutOfTimeClosesItsConnection(t *testing.T) {
	arrived, left := make(chan struct{}), make(chan struct{}, 1)
	s := startServer(t, hangs(arrived, left))
	clock := newFakeClock()
	client := newTestClient(t, clock, s.URL, WithTimeout(7*time.Second))
	go func() {
		<-arrived
		clock.advance(7 * time.Second)
	}()
	_, err := client.CallTool(context.Background(), "t", nil, WithIdempotent())
	var late *CallTimeoutError
	if !errors.As(err, &late) || !late.MayHaveRun || !errors.Is(err, context.DeadlineExceeded) || !late.Timeout() {
		t.Fatal(err)
	}
	check(t, "error", err.Error(), "mcpgateway: the call's time is over; it may have run; the record: agw audit explain "+late.TraceID)
	<-left
	check(t, "requests", len(s.seen()), 1)
}

func TestADeadlineOfTheContextIsATimeout(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL)
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	_, err := client.CallTool(ctx, "t", nil)
	var late *CallTimeoutError
	if !errors.As(err, &late) || late.MayHaveRun || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	check(t, "requests", len(s.seen()), 0)
}

func TestAConnectionThatIsNeverAnsweredHasNotRun(t *testing.T) {
	// A TLS handshake that nobody answers: nothing of the request goes out.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	clock := newFakeClock()
	client := newTestClient(t, clock, "https://"+listener.Addr().String())
	go func() {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = connection.Read(make([]byte, 1))
		clock.advance(DefaultTimeout)
		_ = connection.Close()
	}()
	_, err = client.CallTool(context.Background(), "t", nil)
	var late *CallTimeoutError
	if !errors.As(err, &late) || late.MayHaveRun {
		t.Error(err)
	}
}

func TestASessionIsToldOfACallThatIsGivenUp(t *testing.T) {
	arrived, left, told := make(chan struct{}), make(chan struct{}, 1), make(chan seen, 1)
	hang := hangs(arrived, left)
	s := startServer(t, inSession(func(w http.ResponseWriter, r *http.Request, was seen) {
		if was.rpc == "notifications/cancelled" {
			told <- was
			w.WriteHeader(http.StatusAccepted)
			return
		}
		hang(w, r, was)
	}))
	for name, ends := range map[string]func(context.CancelFunc, *fakeClock){
		"canceled":    func(cancel context.CancelFunc, _ *fakeClock) { cancel() },
		"out of time": func(_ context.CancelFunc, clock *fakeClock) { clock.advance(DefaultTimeout) },
	} {
		clock := newFakeClock()
		client := newTestClient(t, clock, s.URL, WithEra(EraLegacy))
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-arrived
			ends(cancel, clock)
		}()
		_, err := client.CallTool(ctx, "t", nil)
		cancel()
		if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		was := <-told
		<-left
		calls := s.of("tools/call")
		check(t, name+": request", was.param("requestId"), calls[len(calls)-1].id)
		check(t, name+": session", was.header.Get(sessionIDHeader), calls[len(calls)-1].header.Get(sessionIDHeader))
	}
}

func TestASessionIsNotToldOfACallThatWasNeverSent(t *testing.T) {
	s := startServer(t, inSession(says("done")))
	hangs := false
	client := newTestClient(t, newFakeClock(), s.URL, WithJWTSVIDSource(func(ctx context.Context) (string, error) {
		if hangs {
			hangs = false
			<-ctx.Done()
			return "", ctx.Err()
		}
		return tokenOf(caller), nil
	}))
	session, err := client.Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	hangs = true
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Millisecond, cancel)
	var canceled *CanceledError
	if _, err := session.CallTool(ctx, "t", nil); !errors.As(err, &canceled) || canceled.MayHaveRun {
		t.Error(err)
	}
	check(t, "order", order(s), "initialize , notifications/initialized session-1")
}

func TestAClosedClientWaitsForNothing(t *testing.T) {
	s := startServer(t, streams) // its stream stays open behind the answer
	client, err := NewClient(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	if client.core.tasks.start(func() {}) {
		t.Error("a task begins in a closed client")
	}
}

func TestAClosedClientWaitsForItsHandlersOnlySoLong(t *testing.T) {
	answered := make(chan seen, 1)
	s := startServer(t, inSession(asks("elicitation/create", answered)))
	around, late := newFakeClock().surroundings(), false
	usual := around.afterFunc
	around.afterFunc = func(wait time.Duration, run func()) func() bool {
		if wait == farewellTime && late {
			run()
		}
		return usual(wait, run)
	}
	client, err := NewClient(s.URL, withSurroundings(around))
	if err != nil {
		t.Fatal(err)
	}
	session, err := client.Session(context.Background(), WithRequestHandler(func(context.Context, string, json.RawMessage) (any, error) {
		late = true
		defer func() { late = false }()
		return map[string]any{}, client.Close() // it would wait for itself
	}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.CallTool(context.Background(), "t", nil); err != nil {
		t.Error(err)
	}
}

func TestAStreamThatStaysOpenBehindItsAnswerIsLetGo(t *testing.T) {
	left := make(chan struct{})
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
		streams(w, r, was)
		close(left)
	})
	clock := newFakeClock()
	if _, err := newTestClient(t, clock, s.URL).CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	clock.advance(remainderTimeMax)
	<-left
}

func TestAClosedClientHoldsNoConnection(t *testing.T) {
	closed := make(chan struct{})
	s := &server{}
	s.Server = httptest.NewUnstartedServer(s.handler(says("")))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	s.Start()
	defer s.Close()
	client := newTestClient(t, newFakeClock(), s.URL)
	if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	<-closed
}

func TestAnIdleConnectionIsGivenUpBeforeAGatewayDoesSo(t *testing.T) {
	const gatewayWaits = 10 * time.Second // at least
	client := newTestClient(t, newFakeClock(), "https://gateway.example")
	if waits := client.core.http.Transport.(*generations).newest.Load().IdleConnTimeout; waits <= 0 || waits > gatewayWaits/2 {
		t.Error(waits)
	}
}

func TestAClosedClientSendsNothing(t *testing.T) {
	for _, era := range []Era{EraModern, EraLegacy} {
		s := startServer(t, inSession(says("done")))
		client := newTestClient(t, newFakeClock(), s.URL, WithEra(era))
		session, err := client.Session(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
		before := len(s.seen())
		for name, use := range map[string]func() error{
			"a call": func() error {
				_, err := client.CallTool(context.Background(), "t", nil)
				return err
			},
			"a list": func() error {
				_, err := client.ListTools(context.Background())
				return err
			},
			"a new session": func() error {
				_, err := client.Session(context.Background())
				return err
			},
			"a call in a session": func() error {
				_, err := session.CallTool(context.Background(), "t", nil)
				return err
			},
		} {
			var fault *ConfigurationError
			if err := use(); !errors.As(err, &fault) || fault.Message != "the client is closed" {
				t.Errorf("%s, %s: %v", era, name, err)
			}
		}
		check(t, "requests", len(s.seen()), before)
	}
}

func TestASessionThatOpensWhileItsClientIsClosedIsEnded(t *testing.T) {
	opening, closed := make(chan struct{}), make(chan struct{})
	open := inSession(says("done"))
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
		if was.rpc == "initialize" {
			close(opening)
			<-closed
		}
		open(w, r, was)
	})
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy))
	go func() {
		<-opening
		_ = client.Close()
		close(closed)
	}()
	_, err := client.CallTool(context.Background(), "t", nil)
	var fault *ConfigurationError
	if !errors.As(err, &fault) {
		t.Error(err)
	}
	check(t, "order", order(s), "initialize , notifications/initialized session-1, DELETE session-1")
}

func TestAConnectionIsUsedAgainAfterAStream(t *testing.T) {
	connections := map[string]bool{}
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
		connections[r.RemoteAddr] = true
		startStream(w)
		sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, was.id))
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	for range 5 {
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
		client.core.tasks.group.Wait() // the rest of the stream has been read
	}
	check(t, "connections", len(connections), 1)
}
