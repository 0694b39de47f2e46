package mcpgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const caller = "spiffe://poc.local/agents/mcp-client/my-agent/dev"

func TestACallSaysWhatTheEraWants(t *testing.T) {
	s := startServer(t, says("hello"))
	client := newTestClient(t, newFakeClock(), s.URL, WithSPIFFEID(caller))
	result, err := client.CallTool(context.Background(), "my_tool", map[string]any{"query": "<a&b>", "n": 1})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "text", result.Text(), "hello")
	was := s.seen()[0]
	check(t, "X-SPIFFE-ID", was.header.Get("X-SPIFFE-ID"), caller)
	check(t, "MCP-Protocol-Version", was.header.Get("MCP-Protocol-Version"), "2026-07-28")
	check(t, "Mcp-Method", was.header.Get("Mcp-Method"), "tools/call")
	check(t, "Mcp-Name", was.header.Get("Mcp-Name"), "my_tool")
	check(t, "Accept", was.header.Get("Accept"), "application/json, text/event-stream")
	check(t, "Accept-Encoding", was.header.Get("Accept-Encoding"), "")
	check(t, "Content-Type", was.header.Get("Content-Type"), "application/json")
	check(t, "id", was.id, "1")
	check(t, "arguments", was.param("arguments"), `{"n":1,"query":"<a&b>"}`)
	check(t, "version", was.meta(metaProtocolVersion), `"2026-07-28"`)
	check(t, "capabilities", was.meta(metaCapabilities), `{}`)
	check(t, "client", was.meta(metaClientInfo), `{"name":"precinct-sdk-go","version":"0.1.0"}`)
	check(t, "progressToken", was.meta("progressToken"), "")
	trace := was.header.Get("traceparent")
	if !traceShape.MatchString(trace) || !strings.Contains(trace, result.TraceID) {
		t.Errorf("traceparent %q does not hold the result's trace id %q", trace, result.TraceID)
	}
}

func TestIDsCountUpAndNoArgumentsAreEmptyOnes(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL)
	for range 3 {
		if _, err := client.CallTool(context.Background(), "t", nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, was := range s.seen() {
		check(t, "id", was.id, fmt.Sprint(i+1))
		check(t, "arguments", was.param("arguments"), "{}")
	}
}

func TestResultsKeepWhatCame(t *testing.T) {
	const content = `[{"type":"text","text":"one"},{"type":"image","data":"AAAA","mimeType":"image/png"},{"type":"text","text":"two"},{"type":"hologram","depth":12345678901234567890}]`
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendResult(w, was, `{"content":`+content+`,"structuredContent":{"rows":[1]},"_meta":{"a":1},"isError":true}`)
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	result, err := client.CallTool(context.Background(), "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := json.Marshal(result.Content)
	if err != nil {
		t.Fatal(err)
	}
	checkJSON(t, "content", string(blocks), content)
	check(t, "text", result.Text(), "one\ntwo")
	check(t, "image", len(result.Content[1].Data), 3)
	check(t, "meta", string(result.Meta), `{"a":1}`)
	var rows struct{ Rows []int }
	if err := result.Decode(&rows); err != nil || len(rows.Rows) != 1 {
		t.Errorf("structured content: %v %v", rows, err)
	}
	var failed *ToolError
	if !result.IsError || !errors.As(result.Err(), &failed) || failed.Result != result {
		t.Errorf("a failed tool: %v", result.Err())
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", failed, failed, failed), "one") {
		t.Error("a ToolError shows what the tool said")
	}
}

func TestListsFollowTheirPages(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		switch was.param("cursor") {
		case "":
			sendResult(w, was, `{"tools":[{"name":"a","inputSchema":{"type":"object"},"x":1}],"nextCursor":"two"}`)
		default:
			sendResult(w, was, `{"tools":[{"name":"b"}]}`)
		}
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	tools, err := client.ListTools(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(tools)
	checkJSON(t, "tools", string(text), `[{"name":"a","inputSchema":{"type":"object"},"x":1},{"name":"b"}]`)
	check(t, "cursor", s.seen()[1].param("cursor"), `"two"`)
}

func TestAListThatDoesNotEndIsAnError(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendResult(w, was, `{"prompts":[],"nextCursor":"again"}`)
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	_, err := client.ListPrompts(context.Background())
	var protocol *ProtocolError
	if !errors.As(err, &protocol) || len(s.seen()) != pagesMax {
		t.Errorf("%v after %d pages", err, len(s.seen()))
	}
}

func TestThePagesOfAListShareOneTimeOut(t *testing.T) {
	clock := newFakeClock()
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		clock.advance(4 * time.Second)
		sendResult(w, was, `{"prompts":[],"nextCursor":"again"}`)
	})
	client := newTestClient(t, clock, s.URL, WithWaitForApproval(time.Hour)) // which is for calls
	_, err := client.ListPrompts(context.Background(), WithTimeout(10*time.Second))
	var late *CallTimeoutError
	if !errors.As(err, &late) || len(s.seen()) != 3 {
		t.Errorf("%v after %d pages", err, len(s.seen()))
	}
}

func TestTheOtherOperations(t *testing.T) {
	results := map[string]string{
		"resources/list":           `{"resources":[{"uri":"file:///a","name":"a","mimeType":"text/plain"}]}`,
		"resources/templates/list": `{"resourceTemplates":[{"uriTemplate":"file:///{x}","name":"x"}]}`,
		"resources/read":           `{"contents":[{"uri":"file:///ü","text":"hi","blob":"AAAA"}]}`,
		"prompts/list":             `{"prompts":[{"name":"greet","arguments":[{"name":"who"}]}]}`,
		"prompts/get":              `{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"hi"}}]}`,
		"server/discover":          `{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"instructions":"Be brief."}`,
		"completion/complete":      `{"completion":{"values":["x"]}}`,
	}
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) { sendResult(w, was, results[was.rpc]) })
	client := newTestClient(t, newFakeClock(), s.URL)
	ctx := context.Background()
	resources, err := client.ListResources(ctx)
	if err != nil || resources[0].URI != "file:///a" || resources[0].MIMEType != "text/plain" {
		t.Errorf("resources: %v %v", resources, err)
	}
	templates, err := client.ListResourceTemplates(ctx)
	if err != nil || templates[0].URITemplate != "file:///{x}" {
		t.Errorf("templates: %v %v", templates, err)
	}
	read, err := client.ReadResource(ctx, "file:///ü")
	if err != nil || read.Contents[0].Text != "hi" || len(read.Contents[0].Blob) != 3 {
		t.Errorf("resource: %v %v", read, err)
	}
	check(t, "Mcp-Name", s.of("resources/read")[0].header.Get("Mcp-Name"), "=?base64?ZmlsZTovLy/DvA==?=")
	prompts, err := client.ListPrompts(ctx)
	if err != nil || prompts[0].Name != "greet" || string(prompts[0].Arguments) != `[{"name":"who"}]` {
		t.Errorf("prompts: %v %v", prompts, err)
	}
	prompt, err := client.GetPrompt(ctx, "greet", map[string]string{"who": "you"})
	if err != nil || prompt.Messages[0].Role != "user" || prompt.Messages[0].Content.Text != "hi" || prompt.Description != "d" {
		t.Errorf("prompt: %v %v", prompt, err)
	}
	check(t, "prompt's arguments", s.of("prompts/get")[0].param("arguments"), `{"who":"you"}`)
	discovery, err := client.Discover(ctx)
	if err != nil || discovery.SupportedVersions[0] != "2026-07-28" || discovery.Instructions != "Be brief." {
		t.Errorf("discovery: %v %v", discovery, err)
	}
	if err := client.Ping(ctx); err != nil || len(s.of("ping")) != 0 || len(s.of("server/discover")) != 2 {
		t.Errorf("ping: %v", err)
	}
	raw, err := client.Request(ctx, "completion/complete", struct {
		Ref map[string]string `json:"ref"`
	}{map[string]string{"type": "ref/prompt"}})
	if err != nil {
		t.Fatal(err)
	}
	checkJSON(t, "completion", string(raw), results["completion/complete"])
	check(t, "ref", s.of("completion/complete")[0].param("ref"), `{"type":"ref/prompt"}`)
}

func TestParamsThatAreNoObjectAreRefusedHere(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL)
	for _, params := range []any{[]int{1}, "text", map[string]any{"_meta": 1}, make(chan int), map[string]any{"f": func() {}}} {
		var fault *ConfigurationError
		if _, err := client.Request(context.Background(), "x/y", params); !errors.As(err, &fault) {
			t.Errorf("%T: %v", params, err)
		}
	}
	check(t, "requests", len(s.seen()), 0)
}

func TestMetaOfTheCallerReplacesNothingThatTheProtocolNeeds(t *testing.T) {
	s := startServer(t, says(""))
	client := newTestClient(t, newFakeClock(), s.URL, WithClientInfo("me", "9"), WithClientCapabilities(map[string]any{"elicitation": map[string]any{}}))
	if _, err := client.CallTool(context.Background(), "t", nil, WithMeta(map[string]any{"example/job": 7, metaProtocolVersion: "1999-01-01"})); err != nil {
		t.Fatal(err)
	}
	was := s.seen()[0]
	check(t, "own", was.meta("example/job"), "7")
	check(t, "version", was.meta(metaProtocolVersion), `"2026-07-28"`)
	check(t, "client", was.meta(metaClientInfo), `{"name":"me","version":"9"}`)
	check(t, "capabilities", was.meta(metaCapabilities), `{"elicitation":{}}`)
}

func TestAQuestionOfTheServerEndsTheCallAndIsAnsweredByTheNext(t *testing.T) {
	const state = `st@te== \"ü\"`
	s := startServer(t, inOrder(func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendResult(w, was, `{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{"message":"PRIVATE"}}},"requestState":"`+state+`"}`)
	}, says("hello")))
	client := newTestClient(t, newFakeClock(), s.URL)
	_, err := client.CallTool(context.Background(), "t", nil)
	var asks *InputRequiredError
	if !errors.As(err, &asks) || asks.InputRequests["who"] == nil || asks.RequestState != `st@te== "ü"` || asks.TraceID == "" {
		t.Fatalf("%v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "PRIVATE") {
		t.Error("the questions are shown")
	}
	if _, err = client.CallTool(context.Background(), "t", nil, WithInputResponses(map[string]any{"who": map[string]any{"action": "accept"}}, asks.RequestState)); err != nil {
		t.Fatal(err)
	}
	was := s.seen()[1]
	check(t, "responses", was.param("inputResponses"), `{"who":{"action":"accept"}}`)
	check(t, "state", was.param("requestState"), `"`+state+`"`)
	check(t, "id", was.id, "2")
	if _, err = client.CallTool(context.Background(), "t", nil, WithInputResponses(nil, "s")); err != nil {
		t.Fatal(err)
	}
	check(t, "no responses", s.seen()[2].param("inputResponses"), "")
	check(t, "state alone", s.seen()[2].param("requestState"), `"s"`)
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		sendResult(w, was, `{"content":[{"type":"text","text":`+string(membersOf(membersOf(was.body["params"])["arguments"])["n"])+`}]}`)
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	var group sync.WaitGroup
	for n := range 50 {
		group.Add(1)
		go func() {
			defer group.Done()
			result, err := client.CallTool(context.Background(), "t", map[string]any{"n": fmt.Sprint(n)})
			if err != nil || result.Text() != fmt.Sprint(n) {
				t.Errorf("%d: %v %v", n, result, err)
			}
		}()
	}
	group.Wait()
	ids := map[string]bool{}
	for _, was := range s.seen() {
		ids[was.id] = true
	}
	check(t, "different ids", len(ids), 50)
}

func TestTraces(t *testing.T) {
	const mine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s := startServer(t, says(""))
	said := ""
	client := newTestClient(t, newFakeClock(), s.URL, WithTraceparent(func(context.Context) string { return said }))
	call := func(ctx context.Context) string {
		if _, err := client.CallTool(ctx, "t", nil); err != nil {
			t.Fatal(err)
		}
		all := s.seen()
		return all[len(all)-1].header.Get("traceparent")
	}
	check(t, "of the context", call(ContextWithTraceparent(context.Background(), mine)), mine)
	said = mine
	check(t, "of the option", call(context.Background()), mine)
	for _, said = range []string{"", "nonsense", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", mine + "\r\nX: y"} {
		if got := call(context.Background()); !traceShape.MatchString(got) || got == said {
			t.Errorf("%q became %q", said, got)
		}
	}
}

func TestMarkedArgumentsTravelInHeadersOnceTheyAreKnown(t *testing.T) {
	const list = `{"tools":[{"name":"in_region","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},"deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"Count"}}}}}}]}`
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		switch {
		case was.rpc == "tools/list":
			sendResult(w, was, list)
		case was.header.Get("Mcp-Param-Region") == "":
			sendJSON(w, http.StatusBadRequest, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32020,"message":"m","data":%s}}`, was.id, refusalText("mcp_invalid_request", "")))
		default:
			says("done")(w, nil, was)
		}
	})
	client := newTestClient(t, newFakeClock(), s.URL, WithMaxRetries(0))
	for range 2 {
		if _, err := client.CallTool(context.Background(), "in_region", map[string]any{"region": "Köln", "deep": map[string]any{"n": 3}}); err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	for _, was := range s.seen() {
		order = append(order, was.rpc)
	}
	check(t, "order", strings.Join(order, " "), "tools/call tools/list tools/call tools/call")
	check(t, "region", s.seen()[3].header.Get("Mcp-Param-Region"), "=?base64?S8O2bG4=?=")
	check(t, "count", s.seen()[3].header.Get("Mcp-Param-Count"), "3")
}

func TestAMismatchThatListingDoesNotCureIsToldOnce(t *testing.T) {
	s := startServer(t, func(w http.ResponseWriter, _ *http.Request, was seen) {
		if was.rpc == "tools/list" {
			sendResult(w, was, `{"tools":[]}`)
			return
		}
		sendJSON(w, http.StatusBadRequest, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32020,"message":"m"}}`, was.id))
	})
	client := newTestClient(t, newFakeClock(), s.URL)
	_, err := client.CallTool(context.Background(), "t", nil)
	var protocol *ProtocolError
	if !errors.As(err, &protocol) || protocol.RPCCode != -32020 || len(s.of("tools/call")) != 2 || len(s.of("tools/list")) != 1 {
		t.Errorf("%v after %d requests", err, len(s.seen()))
	}
}
