package mcpgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// ToolResult is what a tool answered.
type ToolResult struct {
	Content           []Block
	StructuredContent json.RawMessage // nil = there is none
	IsError           bool            // the tool ran and failed
	Meta              json.RawMessage
	Raw               json.RawMessage // the result as it came
	TraceID           string
}

// Text is the text blocks, one under the other.
func (r *ToolResult) Text() string {
	var texts []string
	for _, block := range r.Content {
		if block.Type == "text" {
			texts = append(texts, block.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// Err is a [*ToolError] if the tool failed, else nil.
func (r *ToolResult) Err() error {
	if !r.IsError {
		return nil
	}
	return &ToolError{Result: r}
}

// Decode reads the structured content into a value, as json.Unmarshal does.
func (r *ToolResult) Decode(into any) error {
	if r.StructuredContent == nil {
		return errors.New("mcpgateway: the result has no structured content")
	}
	return json.Unmarshal(r.StructuredContent, into)
}

// Block is one piece of content: a text, an image, a resource. What is not named here is in Raw.
type Block struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Data     []byte `json:"data"`
	MIMEType string `json:"mimeType"`
	URI      string `json:"uri"`
	Raw      json.RawMessage
}

// MarshalJSON writes the block as it came.
func (b Block) MarshalJSON() ([]byte, error) { return rawOr(b.Raw) }

// UnmarshalJSON keeps the block as it came. A member of another kind than usual is left to Raw.
func (b *Block) UnmarshalJSON(text []byte) error {
	members := membersOf(text)
	*b = Block{Type: stringIn(members, "type"), Text: stringIn(members, "text"), MIMEType: stringIn(members, "mimeType"), URI: stringIn(members, "uri"), Raw: bytes.Clone(text)}
	_ = json.Unmarshal(members["data"], &b.Data)
	return nil
}

// Tool is one entry of tools/list.
type Tool struct {
	Name         string
	Title        string
	Description  string
	InputSchema  json.RawMessage
	OutputSchema json.RawMessage
	Annotations  json.RawMessage
	Raw          json.RawMessage
}

// MarshalJSON writes the entry as it came.
func (t Tool) MarshalJSON() ([]byte, error) { return rawOr(t.Raw) }

// UnmarshalJSON keeps the entry as it came.
func (t *Tool) UnmarshalJSON(text []byte) error {
	members := membersOf(text)
	*t = Tool{
		Name: stringIn(members, "name"), Title: stringIn(members, "title"), Description: stringIn(members, "description"),
		InputSchema: members["inputSchema"], OutputSchema: members["outputSchema"], Annotations: members["annotations"], Raw: bytes.Clone(text),
	}
	return nil
}

// Resource is one entry of resources/list.
type Resource struct {
	URI         string
	Name        string
	Title       string
	Description string
	MIMEType    string
	Raw         json.RawMessage
}

// MarshalJSON writes the entry as it came.
func (r Resource) MarshalJSON() ([]byte, error) { return rawOr(r.Raw) }

// UnmarshalJSON keeps the entry as it came.
func (r *Resource) UnmarshalJSON(text []byte) error {
	members := membersOf(text)
	*r = Resource{
		URI: stringIn(members, "uri"), Name: stringIn(members, "name"), Title: stringIn(members, "title"), Description: stringIn(members, "description"),
		MIMEType: stringIn(members, "mimeType"), Raw: bytes.Clone(text),
	}
	return nil
}

// ResourceTemplate is one entry of resources/templates/list.
type ResourceTemplate struct {
	URITemplate string
	Name        string
	Title       string
	Description string
	MIMEType    string
	Raw         json.RawMessage
}

// MarshalJSON writes the entry as it came.
func (r ResourceTemplate) MarshalJSON() ([]byte, error) { return rawOr(r.Raw) }

// UnmarshalJSON keeps the entry as it came.
func (r *ResourceTemplate) UnmarshalJSON(text []byte) error {
	members := membersOf(text)
	*r = ResourceTemplate{
		URITemplate: stringIn(members, "uriTemplate"), Name: stringIn(members, "name"), Title: stringIn(members, "title"),
		Description: stringIn(members, "description"), MIMEType: stringIn(members, "mimeType"), Raw: bytes.Clone(text),
	}
	return nil
}

// ResourceResult is the answer of resources/read.
type ResourceResult struct {
	Contents []ResourceContents `json:"contents"`
	Raw      json.RawMessage    `json:"-"`
	TraceID  string             `json:"-"`
}

// ResourceContents is one part of a resource: Text, or Blob.
type ResourceContents struct {
	URI      string          `json:"uri"`
	MIMEType string          `json:"mimeType"`
	Text     string          `json:"text"`
	Blob     []byte          `json:"blob"`
	Meta     json.RawMessage `json:"_meta"`
}

// Prompt is one entry of prompts/list.
type Prompt struct {
	Name        string
	Title       string
	Description string
	Arguments   json.RawMessage
	Raw         json.RawMessage
}

// MarshalJSON writes the entry as it came.
func (p Prompt) MarshalJSON() ([]byte, error) { return rawOr(p.Raw) }

// UnmarshalJSON keeps the entry as it came.
func (p *Prompt) UnmarshalJSON(text []byte) error {
	members := membersOf(text)
	*p = Prompt{
		Name: stringIn(members, "name"), Title: stringIn(members, "title"), Description: stringIn(members, "description"),
		Arguments: members["arguments"], Raw: bytes.Clone(text),
	}
	return nil
}

// PromptResult is the answer of prompts/get.
type PromptResult struct {
	Description string          `json:"description"`
	Messages    []PromptMessage `json:"messages"`
	Raw         json.RawMessage `json:"-"`
	TraceID     string          `json:"-"`
}

// PromptMessage is one message of a prompt.
type PromptMessage struct {
	Role    string `json:"role"`
	Content Block  `json:"content"`
}

// Discovery is the answer of server/discover (2026-07-28).
type Discovery struct {
	SupportedVersions []string        `json:"supportedVersions"`
	Capabilities      json.RawMessage `json:"capabilities"`
	Instructions      string          `json:"instructions"`
	Raw               json.RawMessage `json:"-"`
}

// Progress is how far a call has come.
type Progress struct {
	Progress float64  `json:"progress"`
	Total    *float64 `json:"total"` // nil = nobody knows
	Message  string   `json:"message"`
}

// LogMessage is what a server said while it ran the call.
type LogMessage struct {
	Level  string          `json:"level"`
	Logger string          `json:"logger"`
	Data   json.RawMessage `json:"data"`
}

// Event is one step of a streamed call: exactly one member is set, and Result comes last.
type Event struct {
	Progress *Progress
	Log      *LogMessage
	Result   *ToolResult
}

func readToolResult(a *answer) (*ToolResult, error) {
	if a.members == nil {
		return nil, a.unreadable()
	}
	result := &ToolResult{StructuredContent: a.members["structuredContent"], Meta: a.members["_meta"], Raw: a.result, TraceID: a.traceID}
	if content, ok := a.members["content"]; ok && json.Unmarshal(content, &result.Content) != nil {
		return nil, a.unreadable()
	}
	_ = json.Unmarshal(a.members["isError"], &result.IsError)
	return result, nil
}

func (a *answer) unreadable() error {
	return &TransportError{Message: "the result has another shape than the protocol gives it", MayHaveRun: true, HTTPStatus: a.status, TraceID: a.traceID}
}

// membersOf is nil for what is no object.
func membersOf(text []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil
	}
	return members
}

func stringIn(members map[string]json.RawMessage, name string) string {
	var text string
	_ = json.Unmarshal(members[name], &text)
	return text
}

func rawOr(raw json.RawMessage) ([]byte, error) {
	if raw == nil {
		return []byte("null"), nil
	}
	return raw, nil
}
