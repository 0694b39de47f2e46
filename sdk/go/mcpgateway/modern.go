package mcpgateway

import (
	"context"
	"encoding/json"
	"maps"
)

// sendModern asks once, as 2026-07-28 has it: everything the gateway must know stands in the request.
func (c *core) sendModern(ctx context.Context, q *question) (*answer, error) {
	id := c.lastID.Add(1)
	meta := map[string]any{
		metaProtocolVersion: EraModern, metaCapabilities: c.config.session.offered(false),
		metaClientInfo: c.config.clientInfo(),
	}
	if q.settings.onProgress != nil {
		meta["progressToken"] = id
	}
	if _, own := q.meta[metaLogLevel]; q.settings.onLog != nil && !own {
		meta[metaLogLevel] = logLevelWanted
	}
	body, err := q.body(id, meta)
	if err != nil {
		return nil, err
	}
	header := map[string]string{versionHeader: string(EraModern), "Mcp-Method": q.method, "traceparent": q.traceparent}
	if q.subject != "" {
		header["Mcp-Name"] = mirrored(q.subject)
	}
	if q.method == "tools/call" {
		maps.Copy(header, paramHeaders(c.marks.of(q.subject), q.params["arguments"]))
	}
	return c.post(ctx, &posting{id: id, body: body, header: header, traceID: q.traceID, onMessage: func(m message) { q.hear(m, id) }})
}

func (c *config) clientInfo() map[string]string {
	return map[string]string{"name": c.clientName, "version": c.clientVersion}
}

// offered are the capabilities that a server is told: what the client's maker named; in a session with a handler, by default, all that a server can ask for.
func (s sessionConfig) offered(inSession bool) map[string]any {
	if s.capabilities != nil {
		return s.capabilities
	}
	if inSession && s.onRequest != nil {
		return map[string]any{"sampling": map[string]any{}, "elicitation": map[string]any{}, "roots": map[string]any{}}
	}
	return map[string]any{}
}

// hear takes a notification that came before the answer.
func (q *question) hear(m message, token int64) {
	switch m.Method {
	case "notifications/progress":
		var params struct {
			Progress
			Token *int64 `json:"progressToken"`
		}
		if q.settings.onProgress != nil && json.Unmarshal(m.Params, &params) == nil && params.Token != nil && *params.Token == token {
			q.settings.onProgress(params.Progress)
		}
	case "notifications/message":
		var params LogMessage
		if q.settings.onLog != nil && json.Unmarshal(m.Params, &params) == nil {
			q.settings.onLog(params)
		}
	}
}
