//go:build mcpgateway_noworkloadapi

package mcpgateway

const socketVariable = "SPIFFE_ENDPOINT_SOCKET"

// fromWorkloadAPI refuses to pass over a Workload API that it was built without.
func (d *discovery) fromWorkloadAPI() (*credentials, error) {
	if d.config.workloadAPI == "" && d.config.around.getenv(socketVariable) == "" {
		return nil, nil
	}
	return nil, misconfigured(nil, "this program was built without the SPIFFE Workload API (mcpgateway_noworkloadapi)")
}
