// Audit lines: the members of SPEC section 8 in their order, valid JSON whatever the strings are, bounded whatever their length.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/base/errors/table.js';
import { GENESIS_HASH, sealLine, verifyLine } from '../../../src/audit/hash-chain.js';
import type { RequestLineFacts } from '../../../src/audit/record.js';
import { VERDICT_NAMES, eventLine, intentLine, repeatedLine, requestLine, serverRequestLine, streamEndLine, unresolvedLine } from '../../../src/audit/record.js';
import type { Line } from './line-fixture.js';
import { requestFacts, simpleHash } from './line-fixture.js';

function sealed(open: string): Line {
  const { text } = sealLine(open, 1, GENESIS_HASH);
  const bytes = Buffer.from(text, 'utf8');
  const line = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Line;
  expect(line['hash']).toBe(simpleHash(text));
  expect(verifyLine(bytes).ok).toBe(true);
  expect(bytes.toString('utf8')).toBe(text); // a lone surrogate would come back as another character
  return line;
}

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)), fc.constantFrom('","hash":"', '\n', '\\', '"}', '\u2028'));
const finding = fc.record({ rule: text, category: text, action: text, path: text, sample: text, decoded: text, direction: fc.constantFrom('request' as const, 'response' as const, undefined) });
const anyFacts: fc.Arbitrary<Partial<RequestLineFacts>> = fc.record({
  traceId: text, spanId: text, sessionId: fc.option(text, { nil: undefined }), spiffeId: fc.option(text, { nil: undefined }), server: text, tool: fc.option(text, { nil: undefined }), method: text,
  argumentsDigest: text, authMethod: text, principal: fc.record({ level: fc.nat(5), role: text, capabilities: fc.array(text, { maxLength: 3 }) }), decision: fc.constantFrom('ALLOW' as const, 'DENY' as const),
  code: fc.option(text, { nil: undefined }), reasonCode: text, findings: fc.array(finding, { maxLength: 3 }), riskScore: fc.double(), status: fc.double(), policyDigest: text, registryDigest: text,
  receivedUs: fc.double(), decidedUs: fc.double(), respondedUs: fc.double(),
  layers: fc.record({ verdicts: fc.array(fc.integer(), { maxLength: 13 }), us: fc.array(fc.double(), { maxLength: 13 }), notes: fc.array(fc.option(text, { nil: undefined }), { maxLength: 13 }) }),
});

describe('a request line', () => {
  it('has the contract\'s members in the contract\'s order', () => {
    expect(Object.keys(sealed(requestLine(requestFacts('d'))))).toEqual([
      'type', 'timestamp', 'timestamps', 'decision_id', 'trace_id', 'span_id', 'session_id', 'spiffe_id', 'auth_method', 'principal', 'server', 'tool', 'method', 'arguments_digest', 'decision', 'code',
      'layers_traversed', 'risk_score', 'findings', 'status', 'latency_us', 'policy_digest', 'registry_digest', 'framework_refs', 'seq', 'prev_hash', 'hash',
    ]);
  });

  it('names all 13 layers, with their verdicts, times and notes', () => {
    const verdicts = [1, 1, 1, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0];
    const line = sealed(requestLine(requestFacts('d', { layers: { verdicts, us: Array<number>(13).fill(0.26), notes: [undefined, undefined, undefined, undefined, 'seed'] } })));
    const layers = line['layers_traversed'] as Line[];
    expect(layers.map((layer) => layer['step'])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(layers.map((layer) => layer['verdict'])).toEqual(['pass', 'pass', 'pass', 'pass', 'flag', 'deny', 'fault', 'skipped', 'not_reached', 'not_reached', 'not_reached', 'not_reached', 'not_reached']);
    expect(layers[4]).toEqual({ step: 5, name: 'tool_registry_verify', verdict: 'flag', us: 0.3, note: 'seed' });
  });

  it('takes a verdict it doesn\'t know for a fault, never for a pass', () => {
    const layers = sealed(requestLine(requestFacts('d', { layers: { verdicts: [99, -1], us: [], notes: [] } })))['layers_traversed'] as Line[];
    expect(layers.slice(0, 3).map((layer) => layer['verdict'])).toEqual(['fault', 'fault', 'not_reached']);
    expect(VERDICT_NAMES[0]).toBe('not_reached');
  });

  it('is one line of valid JSON whose hash verifies, whatever its strings and numbers are', () => {
    fc.assert(fc.property(text, anyFacts, (id, facts) => {
      const open = requestLine(requestFacts(id, facts));
      expect(open).not.toContain('\n');
      const line = sealed(open);
      expect(line['decision_id']).toBe(id);
      expect(line['layers_traversed']).toHaveLength(13);
    }), { numRuns: 1000 });
  });

  it('stays below 1 MiB when every text is as long as a body may be', () => {
    const long = '\u0001'.repeat(1_000_000);
    const findings = Array.from({ length: 5_000 }, () => ({ rule: long, category: long, action: long, path: long, sample: long, decoded: long }));
    const open = requestLine(requestFacts(long, { tool: long, method: long, server: long, spiffeId: long, sessionId: long, findings, layers: { verdicts: [], us: [], notes: Array<string>(13).fill(long) } }));
    expect(open.length).toBeLessThan(1024 * 1024);
    expect((sealed(open)['findings'] as Line[]).at(-1)).toEqual({ omitted: 4_900 });
  });

  it('refers to controls for every code of the table', () => {
    for (const code of Object.keys(ERRORS)) {
      const refs = sealed(requestLine(requestFacts('d', { decision: 'DENY', code })))['framework_refs'] as string[];
      expect(refs.length).toBeGreaterThan(2);
      expect(refs.every((ref) => /^(NIST|OWASP-MCP|OWASP-LLM|ATLAS):[A-Za-z0-9.-]+$/.test(ref))).toBe(true);
    }
    expect(sealed(requestLine(requestFacts('d')))['framework_refs']).toContain('NIST:ac-3');
  });
});

describe('the other lines', () => {
  const decision = { decisionId: 'd', traceId: 't', spanId: 's', sessionId: undefined, spiffeId: undefined };
  const call = { server: 'u', tool: 'bash', method: 'tools/call', argumentsDigest: undefined };

  it('say their type and their decision', () => {
    const lines = [
      intentLine({ ...decision, ...call, atUs: 1, policyDigest: 'p', registryDigest: 'r' }),
      streamEndLine({ ...decision, atUs: 1, bytes: 5, messages: 2, findings: [], status: 200, code: 'client_disconnected' }),
      unresolvedLine({ ...decision, ...call, atUs: 1, intentSeq: 7 }),
      serverRequestLine({ ...decision, atUs: 1, server: 'u', method: 'sampling/createMessage', decision: 'DENY', code: undefined, findings: [] }),
    ].map(sealed);
    expect(lines.map((line) => [line['type'], line['decision_id']])).toEqual([['intent', 'd'], ['stream_end', 'd'], ['unresolved', 'd'], ['server_request', 'd']]);
    expect(lines[1]).toMatchObject({ bytes: 5, messages: 2, status: 200, code: 'client_disconnected' });
    expect(lines[2]).toMatchObject({ intent_seq: 7, tool: 'bash' });
  });

  it('count what shares a line', () => {
    expect(sealed(repeatedLine(requestFacts('d', { spiffeId: undefined }), '10.0.0.7', 1234))).toMatchObject({ type: 'request', source: '10.0.0.7', repeated: 1234, spiffe_id: null });
  });

  it('let no detail of an event pass for the seal', () => {
    const open = eventLine(1, 'reload', { hash: 'x', seq: 1, prev_hash: 'y', files: ['a', '","hash":"'], ok: true });
    expect(open).not.toContain(',"hash":');
    expect(sealed(open)['details']).toEqual({ hash_: 'x', seq_: 1, prev_hash_: 'y', files: ['a', '","hash":"'], ok: true });
  });
});
