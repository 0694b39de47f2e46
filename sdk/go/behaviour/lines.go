package main

import (
	"context"
	"encoding/json"
	"time"

	"precinct.example/sdk/go/mcpgateway"
)

// step is a line in.
type step struct {
	ID        any               `json:"id"`
	Client    clientSettings    `json:"client"`
	ClientID  string            `json:"client_id"`
	Env       map[string]string `json:"env"`
	Operation string            `json:"operation"`
	Name      string            `json:"name"`
	Arguments map[string]any    `json:"arguments"`
	URI       string            `json:"uri"`
	Method    string            `json:"method"`
	Params    any               `json:"params"`
	Options   callSettings      `json:"options"`
	Steps     []step            `json:"steps"`
}

type clientSettings struct {
	GatewayURL      string         `json:"gateway_url"`
	SPIFFEID        string         `json:"spiffe_id"`
	JWTSVID         string         `json:"jwt_svid"`
	CertFile        string         `json:"cert_file"`
	KeyFile         string         `json:"key_file"`
	CAFile          string         `json:"ca_file"`
	WorkloadAPI     string         `json:"workload_api"`
	Audience        string         `json:"audience"`
	GatewaySPIFFEID string         `json:"gateway_spiffe_id"`
	Era             string         `json:"era"`
	Timeout         *float64       `json:"timeout"`
	MaxRetries      *int           `json:"max_retries"`
	BackoffBase     *float64       `json:"backoff_base"`
	WaitForApproval *float64       `json:"wait_for_approval"`
	Traceparent     string         `json:"traceparent"`
	ClientName      string         `json:"client_name"`
	ClientVersion   string         `json:"client_version"`
	Capabilities    map[string]any `json:"client_capabilities"`
	MaxAnswerBytes  *int64         `json:"max_answer_bytes"`
}

func (c clientSettings) options() []mcpgateway.Option {
	var options []mcpgateway.Option
	given := func(is bool, option mcpgateway.Option) {
		if is {
			options = append(options, option)
		}
	}
	given(c.SPIFFEID != "", mcpgateway.WithSPIFFEID(c.SPIFFEID))
	given(c.JWTSVID != "", mcpgateway.WithJWTSVID(c.JWTSVID))
	given(c.CertFile != "" || c.KeyFile != "", mcpgateway.WithCertificateFiles(c.CertFile, c.KeyFile))
	given(c.CAFile != "", mcpgateway.WithCAFile(c.CAFile))
	given(c.WorkloadAPI != "", mcpgateway.WithWorkloadAPI(c.WorkloadAPI))
	given(c.Audience != "", mcpgateway.WithAudience(c.Audience))
	given(c.GatewaySPIFFEID != "", mcpgateway.WithGatewaySPIFFEID(c.GatewaySPIFFEID))
	given(c.Era != "", mcpgateway.WithEra(mcpgateway.Era(c.Era)))
	given(c.Traceparent != "", mcpgateway.WithTraceparent(func(context.Context) string { return c.Traceparent }))
	given(c.ClientName != "", mcpgateway.WithClientInfo(c.ClientName, c.ClientVersion))
	given(c.Capabilities != nil, mcpgateway.WithClientCapabilities(c.Capabilities))
	if c.Timeout != nil {
		options = append(options, mcpgateway.WithTimeout(duration(*c.Timeout)))
	}
	if c.MaxRetries != nil {
		options = append(options, mcpgateway.WithMaxRetries(*c.MaxRetries))
	}
	if c.BackoffBase != nil {
		options = append(options, mcpgateway.WithBackoffBase(duration(*c.BackoffBase)))
	}
	if c.WaitForApproval != nil {
		options = append(options, mcpgateway.WithWaitForApproval(duration(*c.WaitForApproval)))
	}
	if c.MaxAnswerBytes != nil {
		options = append(options, mcpgateway.WithMaxAnswerBytes(*c.MaxAnswerBytes))
	}
	return options
}

type callSettings struct {
	Timeout          *float64                   `json:"timeout"`
	Idempotent       bool                       `json:"idempotent"`
	WaitForApproval  *float64                   `json:"wait_for_approval"`
	OnProgress       bool                       `json:"on_progress"`
	Meta             map[string]any             `json:"meta"`
	InputResponses   map[string]any             `json:"input_responses"`
	RequestState     string                     `json:"request_state"`
	CancelAfterEvent int                        `json:"cancel_after_event"`
	CancelOnApproval bool                       `json:"cancel_on_approval"`
	OnRequest        map[string]json.RawMessage `json:"on_request"`
	OnNotification   bool                       `json:"on_notification"`
	RaiseOnError     bool                       `json:"raise_on_error"`
}

func (c callSettings) options() []mcpgateway.CallOption {
	var options []mcpgateway.CallOption
	if c.Timeout != nil {
		options = append(options, mcpgateway.WithTimeout(duration(*c.Timeout)))
	}
	if c.Idempotent {
		options = append(options, mcpgateway.WithIdempotent())
	}
	if c.WaitForApproval != nil {
		options = append(options, mcpgateway.WithWaitForApproval(duration(*c.WaitForApproval)))
	}
	if c.Meta != nil {
		options = append(options, mcpgateway.WithMeta(c.Meta))
	}
	if c.InputResponses != nil || c.RequestState != "" {
		options = append(options, mcpgateway.WithInputResponses(c.InputResponses, c.RequestState))
	}
	return options
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// answer is a line out.
type answer struct {
	ID     any     `json:"id,omitempty"`
	Result any     `json:"result,omitempty"`
	Events []event `json:"events"`
	Error  *fault  `json:"error,omitempty"`
}

type event struct {
	Type      string          `json:"type"`
	Progress  *float64        `json:"progress,omitempty"`
	Total     *float64        `json:"total,omitempty"`
	Message   string          `json:"message,omitempty"`
	Level     string          `json:"level,omitempty"`
	Logger    string          `json:"logger,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`
	Method    string          `json:"method,omitempty"`
	Params    json.RawMessage `json:"params,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Command   string          `json:"command,omitempty"`
	ExpiresAt string          `json:"expires_at,omitempty"`
}

func progressEvent(p mcpgateway.Progress) event {
	return event{Type: "progress", Progress: &p.Progress, Total: p.Total, Message: p.Message}
}

func logEvent(m mcpgateway.LogMessage) event {
	return event{Type: "log", Level: m.Level, Logger: m.Logger, Data: m.Data}
}

func approvalEvent(a mcpgateway.ApprovalRequest) event {
	return event{Type: "approval", RequestID: a.RequestID, Command: a.Command, ExpiresAt: a.ExpiresAt}
}
