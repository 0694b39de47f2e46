// Command write writes docs/api.md from the package's own comments: go run ./docs/write
package main

import (
	"fmt"
	"os"

	"precinct.example/sdk/go/internal/apipage"
)

func main() {
	page, err := apipage.Page("mcpgateway")
	if err == nil {
		err = os.WriteFile("docs/api.md", []byte(page), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
