package mcpgateway

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// envelope is a refusal as the gateway writes it: flat beside the JSON-RPC error, or as that error's data.
type envelope struct {
	Code        string         `json:"code"`
	Message     string         `json:"message"`
	ReasonCode  string         `json:"reason_code"`
	Middleware  string         `json:"middleware"`
	Step        *int           `json:"middleware_step"`
	DecisionID  string         `json:"decision_id"`
	TraceID     string         `json:"trace_id"`
	Details     map[string]any `json:"details"`
	Remediation string         `json:"remediation"`
	DocsURL     string         `json:"docs_url"`
	RetryAfter  *float64       `json:"retry_after"`
}

// isRefusal tells the gateway's own words from a tool server's data that happens to have a code.
func (e envelope) isRefusal() bool { return e.Code != "" && e.DecisionID != "" }

type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// envelopeIn looks in both places; each is tried by itself, because a foreign data member may have any shape.
func envelopeIn(data, body []byte) (envelope, bool) {
	for _, text := range [][]byte{data, body} {
		var found envelope
		if len(text) > 0 && json.Unmarshal(text, &found) == nil && found.isRefusal() {
			return found, true
		}
	}
	return envelope{}, false
}

// readError turns an answer's error, or an envelope that stands alone, into the error that the caller gets.
func (a *answer) readError(inSession bool) error {
	var wire rpcError
	if a.errorText != nil && json.Unmarshal(a.errorText, &wire) != nil {
		return a.fault(errNoMCP)
	}
	found, isRefusal := envelopeIn(wire.Data, a.text)
	if !isRefusal {
		if inSession && a.status == http.StatusNotFound && wire.Code != rpcMethodNotFound {
			return sessionExpired(&GatewayError{Code: sessionNotFound, Message: wire.Message, Middleware: codes[sessionNotFound].middleware, TraceID: a.traceID, HTTPStatus: a.status})
		}
		return &ProtocolError{RPCCode: wire.Code, Message: wire.Message, Data: wire.Data, HTTPStatus: a.status, TraceID: a.traceID}
	}
	refusal := found.refusal()
	refusal.HTTPStatus, refusal.RPCCode = a.status, wire.Code
	refusal.RetryAfter = longest(a.retryAfter, found.retryAfter())
	if refusal.TraceID == "" {
		refusal.TraceID = a.traceID
	}
	if refusal.Code == sessionNotFound {
		return sessionExpired(refusal)
	}
	family := familyOfStep[refusal.Step]
	if known, ok := codes[refusal.Code]; ok {
		family = known.family
	}
	return familyError(family, refusal)
}

const (
	sessionNotFound = "session_not_found"
	stepUnknown     = -1
)

func sessionExpired(refusal *GatewayError) error {
	return &SessionExpiredError{&AdmissionError{refusal}}
}

func (e envelope) refusal() *GatewayError {
	row, known := codes[e.Code]
	if !known {
		row.step = stepUnknown
	}
	refusal := &GatewayError{
		Code: e.Code, Message: e.Message, Step: row.step, Middleware: e.Middleware, ReasonCode: e.ReasonCode, DecisionID: e.DecisionID,
		TraceID: e.TraceID, Details: e.Details, Remediation: e.Remediation, DocsURL: e.DocsURL,
	}
	if e.Step != nil {
		refusal.Step = *e.Step
	}
	if refusal.Middleware == "" {
		refusal.Middleware = row.middleware
	}
	return refusal
}

// tableStatus is the refusal's status for a caller that is no MCP client, wherever it came.
func (e *GatewayError) tableStatus() int {
	if row, ok := codes[e.Code]; ok {
		return row.status
	}
	if e.RPCCode > 0 {
		return e.RPCCode
	}
	return e.HTTPStatus
}

// retryAfter is what the body says, where no header could: within a stream of events.
func (e envelope) retryAfter() *time.Duration {
	var member, detail *time.Duration
	if e.RetryAfter != nil {
		member = seconds(*e.RetryAfter)
	}
	if said, ok := e.Details["retry_after_seconds"].(float64); ok {
		detail = seconds(said)
	}
	return longest(member, detail)
}

const secondsMax = 1e6

// seconds is nil for what is no time to wait.
func seconds(said float64) *time.Duration {
	if math.IsNaN(said) || said < 0 {
		return nil
	}
	wait := time.Duration(min(said, secondsMax) * float64(time.Second))
	return &wait
}

// retryAfterOf reads either form of the header (RFC 9110, section 10.2.3); nil = it is not there, or no such form.
func retryAfterOf(header http.Header, now time.Time) *time.Duration {
	said := header.Get("Retry-After")
	count, err := strconv.ParseUint(said, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // of a number beyond 64 bits it is the largest
		return seconds(float64(count))
	}
	if at, err := http.ParseTime(said); err == nil {
		return seconds(max(0, at.Sub(now).Seconds()))
	}
	return nil
}

func longest(a, b *time.Duration) *time.Duration {
	if a == nil || (b != nil && *b > *a) {
		return b
	}
	return a
}

// orElse is what was said, or the other where nothing was.
func orElse(said *time.Duration, other time.Duration) time.Duration {
	if said == nil {
		return other
	}
	return *said
}
