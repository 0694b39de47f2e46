package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	farewellTime       = 2 * time.Second // for what is told and waits for no answer
	farewellBytesMax   = 64 << 10
	rpcInternalError   = -32603
	sessionIDHeader    = "Mcp-Session-Id"
	versionHeader      = "MCP-Protocol-Version"
	requestsAtOnceMax  = 64 // of a server, under way in one session
	handlerFaultShown  = "The client could not answer."
	noHandlerShown     = "The client answers no such requests."
	tooManyShown       = "The client answers no more requests at once."
	methodPing         = "ping"
	sessionClosedShown = "the session is closed"
)

// Session is an MCP session of 2025-11-25, bound to the client's identity. It is safe for many goroutines. Close it.
type Session struct {
	operations
	id            string
	version       string
	initial       json.RawMessage
	config        sessionConfig
	closed        atomic.Bool
	asked         atomic.Int64
	stopListening context.CancelFunc
}

// Session opens a session, whatever the client's era. One that the gateway no longer knows ends its calls with a [*SessionExpiredError] and
// is not renewed: what was tied to it, such as an approval, is lost with it.
func (c *Client) Session(ctx context.Context, options ...SessionOption) (*Session, error) {
	settings := c.core.config.session
	settings.timeout = c.core.config.call.timeout
	for _, option := range options {
		option.applyToSession(&settings)
	}
	if err := (callConfig{timeout: settings.timeout}).check(); err != nil {
		return nil, err
	}
	return c.core.openSession(ctx, settings, operations.withRetries)
}

// ID is the session's id, as the gateway gave it; "" = it keeps no session.
func (s *Session) ID() string { return s.id }

// Initialized is the gateway's answer to the handshake, as it came: protocolVersion, capabilities, serverInfo, instructions.
func (s *Session) Initialized() json.RawMessage { return s.initial }

// Ping asks for a sign of life.
func (s *Session) Ping(ctx context.Context, options ...CallOption) error {
	_, err := s.ask(ctx, methodPing, nil, options)
	return err
}

// Close ends the session in the gateway. Calls under way go on; what servers say beside them is heard no more.
func (s *Session) Close() error {
	s.stopListening()
	if s.closed.Swap(true) || s.id == "" {
		return nil
	}
	s.core.tell(http.MethodDelete, nil, s.header())
	return nil
}

// String shows no id: whoever has it needs the caller's identity as well, but it belongs in no log.
func (s *Session) String() string { return "mcpgateway.Session(" + s.version + ")" }

// GoString shows no id either.
func (s *Session) GoString() string { return s.String() }

// openSession shakes hands; `asking` says how often.
func (c *core) openSession(ctx context.Context, own sessionConfig, asking func(operations, context.Context, *question) (*answer, error)) (*Session, error) {
	s := &Session{version: string(EraLegacy), config: own}
	s.operations = operations{core: c, route: s.send}
	params := map[string]any{
		"protocolVersion": EraLegacy, "capabilities": own.offered(true), "clientInfo": c.config.clientInfo(),
	}
	handshake := operations{core: c, route: func(ctx context.Context, q *question) (*answer, error) {
		id := c.lastID.Add(1)
		body, err := q.body(id, nil)
		if err != nil {
			return nil, err
		}
		return c.post(ctx, &posting{id: id, body: body, header: map[string]string{"traceparent": q.traceparent}, traceID: q.traceID})
	}}
	settings := c.config.call
	if own.timeout > 0 {
		settings.timeout = own.timeout
	}
	q, err := c.newQuestion(ctx, "initialize", params, settings)
	if err != nil {
		return nil, err
	}
	a, err := asking(handshake, ctx, q)
	if err != nil {
		return nil, err
	}
	s.id, s.initial = a.header.Get(sessionIDHeader), a.result
	if version := stringIn(a.members, "protocolVersion"); version != "" {
		s.version = version
	}
	told, err := asJSON(request{JSONRPC: "2.0", Method: "notifications/initialized"})
	if err != nil {
		return nil, err
	}
	c.tell(http.MethodPost, told, s.header())
	listening, stop := context.WithCancel(c.closing)
	s.stopListening = stop
	if own.onRequest != nil || own.onNotification != nil {
		c.tasks.start(func() { s.listen(listening) })
	}
	return s, nil
}

// listen hears what servers ask and say beside the calls. A gateway that has no such stream says so (405). One that breaks off is not opened again.
func (s *Session) listen(ctx context.Context) {
	header := s.header()
	header["Accept"] = "text/event-stream"
	header["traceparent"], _ = s.core.traceOf(ctx)
	response, err := s.core.send(ctx, http.MethodGet, nil, header)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	_ = eachEvent(response.Body, s.core.config.maxAnswerBytes, func(text []byte) bool {
		var m message
		switch {
		case json.Unmarshal(text, &m) != nil || m.Method == "": // no message, or an answer: nobody waits for one here
		case m.ID != nil:
			s.reply(ctx, m)
		case s.config.onNotification != nil:
			s.config.onNotification(ctx, m.Method, m.Params)
		}
		return false
	})
}

func (s *Session) header() map[string]string {
	header := map[string]string{versionHeader: s.version}
	if s.id != "" {
		header[sessionIDHeader] = s.id
	}
	return header
}

// send asks once, in this session.
func (s *Session) send(ctx context.Context, q *question) (*answer, error) {
	if s.closed.Load() {
		return nil, misconfigured(nil, sessionClosedShown)
	}
	id := s.core.lastID.Add(1)
	meta := map[string]any{}
	if q.settings.onProgress != nil {
		meta["progressToken"] = id
	}
	body, err := q.body(id, meta)
	if err != nil {
		return nil, err
	}
	header := s.header()
	header["traceparent"] = q.traceparent
	return s.core.post(ctx, &posting{
		id: id, body: body, header: header, traceID: q.traceID, inSession: true,
		onMessage: func(m message) {
			if m.ID != nil {
				s.reply(ctx, m)
			} else {
				q.hear(m, id)
			}
		},
		onGivenUp: func() { // in this era a closed connection cancels nothing
			cancelled := map[string]any{"requestId": id, "reason": "nobody waits for the answer"}
			if text, err := asJSON(request{JSONRPC: "2.0", Method: "notifications/cancelled", Params: cancelled}); err == nil {
				s.core.tell(http.MethodPost, text, s.header())
			}
		},
	})
}

// reply answers what a server asks, without holding up the stream that it came in.
func (s *Session) reply(ctx context.Context, m message) {
	if s.asked.Add(1) > requestsAtOnceMax {
		s.asked.Add(-1)
		s.answerWith(m.ID, nil, &rpcError{Code: rpcInternalError, Message: tooManyShown})
		return
	}
	if !s.core.tasks.start(func() {
		defer s.asked.Add(-1)
		s.answer(ctx, m)
	}) {
		s.asked.Add(-1)
	}
}

func (s *Session) answer(ctx context.Context, m message) {
	handler := s.config.onRequest
	switch {
	case m.Method == methodPing:
		s.answerWith(m.ID, json.RawMessage("{}"), nil)
	case handler == nil:
		s.answerWith(m.ID, nil, &rpcError{Code: rpcMethodNotFound, Message: noHandlerShown})
	default:
		said, err := handler(ctx, m.Method, m.Params)
		if errors.Is(err, ErrNoSuchRequest) {
			s.answerWith(m.ID, nil, &rpcError{Code: rpcMethodNotFound, Message: noHandlerShown})
			return
		}
		var result json.RawMessage
		if err == nil {
			result, err = asJSON(said)
		}
		if err != nil {
			s.answerWith(m.ID, nil, &rpcError{Code: rpcInternalError, Message: handlerFaultShown})
			return
		}
		s.answerWith(m.ID, result, nil)
	}
}

func (s *Session) answerWith(id, result json.RawMessage, fault *rpcError) {
	response := struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  json.RawMessage `json:"result,omitempty"`
		Error   *rpcError       `json:"error,omitempty"`
	}{"2.0", id, result, fault}
	if text, err := asJSON(response); err == nil {
		s.core.tell(http.MethodPost, text, s.header())
	}
}

// tell sends what wants no answer; that it does not arrive is no fault of any call.
func (c *core) tell(method string, text []byte, header map[string]string) {
	ctx, cancel := c.around.within(context.Background(), farewellTime)
	defer cancel()
	header["traceparent"], _ = c.traceOf(ctx)
	var sent *sending
	if text != nil {
		sent = &sending{text: text}
	}
	response, err := c.send(ctx, method, sent, header)
	if err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, response.Body, farewellBytesMax)
	_ = response.Body.Close()
}

// implicitSession is the one that a client of the older era opens by itself.
type implicitSession struct {
	core    *core
	mutex   sync.Mutex
	opening chan struct{} // closed when it has come to something
	current *Session
}

// send opens the session with the first question, and once more where the gateway has lost it: that question has not run.
func (i *implicitSession) send(ctx context.Context, q *question) (*answer, error) {
	s, err := i.session(ctx, nil)
	if err != nil {
		return nil, err
	}
	a, err := s.send(ctx, q)
	var expired *SessionExpiredError
	if !errors.As(err, &expired) {
		return a, err
	}
	s.stopListening()
	if s, err = i.session(ctx, s); err != nil {
		return nil, err
	}
	return s.send(ctx, q)
}

// session gives the current one, or opens one if there is none or it is the lost one. One question opens it, the others wait.
func (i *implicitSession) session(ctx context.Context, lost *Session) (*Session, error) {
	for {
		i.mutex.Lock()
		switch {
		case i.current != nil && i.current != lost:
			current := i.current
			i.mutex.Unlock()
			return current, nil
		case i.opening != nil:
			opening := i.opening
			i.mutex.Unlock()
			select {
			case <-opening:
			case <-ctx.Done():
				return nil, ended(ctx, false, "")
			}
			continue
		}
		i.opening = make(chan struct{})
		i.mutex.Unlock()
		return i.open(ctx)
	}
}

// open lets those that wait for it go on whatever it comes to, and be it a panic of the caller's own function.
func (i *implicitSession) open(ctx context.Context) (opened *Session, err error) {
	defer func() {
		i.mutex.Lock()
		if opened != nil {
			i.current = opened
		}
		close(i.opening)
		i.opening = nil
		late := i.core.closing.Err() != nil
		i.mutex.Unlock()
		if late && opened != nil {
			_ = opened.Close()
		}
	}()
	return i.core.openSession(ctx, i.core.config.session, operations.once) // the question that opens it is itself repeated
}

// close comes after the core's: a session that is still being opened ends as soon as it is there.
func (i *implicitSession) close() {
	i.mutex.Lock()
	current := i.current
	i.current = nil
	i.mutex.Unlock()
	if current != nil {
		_ = current.Close()
	}
}
