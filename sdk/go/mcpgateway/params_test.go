package mcpgateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestMarks(t *testing.T) {
	deep := `{"type":"string","x-mcp-header":"Deep"}`
	for range 20 {
		deep = `{"type":"object","properties":{"a":` + deep + `}}`
	}
	for schema, want := range map[string]string{
		`{"properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`:                                         "[{Mcp-Param-Region [region]}]",
		`{"properties":{"a":{"properties":{"b":{"type":"boolean","x-mcp-header":"B"}}}}}`:                             "[{Mcp-Param-B [a b]}]",
		`{"properties":{"region":{"type":"string"}}}`:                                                                 "[]",
		`{"properties":{"region":{"type":"number","x-mcp-header":"Region"}}}`:                                         "[]",
		`{"properties":{"region":{"type":"string","x-mcp-header":"no token"}}}`:                                       "[]",
		`{"properties":{"region":{"type":"string","x-mcp-header":7}}}`:                                                "[]",
		`{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`:          "[]",
		`{"properties":{"a":{"type":"string","x-mcp-header":"A"}},"items":{"properties":{"b":{"x-mcp-header":"B"}}}}`: "[]",
		`{"properties":{"a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]}}}`:                                       "[]",
		`{"properties":{"a":true}}`: "[]",
		`7`:                         "[]",
		``:                          "[]",
		deep:                        "[]",
	} {
		check(t, schema, fmt.Sprint(readParamMarks(json.RawMessage(schema))), want)
	}
	var many []string
	for n := range marksMax + 1 {
		many = append(many, fmt.Sprintf(`"p%d":{"type":"string","x-mcp-header":"P%d"}`, n, n))
	}
	check(t, "too many", len(readParamMarks(json.RawMessage(`{"properties":{`+strings.Join(many, ",")+`}}`))), 0)
	check(t, "just so many", len(readParamMarks(json.RawMessage(`{"properties":{`+strings.Join(many[1:], ",")+`}}`))), marksMax)
}

func TestHeadersOfArguments(t *testing.T) {
	marks := []paramMark{{"Mcp-Param-A", []string{"a"}}, {"Mcp-Param-B", []string{"b", "c"}}}
	for arguments, want := range map[string]string{
		`{"a":"x","b":{"c":1.50}}`:   "map[Mcp-Param-A:x Mcp-Param-B:1.50]",
		`{"a":true}`:                 "map[Mcp-Param-A:true]",
		`{"a":null,"b":7}`:           "map[]",
		`{"a":{"x":1},"b":{"c":[]}}`: "map[]",
		`{"a":" x"}`:                 "map[Mcp-Param-A:=?base64?IHg=?=]",
		`{"a":""}`:                   "map[Mcp-Param-A:=?base64??=]",
		`{"a":"=?base64?x"}`:         "map[Mcp-Param-A:=?base64?PT9iYXNlNjQ/eA==?=]",
		`{"a":"x\r\nInjected: y"}`:   "map[Mcp-Param-A:=?base64?eA0KSW5qZWN0ZWQ6IHk=?=]",
		`{}`:                         "map[]",
	} {
		check(t, arguments, fmt.Sprint(paramHeaders(marks, json.RawMessage(arguments))), want)
	}
}
