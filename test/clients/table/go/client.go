// The client of the official Go SDK: client URL. Prints one line of JSON: try → "yes", or why not.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	slow     = "trigger-long-running-operation"
	lateMax  = 2 * time.Second
	lateStep = 10 * time.Millisecond
)

// told: what the last call with progress has told; the SDK has one handler for all.
var told atomic.Int64
var onStep atomic.Value

func outcome(attempt func() (string, error)) string {
	seen, err := attempt()
	if err != nil {
		return "no: " + strings.SplitN(err.Error(), "\n", 2)[0]
	}
	if seen != "" {
		return "no: " + seen
	}
	return "yes"
}

func call(ctx context.Context, session *mcp.ClientSession, name string, arguments map[string]any, token string) (string, error) {
	params := &mcp.CallToolParams{Name: name, Arguments: arguments}
	if token != "" {
		params.SetProgressToken(token)
	}
	result, err := session.CallTool(ctx, params)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result)
	return string(text), err
}

func echo(ctx context.Context, session *mcp.ClientSession) (string, error) {
	text, err := call(ctx, session, "echo", map[string]any{"message": "hello from the table"}, "")
	if err != nil || strings.Contains(text, "hello from the table") {
		return "", err
	}
	return text, nil
}

func main() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	client := mcp.NewClient(&mcp.Implementation{Name: "precinct-table", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) {
			told.Add(1)
			if step, ok := onStep.Load().(func()); ok {
				step()
			}
		},
	})
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: os.Args[1]}, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	outcomes := map[string]string{}
	outcomes["list"] = outcome(func() (string, error) {
		listed, err := session.ListTools(ctx, nil)
		if err != nil {
			return "", err
		}
		for _, tool := range listed.Tools {
			if tool.Name == "echo" {
				return "", nil
			}
		}
		return fmt.Sprintf("%d tools, and echo is not one", len(listed.Tools)), nil
	})
	outcomes["call"] = outcome(func() (string, error) { return echo(ctx, session) })
	outcomes["error"] = outcome(func() (string, error) {
		_, err := call(ctx, session, "get-env", map[string]any{}, "")
		var wire *jsonrpc.Error
		if errors.As(err, &wire) && strings.Contains(string(wire.Data), "authz_policy_denied") {
			return "", nil
		}
		return "without the code", err
	})
	outcomes["progress"] = outcome(func() (string, error) {
		told.Store(0)
		_, err := call(ctx, session, slow, map[string]any{"duration": 0.6, "steps": 3}, "steps")
		// The SDK hands out the answer beside what came before it, and not always after it.
		for late := time.Duration(0); err == nil && told.Load() < 3 && late < lateMax; late += lateStep {
			time.Sleep(lateStep)
		}
		if err == nil && told.Load() < 3 {
			return fmt.Sprintf("%d steps", told.Load()), nil
		}
		return "", err
	})
	outcomes["cancel"] = outcome(func() (string, error) {
		given, giveUp := context.WithCancel(ctx)
		defer giveUp()
		onStep.Store(func() { giveUp() })
		if _, err := call(given, session, slow, map[string]any{"duration": 20, "steps": 40}, "given up"); err == nil {
			return "it went on to its end", nil
		}
		onStep.Store(func() {})
		return echo(ctx, session)
	})
	_ = session.Close()
	line, _ := json.Marshal(outcomes)
	fmt.Println(string(line))
}
