// The peers: what is installed, in which version, what is on in the bench, and what each does not check. `targets` are the rows: one program can have two ways in.
export const PEERS = [
  {
    key: 'civic', kind: 'npm', package: '@civic/passthrough-mcp-server', version: '0.12.1', language: 'TypeScript', load: () => import('./start/civic.mjs'),
    targets: [{ name: '@civic/passthrough', settings: 'the program as it comes, no hook; NODE_ENV=production', lacks: 'anything: it has places for checks, and none' }],
  },
  {
    key: 'vmcp', kind: 'go', package: 'github.com/stacklok/toolhive/cmd/vmcp', version: 'v0.47.0', language: 'Go', load: () => import('./start/vmcp.mjs'),
    targets: [{
      name: 'ToolHive vmcp', settings: 'anonymous caller, Cedar policy for the one tool, audit log to a file, circuit breaker; its rate limit needs Redis: off',
      lacks: 'who calls (as set up here), the tool’s hash, keys and personal data either way, session risk, approval; its log is not chained, and no call waits for it',
    }],
  },
  {
    key: 'mcp-gateway', kind: 'cargo', package: 'mcp-gateway', version: '2.10.0', language: 'Rust', load: () => import('./start/mcp-gateway.mjs'),
    targets: [
      {
        name: 'mcp-gateway, firewall', settings: 'meta tool gateway_invoke: API key with a tool list, tool policy, firewall both ways with its log, rate limit and breaker on; response cache off',
        lacks: 'keys and personal data in arguments, the hash of a tool server’s tools, session risk, approval; its log is not chained, and no call waits for it',
      },
      { name: 'mcp-gateway, backend path', settings: 'the same process by /mcp/NAME: API key, tool policy, clean text, rate limit and breaker', lacks: 'contents either way, the tool’s hash, session risk, approval; it logs no call' },
    ],
  },
  {
    key: 'litellm', kind: 'pip', package: 'litellm', extra: 'proxy', version: '1.108.7', language: 'Python', load: () => import('./start/litellm.mjs'),
    targets: [{
      name: 'LiteLLM', settings: 'one worker, master key, list of allowed tools, its own content filter with ten patterns before and after a call',
      lacks: 'a policy per caller (its keys need a database), the tool’s hash at the call, session risk, approval, a breaker for tool servers; without a database it keeps no log of calls',
    }],
  },
  {
    key: 'contextforge', kind: 'pip', package: 'mcp-contextforge-gateway', extra: 'plugins', version: '1.1.0', language: 'Python', load: () => import('./start/contextforge.mjs'),
    targets: [{
      name: 'ContextForge', settings: 'one worker, SQLite, JWT, plugins for secrets, personal data and encoded exfiltration; RATE_LIMITING_ENABLED=false',
      lacks: 'a policy engine in process, the tool’s hash, session risk, approval; its audit trail holds changes of the registry, and no calls',
    }],
  },
];

/** The key of a peer's row: its own, then with a number for a second way in. */
export function rowKey(peer, at) {
  return at === 0 ? peer.key : `${peer.key}-${at + 1}`;
}
