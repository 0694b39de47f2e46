// One decision by its id or its trace, with all its lines; and what there is of one that was never answered.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findDecision } from '../../../../src/audit/reader/explain.js';
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

describe('a decision', () => {
  it('is found by its id, with its lines and their own text', async () => {
    log.write([intent('a'), request('a'), request('b'), streamEnd('a'), request('c')]);
    const found = await findDecision(scratch.dir, 'a');
    expect(found?.line).toMatchObject({ type: 'request', decision_id: 'a' });
    expect(found?.related.map((line) => line['type'])).toEqual(['intent', 'stream_end']);
    expect(JSON.parse(found?.text ?? '')).toEqual(found?.line);
  });

  it('is found by its trace: the newest request of it, without another decision\'s lines', async () => {
    log.write([intent('a', 't'), request('a', 't'), intent('b', 't'), request('b', 't'), streamEnd('a', 't')]);
    const found = await findDecision(scratch.dir, 't');
    expect(found?.line).toMatchObject({ decision_id: 'b' });
    expect(found?.related.map((line) => [line['type'], line['decision_id']])).toEqual([['intent', 'b']]);
  });

  it('is found in an old file', async () => {
    log.write([intent('a')], 'audit-1.jsonl');
    log.write([request('a'), request('b')], 'audit-2.jsonl');
    log.write([request('c')]);
    expect((await findDecision(scratch.dir, 'a'))?.related).toHaveLength(1);
  });

  it('under way is shown by its intent', async () => {
    log.write([request('a'), intent('b')]);
    expect(await findDecision(scratch.dir, 'b')).toMatchObject({ line: { type: 'intent', decision_id: 'b' }, related: [] });
  });

  it('that a crash left unresolved is shown as that, with its intent', async () => {
    log.write([intent('lost'), request('a'), unresolvedLine({ ...facts('lost'), atUs: AT_US + 90_000_000_000, intentSeq: 1 }), request('b')]);
    expect(await findDecision(scratch.dir, 'lost')).toMatchObject({ line: { type: 'unresolved', intent_seq: 1 }, related: [{ type: 'intent' }] });
  });

  it.each(['', 'aa', 'a"', '"decision_id"', 'request', requestFacts('').spiffeId ?? ''])('is not found by %j', async (id) => {
    log.write([request('aaa'), requestLine({ ...facts('b'), tool: 'aa' })]);
    expect(await findDecision(scratch.dir, id)).toBeUndefined();
  });
});
