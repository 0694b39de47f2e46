// Command streaming shows how far a call has come, and cancels it on Ctrl-C: go run ./examples/streaming TOOL
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"precinct.example/sdk/go/mcpgateway"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: streaming TOOL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, tool string) error {
	client, err := mcpgateway.NewClient("")
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	for event, err := range client.StreamTool(ctx, tool, nil) {
		switch {
		case err != nil:
			return err
		case event.Progress != nil && event.Progress.Total != nil:
			fmt.Printf("%v of %v %s\n", event.Progress.Progress, *event.Progress.Total, event.Progress.Message)
		case event.Progress != nil:
			fmt.Printf("%v %s\n", event.Progress.Progress, event.Progress.Message)
		case event.Log != nil:
			fmt.Printf("%s: %s\n", event.Log.Level, event.Log.Data)
		case event.Result != nil:
			fmt.Println(event.Result.Text())
		}
	}
	return nil
}
