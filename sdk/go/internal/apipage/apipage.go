// Package apipage writes docs/api.md: what the package exports, as go doc says it.
package apipage

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

const importPath = "precinct.example/sdk/go/mcpgateway"

// Load reads the package in that folder.
func Load(folder string) (*doc.Package, *token.FileSet, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	fset, files := token.NewFileSet(), []*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		file, err := parser.ParseFile(fset, filepath.Base(name), text, parser.ParseComments)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, file)
	}
	pkg, err := doc.NewFromFiles(fset, files, importPath)
	return pkg, fset, err
}

// Page is the whole page.
func Page(folder string) (string, error) {
	pkg, fset, err := Load(folder)
	if err != nil {
		return "", err
	}
	w := &writer{pkg: pkg, fset: fset}
	w.text.WriteString("# Package mcpgateway\n\n<!-- Written by: go run ./docs/write -->\n\n```go\nimport \"" + importPath + "\"\n```\n\n")
	w.comment(pkg.Doc)
	w.heading("Functions")
	for _, function := range pkg.Funcs {
		w.function(function)
	}
	w.heading("Types")
	for _, kind := range pkg.Types {
		w.kind(kind)
	}
	w.heading("Constants and variables")
	for _, value := range append(pkg.Consts, pkg.Vars...) {
		w.value(value)
	}
	return strings.TrimRight(w.text.String(), "\n") + "\n", nil
}

type writer struct {
	pkg  *doc.Package
	fset *token.FileSet
	text bytes.Buffer
}

func (w *writer) heading(text string) { fmt.Fprintf(&w.text, "## %s\n\n", text) }

func (w *writer) kind(kind *doc.Type) {
	fmt.Fprintf(&w.text, "### type %s\n\n", kind.Name)
	w.code(kind.Decl)
	w.comment(kind.Doc)
	for _, value := range append(kind.Consts, kind.Vars...) {
		w.value(value)
	}
	var usual []string
	for _, function := range append(kind.Funcs, kind.Methods...) {
		if function.Recv != "" && isUsual[function.Name] {
			usual = append(usual, "`"+function.Name+"`")
			continue
		}
		w.function(function)
	}
	if len(usual) > 0 {
		fmt.Fprintf(&w.text, "Has %s.\n\n", strings.Join(usual, ", "))
	}
}

// isUsual are the methods that interfaces of the standard library ask for: their names say what they do.
var isUsual = map[string]bool{
	"Error": true, "Unwrap": true, "GoString": true, "String": true, "Format": true, "LogValue": true, "MarshalJSON": true, "UnmarshalJSON": true, "Timeout": true,
}

func (w *writer) function(function *doc.Func) {
	declared := *function.Decl
	declared.Doc, declared.Body = nil, nil
	name := function.Name
	if function.Recv != "" {
		name = "(" + function.Recv + ") " + name
	}
	fmt.Fprintf(&w.text, "#### %s\n\n", name)
	w.code(&declared)
	w.comment(function.Doc)
}

func (w *writer) value(value *doc.Value) {
	w.code(value.Decl)
	w.comment(value.Doc)
}

func (w *writer) code(node ast.Node) {
	var text bytes.Buffer
	if declared, ok := node.(*ast.GenDecl); ok {
		bare := *declared
		bare.Doc = nil
		node = &bare
	}
	config := printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}
	if config.Fprint(&text, w.fset, node) == nil {
		fmt.Fprintf(&w.text, "```go\n%s\n```\n\n", text.String())
	}
}

// comment writes links to other symbols as code: their anchors are the page's own affair.
func (w *writer) comment(text string) {
	if text == "" {
		return
	}
	out := w.pkg.Printer()
	out.HeadingLevel = 3
	out.DocLinkURL = func(*comment.DocLink) string { return "" }
	w.text.Write(out.Markdown(w.pkg.Parser().Parse(text)))
	w.text.WriteString("\n")
}
