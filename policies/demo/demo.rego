# What `make up` shows: one demo agent and the harmless tools of the demo server. Delete this folder for real use.
# `my_tool` is left for the walk to permit, `bash` for nobody.
package precinct.authz

import rego.v1

demo_agent := "spiffe://poc.local/agents/mcp-client/my-agent/dev"

# read_customer reads classified data and send_message sends it outside: each is permitted here, and the session layer
# refuses the second after the first.
demo_tools := {"get_time", "echo", "read_customer", "send_message"}

allow if demo_permits

# A rule of its own, so that its tests ask what the demo permits, whatever other files permit beside it.
demo_permits if {
	input.caller_spiffe_id == demo_agent
	input.method == "tools/list"
}

demo_permits if {
	input.caller_spiffe_id == demo_agent
	input.method == "tools/call"
	input.tool_name in demo_tools
}
