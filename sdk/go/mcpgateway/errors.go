package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// GatewayError is a refusal of the gateway. Its families ([*AuthorizationError], [*RateLimitError] and so on) embed it, so that
// errors.As finds either.
type GatewayError struct {
	Code        string // such as authz_policy_denied; docs/error-codes.md has them all
	Message     string
	Step        int    // 1 to 13 is the layer, 0 admission, 14 the tool server's side, 15 the gateway itself, -1 one that nobody named
	Middleware  string // the step's name
	ReasonCode  string // which of the code's cases it is; "" = it has one
	DecisionID  string // finds the record: agw audit explain DECISION_ID
	TraceID     string
	Details     map[string]any
	Remediation string
	DocsURL     string
	RetryAfter  *time.Duration // nil = the gateway did not say
	HTTPStatus  int            // of the answer; 200 where the refusal came inside one
	RPCCode     int            // of the JSON-RPC error it came in: the status, or the specification's own such as -32601; 0 = it came in none
}

// Error says code, message, remedy and decision. It never shows the details, which may repeat what the call said; nor the remedy that is the
// command which approves the call: a model that reads the error and has a shell must not be handed it.
func (e *GatewayError) Error() string {
	text := "mcpgateway: " + shown(e.Code)
	if e.Middleware != "" && e.Step != stepUnknown {
		text += fmt.Sprintf(" (step %d, %s)", e.Step, shown(e.Middleware))
	}
	text += ": " + shown(e.Message)
	if e.ReasonCode != "" {
		text += " [" + shown(e.ReasonCode) + "]"
	}
	if e.Remediation != "" && e.Code != approvalCode {
		text += " -> " + shown(e.Remediation)
	}
	if e.DecisionID != "" {
		text += " (decision " + shown(e.DecisionID) + ")"
	}
	return text
}

// GoString is the same text: %#v shows no details either.
func (e *GatewayError) GoString() string { return e.Error() }

// ProtocolError is a JSON-RPC error that is no refusal of the gateway: most often the tool server's own, such as -32602.
type ProtocolError struct {
	RPCCode    int
	Message    string
	Data       json.RawMessage
	HTTPStatus int
	TraceID    string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("mcpgateway: JSON-RPC error %d: %s", e.RPCCode, shown(e.Message))
}

// GoString leaves the data out.
func (e *ProtocolError) GoString() string { return e.Error() }

// TransportError says that no answer of MCP came.
type TransportError struct {
	Message     string
	MayHaveRun  bool // false = the request was never sent whole, so that no tool ran
	HTTPStatus  int  // 0 = there was no answer at all
	ContentType string
	RetryAfter  *time.Duration // nil = nobody said
	TraceID     string
	cause       error
	lost        bool // the connection, not a wrong answer
}

func (e *TransportError) Error() string {
	return "mcpgateway: " + e.Message + outcome(e.MayHaveRun, e.TraceID)
}

// GoString leaves the cause out.
func (e *TransportError) GoString() string { return e.Error() }

// Unwrap gives the network's own error.
func (e *TransportError) Unwrap() error { return e.cause }

// CallTimeoutError says that the answer did not come within the call's time, or before the context's deadline. errors.Is finds context.DeadlineExceeded in it.
type CallTimeoutError struct {
	MayHaveRun bool
	TraceID    string
}

func (e *CallTimeoutError) Error() string {
	return "mcpgateway: the call's time is over" + outcome(e.MayHaveRun, e.TraceID)
}

// Unwrap gives context.DeadlineExceeded.
func (e *CallTimeoutError) Unwrap() error { return context.DeadlineExceeded }

// Timeout makes it a timeout as package net has them.
func (e *CallTimeoutError) Timeout() bool { return true }

// CanceledError says that the caller's context was canceled. errors.Is finds context.Canceled in it, and the context's cause.
type CanceledError struct {
	MayHaveRun bool
	TraceID    string
	cause      error
}

func (e *CanceledError) Error() string {
	return "mcpgateway: the call was canceled" + outcome(e.MayHaveRun, e.TraceID)
}

// GoString leaves the cause out.
func (e *CanceledError) GoString() string { return e.Error() }

// Unwrap gives context.Canceled and the context's cause.
func (e *CanceledError) Unwrap() []error { return []error{context.Canceled, e.cause} }

// SessionExpiredError says that the gateway no longer knows the MCP session. Nothing has run; open another one.
// It is an [*AdmissionError] as well.
type SessionExpiredError struct{ *AdmissionError }

// Unwrap gives the refusal itself.
func (e *SessionExpiredError) Unwrap() error { return e.AdmissionError }

// InputRequiredError says that the server wants answers first (2026-07-28). Call again with [WithInputResponses].
type InputRequiredError struct {
	InputRequests map[string]json.RawMessage
	RequestState  string
	TraceID       string
}

func (e *InputRequiredError) Error() string {
	return fmt.Sprintf("mcpgateway: the server asks for %d answers before it goes on", len(e.InputRequests))
}

// GoString leaves the questions and the state out.
func (e *InputRequiredError) GoString() string { return e.Error() }

// ToolError is a tool's own failure, as [ToolResult.Err] gives it. What the tool said of it is data of the call: e.Result.Text().
type ToolError struct {
	Result *ToolResult
}

func (e *ToolError) Error() string {
	return "mcpgateway: the tool says that it failed" + recordOf(e.Result.TraceID)
}

// GoString leaves the result out.
func (e *ToolError) GoString() string { return e.Error() }

// ConfigurationError says what is wrong with how the client was made or called. Nothing was sent.
type ConfigurationError struct {
	Message string
	cause   error
}

func (e *ConfigurationError) Error() string { return "mcpgateway: " + e.Message }

// GoString leaves the cause out.
func (e *ConfigurationError) GoString() string { return e.Error() }

// Unwrap gives the cause, if there is one.
func (e *ConfigurationError) Unwrap() error { return e.cause }

// ApprovalTimeoutError says that nobody decided within the time of [WithWaitForApproval]. It is a [*StepUpError] as well.
type ApprovalTimeoutError struct {
	*StepUpError
	RequestID string
	Command   string // what an approver runs
}

func (e *ApprovalTimeoutError) Error() string {
	return "mcpgateway: nobody decided " + shown(e.RequestID) + " in time; a person still can, until it expires"
}

// GoString leaves details and command out.
func (e *ApprovalTimeoutError) GoString() string { return e.Error() }

// Unwrap gives the refusal.
func (e *ApprovalTimeoutError) Unwrap() error { return e.StepUpError }

// mayHaveRun says whether a call with this error can have run; `before` = an earlier attempt can, which the error then says as well.
func mayHaveRun(err error, before bool) bool {
	var says *bool
	switch fault := err.(type) {
	case *TransportError:
		says = &fault.MayHaveRun
	case *CallTimeoutError:
		says = &fault.MayHaveRun
	case *CanceledError:
		says = &fault.MayHaveRun
	default:
		return before
	}
	*says = *says || before
	return *says
}

// outcome says of a call without an answer whether it can have run.
func outcome(mayHaveRun bool, traceID string) string {
	if !mayHaveRun {
		return "; nothing has run"
	}
	return "; it may have run" + recordOf(traceID)
}

func recordOf(traceID string) string { return "; the record: agw audit explain " + traceID }

func misconfigured(cause error, format string, values ...any) *ConfigurationError {
	return &ConfigurationError{Message: fmt.Sprintf(format, values...), cause: cause}
}

// ended turns a context that is done into the caller's error.
func ended(ctx context.Context, mayHaveRun bool, traceID string) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &CallTimeoutError{MayHaveRun: mayHaveRun, TraceID: traceID}
	}
	return &CanceledError{MayHaveRun: mayHaveRun, TraceID: traceID, cause: cause}
}

const shownMax = 500

// A tool server may quote the arguments that it was given, and with them a reference to a secret.
var anyReference = regexp.MustCompile(`\$SPIKE\{[^}]*\}?`)

// shown makes a peer's text fit for one line of a log.
func shown(text string) string {
	text = anyReference.ReplaceAllString(text, "$$SPIKE{…}")
	cut := false
	for i := range text {
		if i > shownMax {
			text, cut = text[:i], true
			break
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if cut {
		return text + "…"
	}
	return text
}
