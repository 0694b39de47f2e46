// What a search finds: by count and by window, over rotated files, with what belongs to each request, in a log that is being written.
import { appendFileSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditLogMissing, type AuditFilter, type AuditSpan } from '../../../../src/audit/reader/filter.js';
import { searchAudit } from '../../../../src/audit/reader/search.js';
import { eventLine, intentLine, requestLine, serverRequestLine, streamEndLine, unresolvedLine, type RequestLineFacts } from '../../../../src/audit/record.js';
import type { AuditRecord } from '../../../../src/audit/types.js';
import { requestFacts, scratchDir, sealedLog, type SealedLog } from '../line-fixture.js';

const START_US = 1_767_225_600_000_000;
const SECOND_US = 1_000_000;

let scratch: ReturnType<typeof scratchDir>;
let log: SealedLog;
beforeEach(() => {
  scratch = scratchDir();
  log = sealedLog(scratch.dir);
});
afterEach(() => scratch.remove());

/** Received and answered at this second. */
function request(id: string, second: number, more: Partial<RequestLineFacts> = {}): string {
  const us = START_US + second * SECOND_US;
  return requestLine(requestFacts(id, { receivedUs: us, decidedUs: us, respondedUs: us, ...more }));
}
const facts = (id: string, second: number) => ({ ...requestFacts(id), atUs: START_US + second * SECOND_US, code: undefined });
const intent = (id: string, second: number): string => intentLine(facts(id, second));
const streamEnd = (id: string, second: number): string => streamEndLine({ ...facts(id, second), bytes: 1, messages: 1, findings: [], status: 200 });
const asked = (id: string, second: number): string => serverRequestLine({ ...facts(id, second), method: 'sampling/createMessage', findings: [] });

const count = (n: number): AuditSpan => ({ kind: 'count', count: n });
const since = (second: number): AuditSpan => ({ kind: 'since', sinceMs: START_US / 1000 + second * 1000 });
const search = (span: AuditSpan, filter: AuditFilter = {}): Promise<AuditRecord[]> => searchAudit(scratch.dir, filter, span);
const idsOf = (found: readonly AuditRecord[]): unknown[] => found.map(({ line }) => line['decision_id']);
const typesOf = (record: AuditRecord | undefined): unknown[] | undefined => record?.related.map((line) => line['type']);

describe('by count', () => {
  it('gives the newest requests, oldest first, as they stand in the file', async () => {
    log.write([request('a', 1), request('b', 2), request('c', 3)]);
    const found = await search(count(2));
    expect(idsOf(found)).toEqual(['b', 'c']);
    expect(JSON.parse(found[1]?.text ?? '')).toMatchObject({ decision_id: 'c', hash: log.hash });
  });

  it('counts requests, not lines, nor requests that do not match', async () => {
    log.write([request('a', 1, { tool: 'bash' }), intent('b', 2), request('b', 2), eventLine(START_US, 'reload', {}), request('c', 3, { tool: 'bash' }), request('d', 4)]);
    expect(idsOf(await search(count(2)))).toEqual(['c', 'd']);
    expect(idsOf(await search(count(2), { tool: 'bash' }))).toEqual(['a', 'c']);
  });

  it('reads over rotated files in the order of their first line, not of their names', async () => {
    log.write([request('a', 1), request('b', 2)], 'audit-1.jsonl');
    log.write(Array.from({ length: 7 }, (_, i) => request(`f${i}`, 3)), 'audit-3.jsonl');
    log.write([request('c', 4)], 'audit-10.jsonl');
    log.write([request('d', 5)]);
    expect(idsOf(await search(count(4)))).toEqual(['f5', 'f6', 'c', 'd']);
    expect(await search(count(100))).toHaveLength(11);
  });
});

describe('by window', () => {
  it('gives every request since then, and none before', async () => {
    log.write([request('a', 0), request('b', 599), request('c', 600), request('d', 601)]);
    expect(idsOf(await search(since(600)))).toEqual(['c', 'd']);
  });

  it('finds a line that stands behind an older one, as lines may that waited', async () => {
    log.write([request('in', 600), request('out', 595), request('also', 601)]);
    expect(idsOf(await search(since(600)))).toEqual(['in', 'also']);
  });

  it('is not ended by a line without a time', async () => {
    log.write([request('a', 600)]);
    log.tamper((lines) => [...lines, '{"type":"request","timestamp":null}', 'x']);
    expect(idsOf(await search(since(600)))).toEqual(['a']);
  });

  it('that is empty finds nothing', async () => {
    log.write([request('a', 0)]);
    expect(await search(since(1))).toEqual([]);
  });
});

describe('filters', () => {
  it('must all hold, and compare whole texts', async () => {
    const other = 'spiffe://poc.local/agents/mcp-client/other/dev';
    log.write([
      request('a', 1), request('b', 2, { spiffeId: other, decision: 'DENY', code: 'authz_policy_denied' }), request('c', 3, { spiffeId: other }),
      request('d', 4, { sessionId: 'mine', method: 'tools/list', tool: undefined }), request('e', 5, { traceId: 'f'.repeat(32) }),
    ]);
    const ids = async (filter: AuditFilter): Promise<unknown[]> => idsOf(await search(count(9), filter));
    expect(await ids({ caller: other })).toEqual(['b', 'c']);
    expect(await ids({ caller: other, decision: 'DENY' })).toEqual(['b']);
    expect(await ids({ code: 'authz_policy_denied' })).toEqual(['b']);
    expect(await ids({ session: 'mine' })).toEqual(['d']);
    expect(await ids({ method: 'tools/list' })).toEqual(['d']);
    expect(await ids({ trace: 'f'.repeat(32) })).toEqual(['e']);
    expect(await ids({ tool: '' })).toEqual(['d']);
    expect(await ids({ caller: other.slice(0, -1) })).toEqual([]);
  });

  it('find any text that a member can hold, and no text that another member holds', async () => {
    const text = fc.oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), fc.constantFrom('"', '\\', '\u202e', '\ud800', '","tool":"x', 'é\n'));
    await fc.assert(fc.asyncProperty(text, text, async (tool, other) => {
      rmSync(scratch.dir, { recursive: true });
      const fresh = sealedLog(scratch.dir);
      fresh.write([request('same', 1, { tool }), request('elsewhere', 2, { tool: `${other}#`, method: tool, server: `"tool":"${tool}"` })]);
      expect(idsOf(await search(count(9), { tool }))).toEqual(`${other}#` === tool ? ['same', 'elsewhere'] : ['same']);
    }), { numRuns: 100 });
  });

  it('by type give other lines than requests', async () => {
    log.write([intent('a', 1), request('a', 1), eventLine(START_US, 'reload', {}), streamEnd('a', 2)]);
    expect((await search(count(9), { type: 'event' })).map(({ line }) => line['event'])).toEqual(['reload']);
    expect(idsOf(await search(count(9), { type: 'stream_end' }))).toEqual(['a']);
    expect(typesOf((await search(count(9), { type: 'stream_end' }))[0])).toEqual(['intent']);
  });
});

describe('what belongs to a request', () => {
  it('is joined to it, oldest first: before it, behind it, and nobody else\'s', async () => {
    log.write([intent('a', 1), intent('b', 1), asked('a', 2), request('b', 2), request('a', 3), streamEnd('b', 4), request('c', 5), streamEnd('a', 9_000)]);
    const [b, a, c] = await search(count(3));
    expect([typesOf(b), typesOf(a), typesOf(c)]).toEqual([['intent', 'stream_end'], ['intent', 'server_request', 'stream_end'], []]);
  });

  it('is found in another file', async () => {
    log.write([intent('a', 1)], 'audit-1.jsonl');
    log.write([request('a', 2)], 'audit-2.jsonl');
    log.write([streamEnd('a', 3)]);
    expect(typesOf((await search(count(1)))[0])).toEqual(['intent', 'stream_end']);
  });

  it('is found however long the call took', async () => {
    const received = START_US;
    log.write([intent('slow', 1), ...Array.from({ length: 50 }, (_, i) => request(`${i}`, 2 + i * 60)), request('slow', 3_600, { receivedUs: received })]);
    expect(typesOf((await search(count(1)))[0])).toEqual(['intent']);
    expect(typesOf((await search(since(3_599)))[0])).toEqual(['intent']);
  });

  it('of an unresolved call is its intent, from whichever run', async () => {
    log.write([intent('lost', 1), request('x', 2), request('y', 90_000), unresolvedLine({ ...facts('lost', 90_001), intentSeq: 1 })]);
    const [found] = await search(count(1), { type: 'unresolved' });
    expect(typesOf(found)).toEqual(['intent']);
  });

  it('is not made up from texts that look like it', async () => {
    log.write([eventLine(START_US + SECOND_US, 'reload', { decision_id: 'a' }), intentLine({ ...facts('z', 1), tool: '"decision_id":"a"' }), request('a', 1)]);
    expect((await search(count(1)))[0]?.related).toEqual([]);
  });
});

describe('a log as it really is', () => {
  it('has lines longer than what is read at once', async () => {
    const findings = Array.from({ length: 100 }, (_, i) => ({ rule: `r${i}`.padEnd(250, 'r'), category: 'c'.repeat(250), action: 'flag', path: 'p'.repeat(250), sample: 's'.repeat(250), decoded: 'd'.repeat(250) }));
    log.write([intent('big', 1), request('small', 1), request('big', 2, { findings }), request('last', 3), request('bigger', 4, { findings: findings.map((one) => ({ ...one, path: 'ü'.repeat(250) })) })]);
    const found = await search(count(4));
    expect(idsOf(found)).toEqual(['small', 'big', 'last', 'bigger']);
    expect(Buffer.byteLength(found[1]?.text ?? '')).toBeGreaterThan(64 * 1024);
    expect(found[1]?.line['findings']).toHaveLength(100);
    expect(typesOf(found[1])).toEqual(['intent']);
  });

  it('has a line being written, and garbage in the middle; the others are found', async () => {
    log.write([request('a', 1)]);
    log.tamper((lines) => [...lines, 'garbage', '', '[1]', 'null', '{"type":"request"', '\u0000'.repeat(100)]);
    log.write([request('b', 2)]);
    appendFileSync(log.path(), request('half', 3));
    expect(idsOf(await search(count(9)))).toEqual(['a', 'b']);
  });

  it('is empty at first, and missing before that', async () => {
    expect(await search(count(1))).toEqual([]);
    rmSync(scratch.dir, { recursive: true });
    await expect(search(count(1))).rejects.toThrow(AuditLogMissing);
  });

  it('may hold more requests in a window than a call takes arguments', { timeout: 60_000 }, async () => {
    const short = request('x', 1, { layers: { verdicts: [], us: [], notes: [] } });
    log.write(Array<string>(130_000).fill(short));
    expect(await search(since(0))).toHaveLength(130_000);
  });
});
