package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"precinct.example/sdk/go/mcpgateway"
)

type driver struct {
	clients map[string]*mcpgateway.Client
}

func (d *driver) close() {
	for _, kept := range d.clients {
		_ = kept.Close()
	}
}

// run makes the client anew, unless its id is known, and closes it after the line unless it has an id.
func (d *driver) run(ctx context.Context, line *step) *answer {
	if line.Operation == "close" {
		if kept := d.clients[line.ClientID]; kept != nil {
			_ = kept.Close()
		}
		return &answer{Result: struct{}{}}
	}
	kept := d.clients[line.ClientID]
	if kept == nil {
		client, err := mcpgateway.NewClient(line.Client.GatewayURL, line.Client.options()...)
		if err != nil {
			return failed(err)
		}
		kept = client
		if line.ClientID != "" {
			d.clients[line.ClientID] = kept
		} else {
			defer func() { _ = client.Close() }()
		}
	}
	return act(ctx, kept, line)
}

// caller is what clients and sessions can both do.
type caller interface {
	CallTool(context.Context, string, map[string]any, ...mcpgateway.CallOption) (*mcpgateway.ToolResult, error)
	StreamTool(context.Context, string, map[string]any, ...mcpgateway.CallOption) iter.Seq2[mcpgateway.Event, error]
	ListTools(context.Context, ...mcpgateway.CallOption) ([]mcpgateway.Tool, error)
	ListResources(context.Context, ...mcpgateway.CallOption) ([]mcpgateway.Resource, error)
	ListResourceTemplates(context.Context, ...mcpgateway.CallOption) ([]mcpgateway.ResourceTemplate, error)
	ListPrompts(context.Context, ...mcpgateway.CallOption) ([]mcpgateway.Prompt, error)
	ReadResource(context.Context, string, ...mcpgateway.CallOption) (*mcpgateway.ResourceResult, error)
	GetPrompt(context.Context, string, map[string]string, ...mcpgateway.CallOption) (*mcpgateway.PromptResult, error)
	Request(context.Context, string, any, ...mcpgateway.CallOption) (json.RawMessage, error)
	Ping(context.Context, ...mcpgateway.CallOption) error
}

func act(ctx context.Context, client *mcpgateway.Client, line *step) *answer {
	switch line.Operation {
	case "construct":
		return &answer{Result: struct{}{}}
	case "identity":
		identity := client.Identity()
		return &answer{Result: map[string]any{"source": identity.Source, "spiffe_id": orNull(identity.SPIFFEID)}}
	case "discover":
		discovery, err := client.Discover(ctx, line.Options.options()...)
		if err != nil {
			return failed(err)
		}
		return &answer{Result: discovery.Raw}
	case "session":
		return inSession(ctx, client, line)
	default:
		return operate(ctx, client, line)
	}
}

func inSession(ctx context.Context, client *mcpgateway.Client, line *step) *answer {
	var options []mcpgateway.SessionOption
	heard := &messages{}
	if line.Options.OnRequest != nil {
		options = append(options, mcpgateway.WithRequestHandler(heard.scripted(line.Options.OnRequest)))
	}
	if line.Options.OnNotification {
		options = append(options, mcpgateway.WithNotificationHandler(func(_ context.Context, method string, params json.RawMessage) {
			heard.add(event{Type: "notification", Method: method, Params: params})
		}))
	}
	session, err := client.Session(ctx, options...)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = session.Close() }()
	answers := []*answer{}
	for i := range line.Steps {
		done := operate(ctx, session, &line.Steps[i])
		done.ID, done.Events = line.Steps[i].ID, append(heard.take(), done.Events...)
		answers = append(answers, done)
	}
	return &answer{Result: map[string]any{"steps": answers, "session_id": orNull(session.ID())}}
}

func operate(ctx context.Context, by caller, line *step) *answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := []event{}
	tell := func(e event) {
		events = append(events, e)
		if len(events) == line.Options.CancelAfterEvent || (e.Type == "approval" && line.Options.CancelOnApproval) {
			cancel()
		}
	}
	options := append(line.Options.options(), mcpgateway.WithApprovalRequested(func(a mcpgateway.ApprovalRequest) { tell(approvalEvent(a)) }))
	if line.Operation == "call_tool" && (line.Options.OnProgress || line.Options.CancelAfterEvent > 0) {
		options = append(options, mcpgateway.WithProgress(func(p mcpgateway.Progress) { tell(progressEvent(p)) }))
	}
	var result any
	var err error
	arguments, _ := withSecrets(line.Arguments).(map[string]any)
	switch line.Operation {
	case "call_tool":
		var answered *mcpgateway.ToolResult
		if answered, err = by.CallTool(ctx, line.Name, arguments, options...); err == nil {
			result, err = neutral(answered, line.Options.RaiseOnError)
		}
	case "stream_tool":
		var answered *mcpgateway.ToolResult
		answered, err = stream(ctx, by, line, arguments, options, tell)
		if err == nil && answered != nil {
			result, err = neutral(answered, line.Options.RaiseOnError)
		}
	case "list_tools":
		result, err = by.ListTools(ctx, options...)
	case "list_resources":
		result, err = by.ListResources(ctx, options...)
	case "list_resource_templates":
		result, err = by.ListResourceTemplates(ctx, options...)
	case "list_prompts":
		result, err = by.ListPrompts(ctx, options...)
	case "read_resource":
		var read *mcpgateway.ResourceResult
		if read, err = by.ReadResource(ctx, line.URI, options...); err == nil {
			result = read.Raw
		}
	case "get_prompt":
		var words map[string]string
		if arguments != nil {
			words = map[string]string{}
			for name, value := range arguments {
				words[name] = fmt.Sprint(value)
			}
		}
		var got *mcpgateway.PromptResult
		if got, err = by.GetPrompt(ctx, line.Name, words, options...); err == nil {
			result = got.Raw
		}
	case "ping":
		result, err = struct{}{}, by.Ping(ctx, options...)
	case "request":
		result, err = by.Request(ctx, line.Method, withSecrets(line.Params), options...)
	default:
		err = DriverError(fmt.Sprintf("there is no operation %q", line.Operation))
	}
	if err != nil {
		done := failed(err)
		done.Events = events
		return done
	}
	return &answer{Result: result, Events: events}
}

// Cancelled stands for a caller who leaves the loop: in Go that is no error. Types that are errors here have the table's names for them.
type Cancelled struct{}

func (Cancelled) Error() string { return "the stream was left" }

// DriverError is a line that cannot be carried out.
type DriverError string

func (e DriverError) Error() string { return string(e) }

func stream(ctx context.Context, by caller, line *step, arguments map[string]any, options []mcpgateway.CallOption, tell func(event)) (*mcpgateway.ToolResult, error) {
	for happened, err := range by.StreamTool(ctx, line.Name, arguments, options...) {
		switch {
		case err != nil:
			return nil, err
		case happened.Result != nil:
			return happened.Result, nil
		case happened.Progress != nil:
			tell(progressEvent(*happened.Progress))
		case happened.Log != nil:
			tell(logEvent(*happened.Log))
		}
		if ctx.Err() != nil {
			return nil, Cancelled{}
		}
	}
	return nil, nil
}

func neutral(result *mcpgateway.ToolResult, raise bool) (any, error) {
	if raise {
		if err := result.Err(); err != nil {
			return nil, err
		}
	}
	content := result.Content
	if content == nil {
		content = []mcpgateway.Block{}
	}
	return map[string]any{
		"content": content, "structured_content": rawOrNull(result.StructuredContent), "is_error": result.IsError, "meta": rawOrNull(result.Meta),
		"text": result.Text(), "trace_id": result.TraceID,
	}, nil
}

func rawOrNull(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// withSecrets puts the helper's value where the table says {"$secret_ref": …}.
func withSecrets(value any) any {
	switch node := value.(type) {
	case map[string]any:
		if parts, ok := node["$secret_ref"].(map[string]any); ok && len(node) == 1 {
			return secret(parts)
		}
		replaced := make(map[string]any, len(node))
		for name, member := range node {
			replaced[name] = withSecrets(member)
		}
		return replaced
	case []any:
		replaced := make([]any, len(node))
		for i, member := range node {
			replaced[i] = withSecrets(member)
		}
		return replaced
	default:
		return value
	}
}

func secret(parts map[string]any) mcpgateway.Secret {
	ref, _ := parts["ref"].(string)
	var options []mcpgateway.SecretOption
	if expires, ok := parts["expires_in"].(float64); ok {
		options = append(options, mcpgateway.ExpiresIn(duration(expires)))
	}
	if scope, ok := parts["scope"].(string); ok {
		options = append(options, mcpgateway.Scope(scope))
	}
	return mcpgateway.SecretRef(ref, options...)
}

// messages are what servers asked and said since they were last taken.
type messages struct {
	mutex sync.Mutex
	heard []event
}

func (m *messages) add(one event) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.heard = append(m.heard, one)
}

func (m *messages) take() []event {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	heard := m.heard
	m.heard = nil
	return heard
}

// scripted answers a server's requests as the line says: method → result.
func (m *messages) scripted(results map[string]json.RawMessage) mcpgateway.RequestHandler {
	return func(_ context.Context, method string, params json.RawMessage) (any, error) {
		result, ok := results[method]
		if !ok {
			return nil, mcpgateway.ErrNoSuchRequest
		}
		m.add(event{Type: "request", Method: method, Params: params})
		return result, nil
	}
}
