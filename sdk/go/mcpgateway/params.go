package mcpgateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
)

// paramMark is an argument that travels in a header as well (2026-07-28, x-mcp-header).
type paramMark struct {
	header string
	path   []string
}

const (
	markKey      = "x-mcp-header"
	marksMax     = 64
	markDepthMax = 16
)

var headerToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")

// readParamMarks gives the marks of an inputSchema; nil = it has none, or they break the rules, and no client mirrors any.
func readParamMarks(inputSchema json.RawMessage) []paramMark {
	var schema any
	if json.Unmarshal(inputSchema, &schema) != nil {
		return nil
	}
	seen := countMarks(schema, 0)
	var marks []paramMark
	if seen == 0 || seen > marksMax || !walkMarks(schema, nil, &marks) || len(marks) != seen {
		return nil // one that was seen and not reached stands behind items, a composition or a $ref, where none may
	}
	names := map[string]bool{}
	for _, mark := range marks {
		names[strings.ToLower(mark.header)] = true
	}
	if len(names) != len(marks) {
		return nil
	}
	return marks
}

func countMarks(schema any, depth int) int {
	if depth > 2*markDepthMax {
		return 0
	}
	count := 0
	switch node := schema.(type) {
	case map[string]any:
		if _, ok := node[markKey]; ok {
			count++
		}
		for _, value := range node {
			count += countMarks(value, depth+1)
		}
	case []any:
		for _, value := range node {
			count += countMarks(value, depth+1)
		}
	}
	return count
}

func walkMarks(schema any, path []string, marks *[]paramMark) bool {
	if len(path) > markDepthMax {
		return false
	}
	node, _ := schema.(map[string]any)
	properties, _ := node["properties"].(map[string]any)
	for name, value := range properties {
		property, ok := value.(map[string]any)
		if !ok {
			continue
		}
		here := append(append([]string(nil), path...), name)
		if mark, marked := property[markKey]; marked {
			header, isText := mark.(string)
			kind, _ := property["type"].(string)
			if !isText || !headerToken.MatchString(header) || (kind != "string" && kind != "integer" && kind != "boolean") {
				return false
			}
			*marks = append(*marks, paramMark{header: "Mcp-Param-" + header, path: here})
		}
		if !walkMarks(property, here, marks) {
			return false
		}
	}
	return true
}

// paramHeaders are the headers that go with these arguments.
func paramHeaders(marks []paramMark, arguments json.RawMessage) map[string]string {
	headers := map[string]string{}
	for _, mark := range marks {
		at := arguments
		for _, name := range mark.path {
			at = membersOf(at)[name]
		}
		if text, ok := primitiveText(at); ok {
			headers[mark.header] = mirrored(text)
		}
	}
	return headers
}

// primitiveText: numbers keep their literal; what is no primitive has no header.
func primitiveText(value json.RawMessage) (string, bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || value[0] == '{' || value[0] == '[' || string(value) == "null" {
		return "", false
	}
	if value[0] != '"' {
		return string(value), true
	}
	var text string
	return text, json.Unmarshal(value, &text) == nil
}

var plainHeader = regexp.MustCompile(`^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$`)

// mirrored is the form in which a value travels in a header.
func mirrored(value string) string {
	if plainHeader.MatchString(value) && !strings.HasPrefix(value, "=?base64?") {
		return value
	}
	return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(value)) + "?="
}
