// A context with only what a test of the chain needs in it; what is missing throws when it is read.
import type { TraceContext } from '../../../src/base/ids/trace-context.js';
import { Context } from '../../../src/chain/context.js';
import type { Snapshot } from '../../../src/chain/snapshot.js';
import type { Caller } from '../../../src/engines/identity/types.js';
import type { RegisteredTool } from '../../../src/engines/registry/types.js';
import type { Call } from '../../../src/mcp/types.js';
import { parseGatewayConfig } from '../../../src/base/config/load.js';
import { lentMessage, type Posted } from '../../support/inbound-reply.js';
import { principalOf } from '../../../src/engines/identity/principal.js';
import { parseWorkloadId } from '../../../src/engines/identity/spiffe-id.js';

export const NOW_MS = 1_700_000_000_000;
export const IDS = { decisionId: 'd-1', traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
export const AGENT_ID = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';

export function configOf(...lines: string[]): Snapshot['config'] {
  return parseGatewayConfig(['profile: dev', ...lines].join('\n'), 'gateway.yaml');
}

export function snapshotOf(changes: Partial<Snapshot> = {}): Snapshot {
  const digests = { policy: 'p', registry: 'r', rules: 'u', identities: 'i', thresholds: 't' };
  return { version: 1, config: configOf(), digests, ...changes } as Snapshot;
}

export function callerOf(id = AGENT_ID): Caller {
  const spiffeId = parseWorkloadId(id);
  if (spiffeId === undefined) throw new Error(`${id} is no workload's id`);
  return { spiffeId, authMethod: 'header_declared', principal: principalOf(spiffeId, 'poc.local'), expiresMs: Infinity };
}

export function callOf(changes: Partial<Call> = {}): Call {
  return { kind: 'request', era: 'legacy', method: 'tools/call', idText: '1', idFrom: 0, idTo: 0, name: 'my_tool', uri: '', protocolVersion: '', argumentsFrom: 0, argumentsTo: 0, escapes: false, ...changes };
}

export function toolOf(changes: Partial<RegisteredTool> = {}): RegisteredTool {
  const name = changes.name ?? 'my_tool';
  return {
    kind: 'tool', name, servedName: name, limitName: name, description: '', upstream: 'http://127.0.0.1:9/mcp', hash: 'a'.repeat(64) as RegisteredTool['hash'], hashAlg: undefined, definitionHash: undefined, riskLevel: 'low',
    inputSchema: {}, requiredScope: undefined, requiresStepUp: false, allowedDestinations: [], timeoutMs: undefined, classification: 'internal', external: false, rateLimit: undefined, line: 1, ...changes,
  };
}

/** With its arguments where they lie in the body. `trace`: it is recorded as one. */
export function contextOf(args: string | undefined = undefined, more: { posted?: Posted; snapshot?: Partial<Snapshot>; body?: string; trace?: Partial<TraceContext> } = {}): Context {
  const head = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"my_tool","arguments":';
  const body = more.body ?? (args === undefined ? '' : `${head}${args}}}`);
  const { inbound } = lentMessage(body, more.posted);
  const ctx = new Context(inbound, snapshotOf(more.snapshot), { ...IDS, trace: { traceId: IDS.traceId, parentSpanId: undefined, sampled: undefined, ...more.trace } }, NOW_MS);
  ctx.sampling = { recorded: more.trace !== undefined, passedOn: true };
  ctx.caller = callerOf();
  ctx.call = callOf(args === undefined || more.body !== undefined ? {} : { argumentsFrom: head.length, argumentsTo: head.length + Buffer.byteLength(args) });
  ctx.mcpSession = 'none';
  ctx.recordOpen = true;
  ctx.tool = { registered: toolOf(), hashAlg: 'seed' };
  ctx.permission = { reason: undefined, cached: false, needed: true };
  ctx.session = { id: 'caller', riskScore: 0, previousActions: [], flags: [], tainted: false };
  ctx.findings = [];
  ctx.action = 'none';
  return ctx;
}
