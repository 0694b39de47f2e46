// Package mcpgateway calls tools through a PRECINCT gateway.
//
//	client, err := mcpgateway.NewClient("http://localhost:9090", mcpgateway.WithSPIFFEID("spiffe://poc.local/agents/mcp-client/my-agent/dev"))
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	result, err := client.CallTool(ctx, "my_tool", map[string]any{"query": "hello"})
//
// A Client is safe for many goroutines. What it is not given it finds: the gateway's address and an identity in the
// environment, an X.509-SVID or a JWT-SVID from the SPIFFE Workload API, or in files (see [NewClient]).
//
// A refusal of the gateway is an error of its family's type, such as [*AuthorizationError], which also unwraps to
// [*GatewayError]. A tool that ran and failed is no error: see [ToolResult.IsError] and [ToolResult.Err].
package mcpgateway

// Version of this package, as it is told to the gateway.
const Version = "0.1.0"
