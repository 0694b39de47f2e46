package mcpgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// answer is a JSON-RPC response and what came around it.
type answer struct {
	status     int
	header     http.Header
	retryAfter *time.Duration
	text       []byte // the whole message, unless it is a result
	errorText  json.RawMessage
	result     json.RawMessage
	members    map[string]json.RawMessage // of the result; nil = it is no object
	traceID    string
	streamed   bool
}

// posting is one POST of a message that wants an answer.
type posting struct {
	id        int64
	body      []byte
	header    map[string]string
	traceID   string
	inSession bool
	// Of messages before the answer: notifications, and in a session requests.
	onMessage func(message)
	// Called when the caller gives up what was sent whole, before the connection is closed; nil = closing it says enough.
	onGivenUp func()
}

// message is any JSON-RPC message as far as it must be read to know what it is.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// post sends a message and reads until its answer is there. Its error is one of this package's.
func (c *core) post(ctx context.Context, p *posting) (*answer, error) {
	if c.closing.Err() != nil {
		return nil, misconfigured(nil, "the client is closed")
	}
	if ctx.Err() != nil {
		return nil, ended(ctx, false, p.traceID)
	}
	// The request outlives the context by as long as it takes to say that nobody waits for it any more.
	under, cut := context.WithCancel(context.WithoutCancel(ctx))
	said, over := make(chan struct{}), false
	sent := &sending{text: p.body}
	giveUp := func() {
		if p.onGivenUp != nil && sent.mayHaveRun() {
			p.onGivenUp()
		}
		cut()
	}
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		giveUp()
	})
	defer func() {
		switch {
		case !stop():
			<-said
		case !over: // a callback of the caller's own panicked, or left by runtime.Goexit
			giveUp()
		}
	}()
	response, err := c.send(under, http.MethodPost, sent, p.header)
	if err != nil {
		over = true
		cut()
		return nil, c.lost(ctx, err, sent.mayHaveRun(), p.traceID)
	}
	a := &answer{status: response.StatusCode, header: response.Header, retryAfter: retryAfterOf(response.Header, c.around.now()), traceID: p.traceID}
	err = a.read(response, c.config.maxAnswerBytes, p)
	over = true
	if a.streamed && err == nil {
		c.letGo(response, cut)
	} else {
		_ = response.Body.Close()
		cut()
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ended(ctx, true, p.traceID)
	case err != nil:
		return nil, a.fault(err)
	}
	return a.checked(p.inSession)
}

// sending knows whether a request went out whole: before its last byte no gateway can have passed it on.
type sending struct {
	text   []byte
	whole  atomic.Bool // the last byte was taken
	failed atomic.Bool // and then not written
}

func (s *sending) mayHaveRun() bool { return s.whole.Load() && !s.failed.Load() }

type sendingReader struct {
	sending *sending
	reader  *bytes.Reader
}

func (s *sending) open() (io.ReadCloser, error) {
	return &sendingReader{sending: s, reader: bytes.NewReader(s.text)}, nil
}

func (r *sendingReader) Read(into []byte) (int, error) {
	count, err := r.reader.Read(into)
	if r.reader.Len() == 0 {
		r.sending.whole.Store(true)
	}
	return count, err
}

func (r *sendingReader) Close() error { return nil }

// send makes one HTTP request; sent may be nil.
func (c *core) send(ctx context.Context, method string, sent *sending, header map[string]string) (*http.Response, error) {
	if sent != nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
			sent.failed.Store(info.Err != nil)
		}})
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url, nil)
	if err != nil {
		return nil, err
	}
	if sent != nil {
		request.GetBody, request.ContentLength = sent.open, int64(len(sent.text))
		request.Body, _ = sent.open()
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("User-Agent", "precinct-sdk-go/"+Version)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	if err := c.identity.present(ctx, request.Header); err != nil {
		return nil, err
	}
	c.identity.beforeSend(c.http)
	return c.http.Do(request)
}

// lost is the error of a request that has no answer.
func (c *core) lost(ctx context.Context, err error, mayHaveRun bool, traceID string) error {
	if ctx.Err() != nil {
		return ended(ctx, mayHaveRun, traceID)
	}
	if errors.Is(err, errNoToken) {
		return &TransportError{Message: errNoToken.Error(), TraceID: traceID, cause: err}
	}
	what := "the gateway cannot be reached"
	if mayHaveRun {
		what = "the connection to the gateway was lost"
	}
	return &TransportError{Message: what + reasonOf(err), MayHaveRun: mayHaveRun, TraceID: traceID, cause: err, lost: true}
}

// fault is the error of an answer that broke off, or that is no MCP.
func (a *answer) fault(err error) error {
	fault := &TransportError{MayHaveRun: true, HTTPStatus: a.status, ContentType: shown(a.header.Get("Content-Type")), RetryAfter: a.retryAfter, TraceID: a.traceID}
	switch {
	case errors.Is(err, errTooLarge):
		fault.Message = "the answer is " + errTooLarge.Error()
	case errors.Is(err, errNoMCP):
		fault.Message = fmt.Sprintf("the answer is no MCP: HTTP %d with content type %q", a.status, fault.ContentType)
	default:
		fault.Message, fault.cause, fault.lost = "the answer broke off", err, true
	}
	return fault
}

var errNoMCP = errors.New("no MCP")

// read takes messages until the answer to this posting is among them.
func (a *answer) read(response *http.Response, limit int64, p *posting) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch kind {
	case "text/event-stream":
		a.streamed = true
		return eachEvent(response.Body, limit, func(text []byte) bool { return a.take(text, p) })
	case "application/json":
		text, err := io.ReadAll(io.LimitReader(response.Body, max(limit, limit+1))) // the largest bound has no larger
		switch {
		case err != nil:
			return err
		case int64(len(text)) > limit:
			return errTooLarge
		case a.take(text, p):
			return nil
		}
		if alone, ok := envelopeIn(nil, text); ok && alone.Middleware != "" { // a refusal without its JSON-RPC half
			a.text = text
			return nil
		}
	}
	return errNoMCP
}

// take says whether the message is the answer. One to id null is the refusal of a message that could not be read.
func (a *answer) take(text []byte, p *posting) bool {
	var m message
	if json.Unmarshal(text, &m) != nil {
		return false
	}
	if m.Method != "" {
		if p.onMessage != nil {
			p.onMessage(m)
		}
		return false
	}
	isOurs := string(m.ID) == strconv.FormatInt(p.id, 10)
	switch {
	case m.Error != nil && (isOurs || len(m.ID) == 0 || string(m.ID) == "null"):
		a.text, a.errorText = text, m.Error
	case m.Result != nil && isOurs:
		a.result, a.members = m.Result, membersOf(m.Result)
	default:
		return false
	}
	return true
}

// checked gives an answer that is a result, and the error of any other.
func (a *answer) checked(inSession bool) (*answer, error) {
	if a.result == nil {
		return nil, a.readError(inSession)
	}
	if stringIn(a.members, "resultType") != "input_required" {
		return a, nil
	}
	asks := &InputRequiredError{RequestState: stringIn(a.members, "requestState"), TraceID: a.traceID}
	_ = json.Unmarshal(a.members["inputRequests"], &asks.InputRequests)
	return nil, asks
}

const (
	remainderMax     = 64 << 10
	remainderTimeMax = time.Second
)

// letGo reads what stands behind an answer in a stream, so that the connection can be used again; for a moment, and the caller does not wait for it.
func (c *core) letGo(response *http.Response, cut context.CancelFunc) {
	body := response.Body
	end := func() {
		_ = body.Close()
		cut()
	}
	late := c.around.afterFunc(remainderTimeMax, cut)
	closing := context.AfterFunc(c.closing, cut)
	if !c.tasks.start(func() {
		_, _ = io.CopyN(io.Discard, body, remainderMax)
		end()
		late()
		closing()
	}) {
		end()
	}
}

// reasonOf leaves out the URL, which package net/http puts before every reason.
func reasonOf(err error) string {
	var around *url.Error
	if errors.As(err, &around) {
		err = around.Err
	}
	return ": " + shown(err.Error())
}
