package mcpgateway

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
)

// operations are what a Client and a Session can both do.
type operations struct {
	core  *core
	route func(context.Context, *question) (*answer, error)
}

const pagesMax = 1000

// CallTool calls a tool. That the tool failed is no error: see [ToolResult.IsError] and [ToolResult.Err].
func (o operations) CallTool(ctx context.Context, name string, arguments map[string]any, options ...CallOption) (*ToolResult, error) {
	settings, err := o.core.callConfig(options)
	if err != nil {
		return nil, err
	}
	return o.callTool(ctx, name, arguments, settings)
}

func (o operations) callTool(ctx context.Context, name string, arguments map[string]any, settings callConfig) (*ToolResult, error) {
	if arguments == nil {
		arguments = map[string]any{}
	}
	a, err := o.do(ctx, "tools/call", map[string]any{"name": name, "arguments": arguments}, settings)
	if err != nil {
		return nil, err
	}
	return readToolResult(a)
}

// StreamTool calls a tool when the sequence is ranged over, and again each time it is. It gives progress and log messages as they come, and
// the result last; an error ends it. Leaving the loop early cancels the call. WithTimeout bounds the whole of it.
func (o operations) StreamTool(ctx context.Context, name string, arguments map[string]any, options ...CallOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		settings, err := o.core.callConfig(options)
		if err != nil {
			yield(Event{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		left := false
		give := func(event Event) {
			if !left && !yield(event, nil) {
				left = true
				cancel()
			}
		}
		alsoProgress, alsoLog := settings.onProgress, settings.onLog
		settings.onProgress = func(progress Progress) {
			if alsoProgress != nil {
				alsoProgress(progress)
			}
			give(Event{Progress: &progress})
		}
		settings.onLog = func(message LogMessage) {
			if alsoLog != nil {
				alsoLog(message)
			}
			give(Event{Log: &message})
		}
		result, err := o.callTool(ctx, name, arguments, settings)
		switch {
		case left:
		case err != nil:
			yield(Event{}, err)
		default:
			yield(Event{Result: result}, nil)
		}
	}
}

// ListTools lists the tools that the caller may see, all pages of them.
func (o operations) ListTools(ctx context.Context, options ...CallOption) ([]Tool, error) {
	tools, err := listOf[Tool](ctx, o, "tools/list", "tools", options)
	if err == nil {
		o.core.marks.learn(tools)
	}
	return tools, err
}

// ListResources lists the resources, all pages of them.
func (o operations) ListResources(ctx context.Context, options ...CallOption) ([]Resource, error) {
	return listOf[Resource](ctx, o, "resources/list", "resources", options)
}

// ListResourceTemplates lists the resource templates, all pages of them.
func (o operations) ListResourceTemplates(ctx context.Context, options ...CallOption) ([]ResourceTemplate, error) {
	return listOf[ResourceTemplate](ctx, o, "resources/templates/list", "resourceTemplates", options)
}

// ListPrompts lists the prompts, all pages of them.
func (o operations) ListPrompts(ctx context.Context, options ...CallOption) ([]Prompt, error) {
	return listOf[Prompt](ctx, o, "prompts/list", "prompts", options)
}

// ReadResource reads a resource.
func (o operations) ReadResource(ctx context.Context, uri string, options ...CallOption) (*ResourceResult, error) {
	a, err := o.ask(ctx, "resources/read", map[string]any{"uri": uri}, options)
	if err != nil {
		return nil, err
	}
	result := &ResourceResult{Raw: a.result, TraceID: a.traceID}
	if json.Unmarshal(a.result, result) != nil {
		return nil, a.unreadable()
	}
	return result, nil
}

// GetPrompt fills in a prompt.
func (o operations) GetPrompt(ctx context.Context, name string, arguments map[string]string, options ...CallOption) (*PromptResult, error) {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	a, err := o.ask(ctx, "prompts/get", params, options)
	if err != nil {
		return nil, err
	}
	result := &PromptResult{Raw: a.result, TraceID: a.traceID}
	if json.Unmarshal(a.result, result) != nil {
		return nil, a.unreadable()
	}
	return result, nil
}

// Request sends any other request; params is nil, or becomes a JSON object. The result is given as it came.
func (o operations) Request(ctx context.Context, method string, params any, options ...CallOption) (json.RawMessage, error) {
	a, err := o.ask(ctx, method, params, options)
	if err != nil {
		return nil, err
	}
	return a.result, nil
}

// Discover asks what the gateway offers (server/discover, 2026-07-28).
func (c *Client) Discover(ctx context.Context, options ...CallOption) (*Discovery, error) {
	if c.core.config.era == EraLegacy {
		return nil, misconfigured(nil, "server/discover is no method of %s", EraLegacy)
	}
	a, err := c.ask(ctx, "server/discover", nil, options)
	if err != nil {
		return nil, err
	}
	discovery := &Discovery{Raw: a.result}
	if json.Unmarshal(a.result, discovery) != nil {
		return nil, a.unreadable()
	}
	return discovery, nil
}

// Ping asks for a sign of life: ping in a session, and server/discover where there is no ping (2026-07-28).
func (c *Client) Ping(ctx context.Context, options ...CallOption) error {
	method := methodPing
	if c.core.config.era != EraLegacy {
		method = "server/discover"
	}
	_, err := c.ask(ctx, method, nil, options)
	return err
}

func (o operations) ask(ctx context.Context, method string, params any, options []CallOption) (*answer, error) {
	settings, err := o.core.callConfig(options)
	if err != nil {
		return nil, err
	}
	return o.do(ctx, method, params, settings)
}

func (c *core) callConfig(options []CallOption) (callConfig, error) {
	settings := c.config.call
	for _, option := range options {
		option.applyToCall(&settings)
	}
	return settings, settings.check()
}

func listOf[Entry any](ctx context.Context, o operations, method, member string, options []CallOption) ([]Entry, error) {
	settings, err := o.core.callConfig(options)
	if err != nil {
		return nil, err
	}
	// The time-out is one for all pages: each by itself would have it, and a list that does not end has a thousand.
	ctx, cancel := o.core.around.within(ctx, settings.timeout)
	defer cancel()
	entries, cursor := []Entry{}, ""
	for range pagesMax {
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		a, err := o.do(ctx, method, params, settings)
		if err != nil {
			return nil, err
		}
		var page []Entry
		if json.Unmarshal(a.members[member], &page) != nil {
			return nil, a.unreadable()
		}
		entries = append(entries, page...)
		if cursor = stringIn(a.members, "nextCursor"); cursor == "" {
			return entries, nil
		}
	}
	return nil, &ProtocolError{Message: fmt.Sprintf("%s does not end: it has more than %d pages", method, pagesMax)}
}
