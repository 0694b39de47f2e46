package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// inSession makes sessions, session-1 first, and leaves everything in them to the script.
func inSession(answer script) script {
	var mutex sync.Mutex
	opened := 0
	return func(w http.ResponseWriter, r *http.Request, was seen) {
		switch {
		case was.method == http.MethodDelete:
			w.WriteHeader(http.StatusOK)
		case was.method == http.MethodGet:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case was.rpc == "initialize":
			mutex.Lock()
			opened++
			w.Header().Set(sessionIDHeader, fmt.Sprint("session-", opened))
			mutex.Unlock()
			sendResult(w, was, `{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"},"instructions":"Be brief."}`)
		case was.rpc == "notifications/initialized":
			w.WriteHeader(http.StatusAccepted)
		default:
			answer(w, r, was)
		}
	}
}

func order(s *server) string {
	var words []string
	for _, was := range s.seen() {
		word := was.rpc
		if word == "" {
			word = was.method
		}
		words = append(words, word+" "+was.header.Get(sessionIDHeader))
	}
	return strings.Join(words, ", ")
}

func TestAClientOfTheOlderEraOpensOneSession(t *testing.T) {
	s := startServer(t, inSession(says("done")))
	client, err := NewClient(s.URL, WithEra(EraLegacy))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Discover(context.Background()); err == nil {
		t.Error("discovered")
	}
	_ = client.Close()
	_ = client.Close()
	check(t, "order", order(s), "initialize , notifications/initialized session-1, tools/call session-1, tools/call session-1, ping session-1, DELETE session-1")
	hello := s.seen()[0]
	check(t, "version asked for", hello.param("protocolVersion"), `"2025-11-25"`)
	check(t, "capabilities", hello.param("capabilities"), `{}`)
	check(t, "client", hello.param("clientInfo"), `{"name":"precinct-sdk-go","version":"0.1.0"}`)
	call := s.seen()[2]
	check(t, "version agreed on", call.header.Get(versionHeader), "2025-06-18")
	check(t, "Mcp-Method", call.header.Get("Mcp-Method"), "")
	check(t, "_meta", call.param("_meta"), "")
	for _, was := range s.seen() {
		if !traceShape.MatchString(was.header.Get("traceparent")) {
			t.Errorf("%s without a trace", was.rpc)
		}
	}
}

func TestManyFirstCallsOpenOneSession(t *testing.T) {
	s := startServer(t, inSession(says("done")))
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy))
	var group sync.WaitGroup
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
	check(t, "handshakes", len(s.of("initialize")), 1)
}

// forgets the first session.
func forgets(w http.ResponseWriter, r *http.Request, was seen) {
	if was.header.Get(sessionIDHeader) == "session-1" {
		refuses(sessionNotFound, "")(w, r, was)
		return
	}
	says("done")(w, r, was)
}

func TestALostSessionOfTheClientsOwnIsRenewedOnce(t *testing.T) {
	s := startServer(t, inSession(forgets))
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy), WithMaxRetries(0))
	if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	check(t, "order", order(s), "initialize , notifications/initialized session-1, tools/call session-1, initialize , notifications/initialized session-2, tools/call session-2")
}

func TestASessionThatIsLostAgainIsToldToTheCaller(t *testing.T) {
	s := startServer(t, inSession(refuses(sessionNotFound, "")))
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy))
	_, err := client.CallTool(context.Background(), "t", nil)
	var expired *SessionExpiredError
	if !errors.As(err, &expired) || len(s.of("initialize")) != 2 || len(s.of("tools/call")) != 2 {
		t.Errorf("%v: %s", err, order(s))
	}
}

func TestASessionOfTheCallersOwnIsNotRenewed(t *testing.T) {
	for name, answer := range map[string]script{
		"in the gateway's words": forgets,
		"in a server's words": func(w http.ResponseWriter, _ *http.Request, _ seen) {
			sendJSON(w, http.StatusNotFound, `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`)
		},
	} {
		s := startServer(t, inSession(answer))
		client := newTestClient(t, newFakeClock(), s.URL)
		session, err := client.Session(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		_, err = session.CallTool(context.Background(), "t", nil)
		var expired *SessionExpiredError
		var refusal *GatewayError
		if !errors.As(err, &expired) || !errors.As(err, &refusal) || refusal.Code != sessionNotFound || refusal.HTTPStatus != 404 || len(s.of("initialize")) != 1 {
			t.Errorf("%s: %v: %s", name, err, order(s))
		}
	}
}

func TestASession(t *testing.T) {
	s := startServer(t, inSession(says("done")))
	client := newTestClient(t, newFakeClock(), s.URL)
	session, err := client.Session(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	check(t, "id", session.ID(), "session-1")
	check(t, "instructions", stringIn(membersOf(session.Initialized()), "instructions"), "Be brief.")
	if strings.Contains(fmt.Sprintf("%v %+v %#v", session, session, session), "session-1") {
		t.Error("its id is shown")
	}
	if _, err := session.CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	for event, err := range session.StreamTool(context.Background(), "t", nil) {
		if err != nil || event.Result.Text() != "done" {
			t.Fatal(err)
		}
	}
	if err := session.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = session.Close()
	_ = session.Close()
	var fault *ConfigurationError
	if _, err := session.CallTool(context.Background(), "t", nil); !errors.As(err, &fault) {
		t.Errorf("in a closed session: %v", err)
	}
	check(t, "order", order(s), "initialize , notifications/initialized session-1, tools/call session-1, tools/call session-1, ping session-1, DELETE session-1")
}

func TestAHandshakeThatIsRefused(t *testing.T) {
	for _, trial := range []struct {
		code     string
		requests int
	}{{"auth_missing_identity", 1}, {"gateway_overloaded", 1 + DefaultMaxRetries}} {
		for name, open := range map[string]func(*Client) error{
			"of the caller": func(c *Client) error {
				_, err := c.Session(context.Background())
				return err
			},
			"of the client": func(c *Client) error {
				_, err := c.CallTool(context.Background(), "t", nil)
				return err
			},
		} {
			s := startServer(t, refuses(trial.code, ""))
			client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy))
			var refusal *GatewayError
			if err := open(client); !errors.As(err, &refusal) || refusal.Code != trial.code || len(s.seen()) != trial.requests {
				t.Errorf("%s, %s: %v after %d requests", trial.code, name, err, len(s.seen()))
			}
		}
	}
}

// asks the client something in the call's stream, and says what it was answered.
func asks(method string, answered chan seen) script {
	return func(w http.ResponseWriter, _ *http.Request, was seen) {
		if was.rpc == "" {
			answered <- was
			w.WriteHeader(http.StatusAccepted)
			return
		}
		startStream(w)
		sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":"q-1","method":%q,"params":{"message":"Who are you?"}}`, method))
		reply := <-answered
		sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%q}]}}`, was.id, reply.text))
	}
}

// speaks beside the calls, on the stream that a session listens on, and then says who has left it.
func speaks(left chan string, answer script) script {
	open := inSession(answer)
	return func(w http.ResponseWriter, r *http.Request, was seen) {
		if was.method != http.MethodGet {
			open(w, r, was)
			return
		}
		startStream(w)
		for _, text := range []string{
			`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","error":{"code":-32700,"message":"m"}}`,
			`not JSON`, `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":1}}`, `{"jsonrpc":"2.0","id":"q-1","method":"roots/list"}`,
		} {
			sendEvent(w, text)
		}
		<-r.Context().Done()
		left <- was.header.Get(sessionIDHeader)
	}
}

func TestWhatAServerSaysAndAsksBesideTheCalls(t *testing.T) {
	for name, closes := range map[string]func(*Client, *Session) error{
		"the session": func(_ *Client, session *Session) error { return session.Close() },
		"the client":  func(client *Client, _ *Session) error { return client.Close() },
	} {
		left, answered, heard := make(chan string, 1), make(chan seen, 1), make(chan string, 3)
		s := startServer(t, speaks(left, func(w http.ResponseWriter, _ *http.Request, was seen) {
			w.WriteHeader(http.StatusAccepted)
			answered <- was
		}))
		client := newTestClient(t, newFakeClock(), s.URL, WithNotificationHandler(func(_ context.Context, method string, params json.RawMessage) { heard <- method + string(params) }))
		asking := make(chan context.Context, 1)
		session, err := client.Session(context.Background(), WithRequestHandler(func(ctx context.Context, method string, _ json.RawMessage) (any, error) {
			asking <- ctx
			return map[string]any{"asked": method}, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		check(t, "heard", <-heard, "notifications/tools/list_changed")
		check(t, "then", <-heard, `notifications/message{"data":1}`)
		reply, ctx := <-answered, <-asking
		checkJSON(t, "answer", reply.text, `{"jsonrpc":"2.0","id":"q-1","result":{"asked":"roots/list"}}`)
		check(t, "answer's session", reply.header.Get(sessionIDHeader), "session-1")
		listened := s.listeners()[0].header
		check(t, "Accept", listened.Get("Accept"), "text/event-stream")
		check(t, "version", listened.Get(versionHeader), "2025-06-18")
		check(t, "trace", traceShape.MatchString(listened.Get("traceparent")), true)
		check(t, "the handler's context", ctx.Err(), nil)
		if err := closes(client, session); err != nil {
			t.Fatal(err)
		}
		check(t, name+": left", <-left, "session-1")
		check(t, name+": the handler's context", ctx.Err(), context.Canceled)
	}
}

func TestASessionListensOnlyForWhoeverHears(t *testing.T) {
	for name, trial := range map[string]struct {
		options []SessionOption
		streams int
	}{
		"nobody":        {nil, 0},
		"requests":      {[]SessionOption{WithRequestHandler(func(context.Context, string, json.RawMessage) (any, error) { return nil, nil })}, 1},
		"notifications": {[]SessionOption{WithNotificationHandler(func(context.Context, string, json.RawMessage) {})}, 1},
	} {
		open := inSession(says("done"))
		s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
			if was.method != http.MethodGet {
				open(w, r, was)
				return
			}
			startStream(w) // and ends it
			sendEvent(w, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
		})
		client := newTestClient(t, newFakeClock(), s.URL)
		session, err := client.Session(context.Background(), trial.options...)
		if err != nil {
			t.Fatal(err)
		}
		client.core.tasks.group.Wait()
		if _, err := session.CallTool(context.Background(), "t", nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(t, name, len(s.listeners()), trial.streams)
	}
}

func TestALostSessionIsListenedToNoMore(t *testing.T) {
	open := inSession(forgets)
	left, heard := make(chan string, 2), make(chan string, 2)
	s := startServer(t, func(w http.ResponseWriter, r *http.Request, was seen) {
		session := was.header.Get(sessionIDHeader)
		switch {
		case was.method == http.MethodGet:
			startStream(w)
			sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":%q}`, session))
			<-r.Context().Done()
			left <- session
			return
		case was.rpc == "tools/call":
			check(t, "heard", <-heard, fmt.Sprintf("%q", session))
		}
		open(w, r, was)
	})
	client := newTestClient(t, newFakeClock(), s.URL, WithEra(EraLegacy), WithNotificationHandler(func(_ context.Context, _ string, params json.RawMessage) { heard <- string(params) }))
	if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
		t.Fatal(err)
	}
	check(t, "left", <-left, "session-1")
}

func TestWhatAServerAsksAtOnceIsBounded(t *testing.T) {
	answered, release := make(chan seen, requestsAtOnceMax+1), make(chan struct{})
	s := startServer(t, inSession(func(w http.ResponseWriter, _ *http.Request, was seen) {
		if was.rpc == "" {
			answered <- was
			w.WriteHeader(http.StatusAccepted)
			return
		}
		startStream(w)
		for n := range requestsAtOnceMax + 1 {
			sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"roots/list"}`, n))
		}
		first := <-answered // all others are still being answered
		close(release)
		for range requestsAtOnceMax {
			<-answered
		}
		sendEvent(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%q}]}}`, was.id, first.text))
	}))
	session, err := newTestClient(t, newFakeClock(), s.URL).Session(context.Background(), WithRequestHandler(func(context.Context, string, json.RawMessage) (any, error) {
		<-release
		return struct{}{}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	result, err := session.CallTool(context.Background(), "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	checkJSON(t, "one too many", result.Text(), fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32603,"message":%q}}`, requestsAtOnceMax, tooManyShown))
}

func TestWhatAServerAsksIsAnswered(t *testing.T) {
	answers := func(_ context.Context, method string, params json.RawMessage) (any, error) {
		switch method {
		case "sampling/createMessage":
			return nil, errors.New("PRIVATE")
		case "tasks/get":
			return nil, fmt.Errorf("sorry: %w", ErrNoSuchRequest)
		case "roots/list":
			return make(chan int), nil // has no JSON
		}
		return map[string]any{"action": "accept", "asked": params}, nil
	}
	for name, trial := range map[string]struct {
		method  string
		handler RequestHandler
		want    string
		offers  string
	}{
		"with a result":     {"elicitation/create", answers, `{"jsonrpc":"2.0","id":"q-1","result":{"action":"accept","asked":{"message":"Who are you?"}}}`, `{"elicitation":{},"roots":{},"sampling":{}}`},
		"with an error":     {"sampling/createMessage", answers, `{"jsonrpc":"2.0","id":"q-1","error":{"code":-32603,"message":"The client could not answer."}}`, `{"elicitation":{},"roots":{},"sampling":{}}`},
		"with no JSON":      {"roots/list", answers, `{"jsonrpc":"2.0","id":"q-1","error":{"code":-32603,"message":"The client could not answer."}}`, `{"elicitation":{},"roots":{},"sampling":{}}`},
		"unknown to it":     {"tasks/get", answers, `{"jsonrpc":"2.0","id":"q-1","error":{"code":-32601,"message":"The client answers no such requests."}}`, `{"elicitation":{},"roots":{},"sampling":{}}`},
		"without a handler": {"roots/list", nil, `{"jsonrpc":"2.0","id":"q-1","error":{"code":-32601,"message":"The client answers no such requests."}}`, `{}`},
		"ping":              {"ping", nil, `{"jsonrpc":"2.0","id":"q-1","result":{}}`, `{}`},
	} {
		answered := make(chan seen, 1)
		s := startServer(t, inSession(asks(trial.method, answered)))
		client := newTestClient(t, newFakeClock(), s.URL)
		session, err := client.Session(context.Background(), WithRequestHandler(trial.handler), WithTimeout(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		result, err := session.CallTool(context.Background(), "t", nil)
		if err != nil {
			t.Fatal(err)
		}
		checkJSON(t, name, result.Text(), trial.want)
		check(t, name+": offers", s.of("initialize")[0].param("capabilities"), trial.offers)
		replies := s.of("")
		check(t, name+": session", replies[0].header.Get(sessionIDHeader), "session-1")
	}
}
