package apipage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// frame is what the README's pieces of code stand in.
const frame = `package piece

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"precinct.example/sdk/go/mcpgateway"
)

var _, _, _, _, _ = errors.As, fmt.Println, log.Print, time.Second, json.Marshal
var _ mcpgateway.Client

func piece(ctx context.Context, client *mcpgateway.Client, arguments map[string]any) error {
	{
%s
	}
	return nil
}
`

func TestTheReadmesCodeCompiles(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pieces := 0
	for _, match := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(readme), -1) {
		code := match[1]
		if strings.Contains(code, "propagation.") {
			continue // needs OpenTelemetry
		}
		if !strings.HasPrefix(code, "package main") {
			code = fmt.Sprintf(frame, code)
		}
		pieces++
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
			t.Fatal(err)
		}
		command := exec.Command("go", "build", "-gcflags=-e", "-o", os.DevNull, file)
		command.Dir = root
		said, _ := command.CombinedOutput()
		for _, line := range strings.Split(string(said), "\n") {
			if strings.Contains(line, "main.go:") && !strings.Contains(line, "declared and not used") {
				t.Errorf("%s in:\n%s", line, match[1])
			}
		}
	}
	if pieces < 6 {
		t.Errorf("%d pieces of code", pieces)
	}
}
