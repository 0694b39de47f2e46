# The demo's permissions reach as far as its tools and no further. What it permits is asked of the whole set; what it does not permit, of the demo's own
# rule: other files may permit it. test/unit/engines/policy/shipped.test.ts asks the same of all shipped files together.
package precinct.demo_test

import rego.v1

agent := "spiffe://poc.local/agents/mcp-client/my-agent/dev"

test_the_demo_agent_may_list_tools if {
	allowed({"caller_spiffe_id": agent, "tool_name": "", "method": "tools/list"})
	permitted_by_the_demo({"caller_spiffe_id": agent, "tool_name": "", "method": "tools/list"})
}

test_the_demo_agent_may_call_the_demo_tools if {
	every tool in {"get_time", "echo", "read_customer", "send_message"} {
		allowed({"caller_spiffe_id": agent, "tool_name": tool, "method": "tools/call"})
		permitted_by_the_demo({"caller_spiffe_id": agent, "tool_name": tool, "method": "tools/call"})
	}
}

test_the_demo_permits_nothing_else if {
	every tool in {"my_tool", "bash", "", "GET_TIME", "get_time "} {
		not permitted_by_the_demo({"caller_spiffe_id": agent, "tool_name": tool, "method": "tools/call"})
	}
}

test_other_methods_need_their_own_rule if {
	every method in {"resources/read", "prompts/get", "TOOLS/CALL", ""} {
		not permitted_by_the_demo({"caller_spiffe_id": agent, "tool_name": "get_time", "method": method})
	}
}

test_another_agent_or_trust_domain_is_not_the_demo_agent if {
	every caller in {
		"spiffe://poc.local/agents/mcp-client/my-agent/prod",
		"spiffe://evil.local/agents/mcp-client/my-agent/dev",
		"spiffe://poc.local/agents/mcp-client/my-agent/dev/",
	} {
		not permitted_by_the_demo({"caller_spiffe_id": caller, "tool_name": "get_time", "method": "tools/call"})
	}
}

allowed(request) if data.precinct.authz.allow == true with input as request

permitted_by_the_demo(request) if data.precinct.authz.demo_permits with input as request
