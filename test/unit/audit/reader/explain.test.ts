// One decision by its id or its trace, with all its lines; and what there is of one that was never answered.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDecision } from '../../../../src/audit/reader/explain.js';
import type { AuditRecord } from '../../../../src/audit/types.js';
import { intentLine, requestLine, streamEndLine, unresolvedLine } from '../../../../src/audit/record.js';
import { requestFacts, scratchDir, sealedLog, type SealedLog } from '../line-fixture.js';

let scratch: ReturnType<typeof scratchDir>;
let log: SealedLog;
beforeEach(() => {
  scratch = scratchDir();
  log = sealedLog(scratch.dir);
});
afterEach(() => scratch.remove());

const AT_US = 1_767_225_600_000_500;
const facts = (id: string, traceId = `trace-${id}`) => ({ ...requestFacts(id), traceId, atUs: AT_US, code: undefined });
const request = (id: string, traceId?: string): string => requestLine(facts(id, traceId));
const intent = (id: string, traceId?: string): string => intentLine(facts(id, traceId));
const streamEnd = (id: string, traceId?: string): string => streamEndLine({ ...facts(id, traceId), bytes: 1, messages: 1, findings: [], status: 200 });

async function foundBy(id: string): Promise<AuditRecord | undefined> {
  const sought = await findDecision(scratch.dir, id);
  return sought.kind === 'found' ? sought.record : undefined;
}

describe('a decision', () => {
  it('is found by its id, with its lines and their own text', async () => {
    log.write([intent('a'), request('a'), request('b'), streamEnd('a'), request('c')]);
    const found = await foundBy('a');
    expect(found?.line).toMatchObject({ type: 'request', decision_id: 'a' });
    expect(found?.related.map((line) => line['type'])).toEqual(['intent', 'stream_end']);
    expect(JSON.parse(found?.text ?? '')).toEqual(found?.line);
  });

  it('is found by its trace: the newest request of it, without another decision\'s lines', async () => {
    log.write([intent('a', 't'), request('a', 't'), intent('b', 't'), request('b', 't'), streamEnd('a', 't')]);
    const found = await foundBy('t');
    expect(found?.line).toMatchObject({ decision_id: 'b' });
    expect(found?.related.map((line) => [line['type'], line['decision_id']])).toEqual([['intent', 'b']]);
  });

  it('is found in an old file', async () => {
    log.write([intent('a')], 'audit-1.jsonl');
    log.write([request('a'), request('b')], 'audit-2.jsonl');
    log.write([request('c')]);
    expect((await foundBy('a'))?.related).toHaveLength(1);
  });

  it('under way is shown by its intent', async () => {
    log.write([request('a'), intent('b')]);
    expect(await foundBy('b')).toMatchObject({ line: { type: 'intent', decision_id: 'b' }, related: [] });
  });

  it('that a crash left unresolved is shown as that, with its intent', async () => {
    log.write([intent('lost'), request('a'), unresolvedLine({ ...facts('lost'), atUs: AT_US + 90_000_000_000, intentSeq: 1 }), request('b')]);
    expect(await foundBy('lost')).toMatchObject({ line: { type: 'unresolved', intent_seq: 1 }, related: [{ type: 'intent' }] });
  });

  it.each(['', 'aa', 'a"', '"decision_id"', 'request', requestFacts('').spiffeId ?? ''])('is not found by %j', async (id) => {
    log.write([request('aaa'), requestLine({ ...facts('b'), tool: 'aa' })]);
    expect(await findDecision(scratch.dir, id)).toEqual({ kind: 'none' });
  });

  it('is found by the beginning of its id, with its request line and all that belongs to it', async () => {
    log.write([intent('47921beb-1'), request('47921beb-1'), streamEnd('47921beb-1'), request('47921bea-2')]);
    const found = await foundBy('47921beb');
    expect(found?.line).toMatchObject({ type: 'request', decision_id: '47921beb-1' });
    expect(found?.related.map((line) => line['type'])).toEqual(['intent', 'stream_end']);
    expect(await findDecision(scratch.dir, '47921')).toEqual({ kind: 'none' });
  });

  it('is one of several where the beginning is that of more: all are named, newest first and no more than a person reads', async () => {
    log.write([request('47921beb-1'), request('47921bea-2')]);
    expect(await findDecision(scratch.dir, '47921be')).toEqual({ kind: 'ambiguous', ids: ['47921bea-2', '47921beb-1'] });
    log.write(Array.from({ length: 50 }, (_, n) => request(`47921be-more-${n}`)));
    const many = await findDecision(scratch.dir, '47921be');
    expect(many.kind === 'ambiguous' && many.ids.length).toBe(10);
  });

  it('is found by its whole id although another one begins with it', async () => {
    log.write([request('47921beb'), request('47921beb-2')]);
    expect((await foundBy('47921beb'))?.line).toMatchObject({ decision_id: '47921beb' });
  });
});
