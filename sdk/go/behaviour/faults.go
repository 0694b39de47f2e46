package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"precinct.example/sdk/go/mcpgateway"
)

type fault struct {
	Class         string         `json:"class"`
	Code          string         `json:"code,omitempty"`
	Step          *int           `json:"step,omitempty"`
	Middleware    string         `json:"middleware,omitempty"`
	ReasonCode    string         `json:"reason_code,omitempty"`
	Message       string         `json:"message"`
	DecisionID    string         `json:"decision_id,omitempty"`
	TraceID       string         `json:"trace_id,omitempty"`
	Remediation   string         `json:"remediation,omitempty"`
	DocsURL       string         `json:"docs_url,omitempty"`
	RetryAfter    *float64       `json:"retry_after,omitempty"`
	Details       map[string]any `json:"details,omitempty"`
	HTTPStatus    int            `json:"http_status,omitempty"`
	ContentType   string         `json:"content_type,omitempty"`
	RPCCode       *int           `json:"rpc_code,omitempty"`
	MayHaveRun    *bool          `json:"may_have_run,omitempty"`
	RequestID     string         `json:"request_id,omitempty"`
	Command       string         `json:"command,omitempty"`
	InputRequests any            `json:"input_requests,omitempty"`
	RequestState  string         `json:"request_state,omitempty"`
	Shown         string         `json:"shown"`
}

// failed says an error as the table says it. Its class is the type's own name.
func failed(err error) *answer {
	f := &fault{Message: err.Error(), Shown: fmt.Sprintf("%s\n%v\n%+v\n%#v\n%q", err.Error(), err, err, err, err)}
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	f.Class = kind.Name()
	var refusal *mcpgateway.GatewayError
	if errors.As(err, &refusal) {
		f.refused(refusal)
	}
	var protocol *mcpgateway.ProtocolError
	if errors.As(err, &protocol) {
		f.Message, f.RPCCode, f.HTTPStatus, f.TraceID = protocol.Message, &protocol.RPCCode, protocol.HTTPStatus, protocol.TraceID
		_ = json.Unmarshal(protocol.Data, &f.Details)
	}
	var transport *mcpgateway.TransportError
	if errors.As(err, &transport) {
		f.Message, f.MayHaveRun, f.HTTPStatus, f.ContentType = transport.Message, &transport.MayHaveRun, transport.HTTPStatus, transport.ContentType
		f.TraceID, f.RetryAfter = transport.TraceID, inSeconds(transport.RetryAfter)
	}
	var late *mcpgateway.CallTimeoutError
	if errors.As(err, &late) {
		f.MayHaveRun, f.TraceID = &late.MayHaveRun, late.TraceID
	}
	var canceled *mcpgateway.CanceledError
	if errors.As(err, &canceled) {
		f.Class, f.MayHaveRun, f.TraceID = "Cancelled", &canceled.MayHaveRun, canceled.TraceID
	}
	var asks *mcpgateway.InputRequiredError
	if errors.As(err, &asks) {
		f.InputRequests, f.RequestState, f.TraceID = asks.InputRequests, asks.RequestState, asks.TraceID
	}
	var tool *mcpgateway.ToolError
	if errors.As(err, &tool) {
		f.Message, f.TraceID = tool.Result.Text(), tool.Result.TraceID
	}
	var undecided *mcpgateway.ApprovalTimeoutError
	if errors.As(err, &undecided) {
		f.RequestID, f.Command = undecided.RequestID, undecided.Command
	}
	return &answer{Error: f}
}

func (f *fault) refused(refusal *mcpgateway.GatewayError) {
	f.Code, f.Middleware, f.ReasonCode, f.Message = refusal.Code, refusal.Middleware, refusal.ReasonCode, refusal.Message
	if refusal.Step >= 0 {
		f.Step = &refusal.Step
	}
	f.DecisionID, f.TraceID, f.Remediation, f.DocsURL = refusal.DecisionID, refusal.TraceID, refusal.Remediation, refusal.DocsURL
	f.RetryAfter, f.Details, f.HTTPStatus = inSeconds(refusal.RetryAfter), refusal.Details, refusal.HTTPStatus
	if refusal.RPCCode != 0 {
		f.RPCCode = &refusal.RPCCode
	}
	f.RequestID, _ = refusal.Details["request_id"].(string)
	f.Command, _ = refusal.Details["command"].(string)
}

func inSeconds(after *time.Duration) *float64 {
	if after == nil {
		return nil
	}
	seconds := after.Seconds()
	return &seconds
}
