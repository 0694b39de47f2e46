// Facts of a request, and a folder with a writer in it, for the audit room's tests.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRotated } from '../../../src/audit/chain-files.js';
import { GENESIS_HASH, verifyLine } from '../../../src/audit/hash-chain.js';
import type { RequestLineFacts } from '../../../src/audit/record.js';

export function requestFacts(decisionId: string, more: Partial<RequestLineFacts> = {}): RequestLineFacts {
  return {
    decisionId, traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', sessionId: 'caller', spiffeId: 'spiffe://poc.local/agents/mcp-client/my-agent/dev',
    server: 'http://127.0.0.1:9191/mcp', tool: 'my_tool', method: 'tools/call', argumentsDigest: 'a'.repeat(64),
    receivedUs: 1_767_225_600_000_000, decidedUs: 1_767_225_600_000_040, respondedUs: 1_767_225_600_000_900, authMethod: 'header_declared',
    principal: { level: 3, role: 'agent', capabilities: ['read'] }, decision: 'ALLOW', code: undefined,
    layers: { verdicts: Array<number>(13).fill(1), us: Array<number>(13).fill(1.25), notes: [] }, riskScore: 2, findings: [], status: 200, policyDigest: 'p', registryDigest: 'r', ...more,
  };
}

export function scratchDir(): { readonly dir: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'precinct-audit-'));
  return { dir: join(root, 'audit'), remove: () => rmSync(root, { recursive: true, force: true }) };
}

export type Line = Readonly<Record<string, unknown>>;

/** Every line of the folder's chain, oldest first; throws where the chain breaks. Reads files whole: an independent walk, not the product's own. */
export function readChain(dir: string): Line[] {
  const names = [...listRotated(dir).map(({ name }) => name), ...readdirSync(dir).filter((name) => name === 'audit.jsonl')];
  const lines: Line[] = [];
  let previous = GENESIS_HASH;
  for (const name of names) {
    const text = readFileSync(join(dir, name), 'utf8');
    if (text !== '' && !text.endsWith('\n')) throw new Error(`${name}: torn`);
    for (const line of text.split('\n').slice(0, -1)) {
      const check = verifyLine(Buffer.from(line));
      if (!check.ok) throw new Error(`${name}: ${check.problem} at seq ${lines.length + 1}`);
      if (check.link.seq !== lines.length + 1 || check.link.prevHash !== previous) throw new Error(`${name}: link broken at seq ${lines.length + 1}`);
      previous = check.link.hash;
      lines.push(JSON.parse(line) as Line);
    }
  }
  return lines;
}
