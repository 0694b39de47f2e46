// Command hello lists the tools and calls one: go run ./examples/hello TOOL '{"query": "hello"}'
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"precinct.example/sdk/go/mcpgateway"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal(err) // of a refusal: code, message, remedy, and the decision to look up
	}
}

func run(ctx context.Context, words []string) error {
	client, err := mcpgateway.NewClient("")
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	fmt.Println("identity:", client.Identity().Source, client.Identity().SPIFFEID)
	if len(words) == 0 {
		tools, err := client.ListTools(ctx)
		for _, tool := range tools {
			fmt.Println(tool.Name, "-", tool.Description)
		}
		return err
	}
	arguments := map[string]any{}
	if len(words) > 1 {
		if err := json.Unmarshal([]byte(words[1]), &arguments); err != nil {
			return err
		}
	}
	result, err := client.CallTool(ctx, words[0], arguments)
	if err != nil {
		return err
	}
	fmt.Println(result.Text())
	return result.Err()
}
