package mcpgateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
)

const (
	metaPrefix          = "io.modelcontextprotocol/"
	metaProtocolVersion = metaPrefix + "protocolVersion"
	metaCapabilities    = metaPrefix + "clientCapabilities"
	metaClientInfo      = metaPrefix + "clientInfo"
	metaLogLevel        = metaPrefix + "logLevel"
	logLevelWanted      = "debug"
)

// question is one call, written once: each time it is sent, it says the same.
type question struct {
	method      string
	params      map[string]json.RawMessage
	meta        map[string]json.RawMessage // the caller's own
	subject     string                     // what Mcp-Name repeats; "" = nothing
	settings    callConfig
	traceparent string
	traceID     string
}

func (c *core) newQuestion(ctx context.Context, method string, params any, settings callConfig) (*question, error) {
	q := &question{method: method, settings: settings, params: map[string]json.RawMessage{}, meta: map[string]json.RawMessage{}}
	if params != nil {
		text, err := asJSON(params)
		if err != nil {
			return nil, err
		}
		if q.params = membersOf(text); q.params == nil {
			return nil, misconfigured(nil, "the params of %s are no JSON object", method)
		}
	}
	if own, ok := q.params["_meta"]; ok {
		if q.meta = membersOf(own); q.meta == nil {
			return nil, misconfigured(nil, "_meta is no JSON object")
		}
	}
	if err := addMembers(q.meta, settings.meta); err != nil {
		return nil, err
	}
	continued := map[string]any{}
	if settings.inputResponses != nil {
		continued["inputResponses"] = settings.inputResponses
	}
	if settings.requestState != "" {
		continued["requestState"] = settings.requestState
	}
	if err := addMembers(q.params, continued); err != nil {
		return nil, err
	}
	switch method {
	case "tools/call", "prompts/get":
		q.subject = stringIn(q.params, "name")
	case "resources/read":
		q.subject = stringIn(q.params, "uri")
	}
	q.traceparent, q.traceID = c.traceOf(ctx)
	return q, nil
}

// body is the message with this id. Members are in the order of their names, so that a repetition is the same to the byte but for its id.
func (q *question) body(id int64, meta map[string]any) ([]byte, error) {
	all := maps.Clone(q.meta)
	if err := addMembers(all, meta); err != nil {
		return nil, err
	}
	params := maps.Clone(q.params)
	if len(all) > 0 {
		if err := addMembers(params, map[string]any{"_meta": all}); err != nil {
			return nil, err
		}
	}
	return asJSON(request{JSONRPC: "2.0", ID: &id, Method: q.method, Params: params})
}

type request struct {
	JSONRPC string `json:"jsonrpc"`
	ID      *int64 `json:"id,omitempty"`
	Method  string `json:"method"`
	Params  any    `json:"params,omitempty"`
}

func addMembers(to map[string]json.RawMessage, members map[string]any) error {
	for name, value := range members {
		text, err := asJSON(value)
		if err != nil {
			return err
		}
		to[name] = text
	}
	return nil
}

// asJSON writes no HTML escapes. Its fault names a type and never a value.
func asJSON(value any) (json.RawMessage, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		var own *ConfigurationError
		if errors.As(err, &own) {
			return nil, own
		}
		var unknown *json.UnsupportedTypeError
		if errors.As(err, &unknown) {
			return nil, misconfigured(nil, "arguments cannot be written as JSON: %s has no such form", unknown.Type)
		}
		return nil, misconfigured(nil, "arguments cannot be written as JSON")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte{'\n'}), nil
}

// markTable remembers which arguments of which tool travel in headers as well.
type markTable struct {
	mutex sync.Mutex
	known map[string][]paramMark
}

func (t *markTable) learn(tools []Tool) {
	known := map[string][]paramMark{}
	for _, tool := range tools {
		if marks := readParamMarks(tool.InputSchema); marks != nil {
			known[tool.Name] = marks
		}
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.known = known
}

func (t *markTable) of(tool string) []paramMark {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.known[tool]
}
