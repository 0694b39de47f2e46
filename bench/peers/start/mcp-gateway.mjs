// mcp-gateway (Rust): one process, two ways in. Its meta tool, where its firewall looks at arguments and answers, and the path of one backend, where it does not.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/ports.mjs';
import { launch } from '../launch.mjs';

const KEY = 'bench-key-0000000000000000';
/** Its pool keeps ten connections to a tool server; with more calls at once it opens and closes them, and is half as fast. */
const CONNECTIONS = 8;
const UNLIMITED = 4_000_000_000;

export async function start({ dir, core, upstreamPort, home }) {
  const port = await freePort();
  const config = {
    server: { host: '127.0.0.1', port },
    auth: { enabled: true, api_keys: [{ key: KEY, name: 'bench', rate_limit: 0, backends: ['bench'], allowed_tools: ['echo', 'gateway_invoke'] }] },
    failsafe: { rate_limit: { enabled: true, requests_per_second: UNLIMITED, burst_size: UNLIMITED } },
    cache: { enabled: false }, // every call goes to the tool server
    capabilities: { enabled: false },
    security: {
      ssrf_protection: false, // the bench's tool server is on loopback
      tool_policy: { enabled: true, default_action: 'deny', allow: ['echo'] },
      firewall: { enabled: true, scan_requests: true, scan_responses: true, prompt_injection_detection: true, credential_redaction: true, audit_log: join(dir, 'mcp-gateway-audit.ndjson') },
    },
    backends: { bench: { http_url: `http://127.0.0.1:${upstreamPort}/mcp`, streamable_http: true, description: 'bench' } },
  };
  const file = join(dir, 'mcp-gateway.yaml');
  writeFileSync(file, JSON.stringify(config)); // JSON is YAML
  const args = ['--config', file, '--log-level', 'warn', 'serve'];
  const running = await launch({ dir, name: 'mcp-gateway', core, command: join(home, 'bin', 'mcp-gateway'), args, port, ready: '/health' });
  const common = { ...running, connections: CONNECTIONS, version: '2025-06-18', headers: { Authorization: `Bearer ${KEY}` } };
  return [
    { ...common, path: '/mcp', params: (text) => ({ name: 'gateway_invoke', arguments: { server: 'bench', tool: 'echo', arguments: { text } } }) },
    { ...common, path: '/mcp/bench' },
  ];
}
