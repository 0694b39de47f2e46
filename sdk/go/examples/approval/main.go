// Command approval makes a call that a person must approve, and waits for the decision: go run ./examples/approval TOOL
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"precinct.example/sdk/go/mcpgateway"
)

const patience = 10 * time.Minute

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: approval TOOL")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, tool string) error {
	client, err := mcpgateway.NewClient("", mcpgateway.WithWaitForApproval(patience), mcpgateway.WithApprovalRequested(func(asked mcpgateway.ApprovalRequest) {
		fmt.Printf("waiting until %s for: %s\n", asked.ExpiresAt, asked.Command)
	}))
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	result, err := client.CallTool(ctx, tool, nil)
	var undecided *mcpgateway.ApprovalTimeoutError
	if errors.As(err, &undecided) {
		return fmt.Errorf("nobody decided %s; an approver can still run: %s", undecided.RequestID, undecided.Command)
	}
	if err != nil {
		return err
	}
	fmt.Println(result.Text())
	return nil
}
