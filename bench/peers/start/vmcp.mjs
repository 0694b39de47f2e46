// ToolHive's virtual MCP server (Go): a Cedar policy, its audit log, its circuit breaker. Its rate limit needs Redis, and is off.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/ports.mjs';
import { launch } from '../launch.mjs';

export async function start({ dir, core, upstreamPort, home }) {
  const port = await freePort();
  const config = {
    name: 'bench', groupRef: 'bench',
    backends: [{ name: 'bench', url: `http://127.0.0.1:${upstreamPort}/mcp`, transport: 'streamable-http' }],
    incomingAuth: { type: 'anonymous', authz: { type: 'cedar', policies: ['permit(principal, action == Action::"call_tool", resource == Tool::"bench_echo");', 'permit(principal, action == Action::"list_tools", resource);'] } },
    outgoingAuth: { source: 'inline', default: { type: 'unauthenticated' } },
    aggregation: { conflictResolution: 'prefix', conflictResolutionConfig: { prefixFormat: '{workload}_' } },
    operational: { failureHandling: { healthCheckInterval: '30s', unhealthyThreshold: 3, partialFailureMode: 'fail', circuitBreaker: { enabled: true, failureThreshold: 5, timeout: '60s' } } },
    audit: { enabled: true, component: 'vmcp-server', logFile: join(dir, 'vmcp-audit.log') },
  };
  const file = join(dir, 'vmcp.yaml');
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const args = ['serve', '--config', file, '--host', '127.0.0.1', '--port', String(port)];
  const running = await launch({ dir, name: 'vmcp', core, command: join(home, 'bin', 'vmcp'), args, port, ready: '/health' });
  return { ...running, path: '/mcp', version: '2025-06-18', tool: 'bench_echo' };
}
