# A caller no file of the set knows gets nothing, whatever it asks for.
package precinct.authz_test

import rego.v1

stranger := "spiffe://poc.local/agents/mcp-client/nobody/dev"

test_a_stranger_may_call_no_tool if {
	every tool in {"get_time", "echo", "my_tool", "bash", ""} {
		not allowed({"caller_spiffe_id": stranger, "tool_name": tool, "method": "tools/call"})
	}
}

test_a_stranger_may_list_no_tools if {
	not allowed({"caller_spiffe_id": stranger, "tool_name": "", "method": "tools/list"})
}

test_an_empty_input_is_denied if {
	not allowed({})
}

allowed(request) if data.precinct.authz.allow == true with input as request
