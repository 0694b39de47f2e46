package mcpgateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"precinct.example/sdk/go/mcpgateway"
)

// startGateway stands for a gateway, so that the examples run: it answers a call with a greeting, and refuses the tool bash.
func startGateway() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct{ ID json.RawMessage }
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &request)
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Mcp-Name") == "bash" {
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":403,"message":"No policy permits this combination. [authz_policy_denied] Add an allow rule.","data":{"code":"authz_policy_denied","message":"No policy permits this combination.","middleware":"opa_policy","middleware_step":6,"decision_id":"d-1","trace_id":"t-1","remediation":"Add an allow rule."}}}`, request.ID)
			return
		}
		secret := strings.Contains(string(text), "$SPIKE{ref:db-password}")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"hello (secret: %v)"}]}}`, request.ID, secret)
	}))
}

// startClient gives one as Example makes it.
func startClient() (client *mcpgateway.Client, stop func()) {
	gateway := startGateway()
	client, err := mcpgateway.NewClient(gateway.URL)
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		_ = client.Close()
		gateway.Close()
	}
}

func Example() {
	gateway := startGateway()
	defer gateway.Close()
	client, err := mcpgateway.NewClient(gateway.URL, mcpgateway.WithSPIFFEID("spiffe://poc.local/agents/mcp-client/my-agent/dev"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	result, err := client.CallTool(context.Background(), "my_tool", map[string]any{"query": "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output: hello (secret: false)
}

func ExampleGatewayError() {
	client, stop := startClient()
	defer stop()
	_, err := client.CallTool(context.Background(), "bash", map[string]any{"command": "whoami"})
	var denied *mcpgateway.AuthorizationError
	if errors.As(err, &denied) {
		fmt.Println(denied.Code, denied.Step, denied.Remediation)
	}
	var refusal *mcpgateway.GatewayError
	fmt.Println(errors.As(err, &refusal), err)
	// Output:
	// authz_policy_denied 6 Add an allow rule.
	// true mcpgateway: authz_policy_denied (step 6, opa_policy): No policy permits this combination. -> Add an allow rule. (decision d-1)
}

func ExampleSecretRef() {
	client, stop := startClient()
	defer stop()
	arguments := map[string]any{"password": mcpgateway.SecretRef("db-password")}
	fmt.Println(arguments)
	result, err := client.CallTool(context.Background(), "my_tool", arguments)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text())
	// Output:
	// map[password:SecretRef(…)]
	// hello (secret: true)
}

func ExampleClient_StreamTool() {
	client, stop := startClient()
	defer stop()
	for event, err := range client.StreamTool(context.Background(), "long_tool", nil) {
		switch {
		case err != nil:
			log.Fatal(err)
		case event.Progress != nil:
			fmt.Println(event.Progress.Progress, event.Progress.Message)
		case event.Result != nil:
			fmt.Println(event.Result.Text())
		}
	}
	// Output: hello (secret: false)
}

func ExampleWithWaitForApproval() {
	client, stop := startClient()
	defer stop()
	_, err := client.CallTool(context.Background(), "delete_customer", map[string]any{"id": 7}, mcpgateway.WithWaitForApproval(10*time.Minute),
		mcpgateway.WithApprovalRequested(func(asked mcpgateway.ApprovalRequest) { fmt.Println("an approver runs:", asked.Command) }))
	var undecided *mcpgateway.ApprovalTimeoutError
	if errors.As(err, &undecided) {
		fmt.Println("nobody decided", undecided.RequestID)
	}
}

func ExampleClient_Session() {
	ctx := context.Background()
	client, stop := startClient()
	defer stop()
	session, err := client.Session(ctx, mcpgateway.WithRequestHandler(func(_ context.Context, method string, _ json.RawMessage) (any, error) {
		if method != "elicitation/create" {
			return nil, mcpgateway.ErrNoSuchRequest
		}
		return map[string]any{"action": "decline"}, nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	if _, err := session.CallTool(ctx, "interview", nil); err != nil {
		log.Fatal(err)
	}
}
