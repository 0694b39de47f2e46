// Command mtls calls an https gateway with this workload's X.509-SVID, from SPIFFE_ENDPOINT_SOCKET or from files: go run ./examples/mtls URL [SVID KEY BUNDLE]
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"precinct.example/sdk/go/mcpgateway"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, words []string) error {
	var options []mcpgateway.Option
	switch len(words) {
	case 1:
	case 4:
		options = append(options, mcpgateway.WithCertificateFiles(words[1], words[2]), mcpgateway.WithCAFile(words[3]))
	default:
		return fmt.Errorf("usage: mtls URL [SVID KEY BUNDLE]")
	}
	client, err := mcpgateway.NewClientContext(ctx, words[0], options...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	identity := client.Identity()
	fmt.Println("identity:", identity.Source, identity.SPIFFEID)
	tools, err := client.ListTools(ctx)
	for _, tool := range tools {
		fmt.Println(tool.Name)
	}
	return err
}
