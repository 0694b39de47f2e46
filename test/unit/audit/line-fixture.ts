// Facts of a request, and a folder with a writer in it, for the audit room's tests.
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listRotated } from '../../../src/audit/chain-files.js';
import { GENESIS_HASH, sealLine } from '../../../src/audit/hash-chain.js';
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

/** A log written without the product's writer: sealed lines into whichever file is named; the chain goes on over the files. */
export interface SealedLog {
  readonly dir: string;
  /** Of the last line. */
  readonly hash: string;
  path(name?: string): string;
  write(opens: readonly string[], name?: string): void;
  /** Changes the lines of one file. */
  tamper(change: (lines: string[]) => readonly string[], name?: string): void;
}

export function sealedLog(dir: string): SealedLog {
  mkdirSync(dir, { recursive: true });
  let [seq, hash] = [0, GENESIS_HASH];
  const path = (name = 'audit.jsonl'): string => join(dir, name);
  return {
    dir,
    path,
    get hash() {
      return hash;
    },
    write(opens, name) {
      let text = '';
      for (const open of opens) {
        const sealed = sealLine(open, (seq += 1), hash);
        hash = sealed.hash;
        text += `${sealed.text}\n`;
      }
      appendFileSync(path(name), text);
    },
    tamper(change, name) {
      const lines = readFileSync(path(name), 'utf8').split('\n').slice(0, -1);
      writeFileSync(path(name), change(lines).map((line) => `${line}\n`).join(''));
    },
  };
}

export type Line = Readonly<Record<string, unknown>>;

/** As anybody would check it: cut at the last `,"hash":`, add a brace, hash. */
export function simpleHash(line: string): string {
  return createHash('sha256').update(`${line.slice(0, line.lastIndexOf(',"hash":'))}}`, 'utf8').digest('hex');
}

/** Every line of the folder's chain, oldest first; throws where the chain breaks. Reads files whole: an independent walk, not the product's own. */
export function readChain(dir: string): Line[] {
  const names = [...listRotated(dir).map(({ name }) => name), ...readdirSync(dir).filter((name) => name === 'audit.jsonl')];
  const lines: Line[] = [];
  let previous = GENESIS_HASH;
  for (const name of names) {
    const text = readFileSync(join(dir, name), 'utf8');
    if (text !== '' && !text.endsWith('\n')) throw new Error(`${name}: torn`);
    for (const line of text.split('\n').slice(0, -1)) {
      const value = JSON.parse(line) as Line;
      if (value['hash'] !== simpleHash(line)) throw new Error(`${name}: hash at seq ${lines.length + 1}`);
      if (value['seq'] !== lines.length + 1 || value['prev_hash'] !== previous) throw new Error(`${name}: link broken at seq ${lines.length + 1}`);
      previous = value['hash'];
      lines.push(value);
    }
  }
  return lines;
}
