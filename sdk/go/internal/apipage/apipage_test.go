package apipage

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

func TestThePageIsWhatThePackageSays(t *testing.T) {
	page, err := Page(filepath.Join(root, "mcpgateway"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != page {
		t.Error("docs/api.md is older than the package: go run ./docs/write")
	}
}

// Every name that go doc shows stands on the page, methods too.
func TestThePageNamesWhatGoDocNames(t *testing.T) {
	command := exec.Command("go", "doc", "-all", "./mcpgateway")
	command.Dir = root
	said, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, match := range regexp.MustCompile(`(?m)^ *(?:func(?: \([^)]*\))?|type|const|var) ([A-Z]\w*)`).FindAllStringSubmatch(string(said), -1) {
		names++
		if !strings.Contains(string(kept), match[1]) {
			t.Errorf("docs/api.md does not name %s", match[1])
		}
	}
	if names < 100 {
		t.Errorf("go doc shows %d names", names)
	}
}

func TestEverythingExportedSaysWhatItIs(t *testing.T) {
	pkg, _, err := Load(filepath.Join(root, "mcpgateway"))
	if err != nil {
		t.Fatal(err)
	}
	silent := []string{}
	for _, kind := range pkg.Types {
		if kind.Doc == "" {
			silent = append(silent, kind.Name)
		}
		for _, method := range append(kind.Methods, kind.Funcs...) {
			if method.Doc == "" && method.Name != "Error" {
				silent = append(silent, kind.Name+"."+method.Name)
			}
		}
	}
	for _, function := range pkg.Funcs {
		if function.Doc == "" {
			silent = append(silent, function.Name)
		}
	}
	if len(silent) > 0 {
		t.Errorf("without a comment: %s", strings.Join(silent, ", "))
	}
}
