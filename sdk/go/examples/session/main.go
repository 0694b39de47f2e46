// Command session answers what a tool server asks during a call: go run ./examples/session TOOL
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"precinct.example/sdk/go/mcpgateway"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: session TOOL")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, tool string) error {
	client, err := mcpgateway.NewClient("")
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	session, err := client.Session(ctx, mcpgateway.WithRequestHandler(ask))
	if err != nil {
		return err
	}
	defer func() { _ = session.Close() }()
	result, err := session.CallTool(ctx, tool, nil)
	if err != nil {
		return err
	}
	fmt.Println(result.Text())
	return nil
}

// ask lets the person at the terminal answer.
func ask(_ context.Context, method string, params json.RawMessage) (any, error) {
	if method != "elicitation/create" {
		return nil, mcpgateway.ErrNoSuchRequest
	}
	var question struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(params, &question); err != nil {
		return nil, err
	}
	fmt.Printf("%q? ", question.Message)
	answers := bufio.NewScanner(os.Stdin)
	if !answers.Scan() {
		return map[string]any{"action": "cancel"}, nil
	}
	return map[string]any{"action": "accept", "content": map[string]any{"name": answers.Text()}}, nil
}
