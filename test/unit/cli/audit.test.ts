// agw audit on real chains of sealed lines, whole and tampered with.
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS_HASH, sealLine } from '../../../src/audit/hash-chain.js';
import { eventLine, intentLine, requestLine, serverRequestLine, streamEndLine, unresolvedLine } from '../../../src/audit/record.js';
import { parseSpan } from '../../../src/cli/audit-query.js';
import { layersCompact } from '../../../src/cli/layers-view.js';
import { sessionKey } from '../../../src/engines/mcp-session/session-key.js';
import { openBench, type Bench } from './cli-fixture.js';

const ME = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';
const START_US = 1_700_000_000_000_000;
const PASSED = Array<number>(13).fill(1);
const DENIED_AT_6 = [1, 1, 1, 1, 1, 3, ...Array<number>(7).fill(0)];

interface More {
  readonly caller?: string;
  readonly tool?: string;
  readonly deny?: boolean;
  readonly atUs?: number;
}

function request(n: number, more: More = {}): string {
  return requestLine(factsOf(n, more));
}

function factsOf(n: number, more: More = {}): Parameters<typeof requestLine>[0] {
  const us = more.atUs ?? START_US + n * 1000;
  const deny = more.deny === true;
  return {
    decisionId: `d${n}`, traceId: `t${n}`, spanId: 's', sessionId: undefined, spiffeId: more.caller ?? ME, server: 'u', tool: more.tool ?? 'get_time', method: 'tools/call', argumentsDigest: undefined,
    receivedUs: us, decidedUs: us, respondedUs: us, authMethod: 'header_declared', principal: undefined, decision: deny ? 'DENY' : 'ALLOW', code: deny ? 'authz_policy_denied' : undefined,
    layers: { verdicts: deny ? DENIED_AT_6 : PASSED, us: Array<number>(13).fill(1.5), notes: [] }, riskScore: 0, findings: [], status: deny ? 403 : 200, policyDigest: 'p', registryDigest: 'r',
  };
}

function intent(n: number): string {
  return intentLine({ atUs: START_US + n * 1000 - 1, decisionId: `d${n}`, traceId: `t${n}`, spanId: 's', sessionId: undefined, spiffeId: ME, server: 'u', tool: 'bash', method: 'tools/call', argumentsDigest: undefined } as Parameters<typeof intentLine>[0]);
}

let bench: Bench;
let seq: number;
let last: string;
beforeEach(() => {
  bench = openBench();
  mkdirSync(join(bench.root, '.precinct/audit'));
  seq = 0;
  last = GENESIS_HASH;
});
afterEach(() => bench.close());

const file = (name = 'audit.jsonl'): string => join(bench.root, '.precinct/audit', name);

function write(lines: readonly string[], name = 'audit.jsonl'): void {
  for (const open of lines) {
    const sealed = sealLine(open, (seq += 1), last);
    last = sealed.hash;
    appendFileSync(file(name), `${sealed.text}\n`);
  }
}

describe('agw audit search', () => {
  it('piped, gives one JSON record with the members at its top', async () => {
    write([request(1), request(2)]);
    const { code, out } = await bench.agw(['audit', 'search', '--last', '1']);
    expect(code).toBe(0);
    expect(out).toBe(readFileSync(file(), 'utf8').trim().split('\n')[1]);
    const record = JSON.parse(out) as Record<string, unknown>;
    for (const key of ['decision_id', 'trace_id', 'spiffe_id', 'tool', 'decision', 'layers_traversed', 'timestamps', 'risk_score', 'prev_hash', 'hash']) expect(record).toHaveProperty(key);
    expect(record['layers_traversed']).toHaveLength(13);
  });

  it('counts requests, not lines, and joins what belongs to them', async () => {
    write([request(1), intent(2), request(2, { tool: 'bash' }), intent(3)]);
    const lines = (await bench.agw(['audit', '--last', '1'])).out.split('\n');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ decision_id: 'd2', related: [{ type: 'intent', decision_id: 'd2' }] });
  });

  it('filters by caller, decision, code and tool together', async () => {
    write([request(1), request(2, { caller: OTHER, deny: true }), request(3, { caller: OTHER }), request(4, { deny: true, tool: 'bash' })]);
    const ids = async (...words: string[]): Promise<string[]> => (await bench.agw(['audit', 'search', ...words])).out.split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { decision_id: string }).decision_id);
    expect(await ids('--caller', ME)).toEqual(['d1', 'd4']);
    expect(await ids('--decision', 'deny')).toEqual(['d2', 'd4']);
    expect(await ids('--decision', 'DENY', '--caller', OTHER)).toEqual(['d2']);
    expect(await ids('--tool', 'bash', '--code', 'authz_policy_denied')).toEqual(['d4']);
    expect((await bench.agw(['audit', 'search', '--tool', 'none'])).code).toBe(1);
  });

  it('reads across rotated files', async () => {
    write([request(1), request(2)], 'audit-1.jsonl');
    write([request(3)]);
    expect((await bench.agw(['audit', '--last', '3'])).out.split('\n')).toHaveLength(3);
  });

  it('takes a window by time', async () => {
    const nowUs = Date.now() * 1000;
    write([request(1), request(2, { atUs: nowUs - 3_600_000_000 }), request(3, { atUs: nowUs })]);
    expect((await bench.agw(['audit', '--last', '10m'])).out.split('\n')).toHaveLength(1);
    expect((await bench.agw(['audit', '--last', '2h'])).out.split('\n')).toHaveLength(2);
  });

  it('on a terminal, shows decision and all 13 layers of each in one line', async () => {
    write([request(1), request(2, { deny: true, tool: 'bash' })]);
    const { out } = await bench.agw(['audit', 'search', '--caller', ME], { tty: true, width: 120 });
    expect(out).toContain('✓✓✓✓✓✓✓✓✓✓✓✓✓');
    expect(out).toContain('✓✓✓✓✓✗·······');
    expect(out.split('\n').every((line) => line.length <= 120)).toBe(true);
  });

  it('leaves a line that is being written and one that is broken aside', async () => {
    write([request(1)]);
    appendFileSync(file(), 'garbage\n{"type":"request","decision_id":"half');
    expect((await bench.agw(['audit', '--last', '5'])).out.split('\n')).toHaveLength(1);
  });

  it('shows what happened to the gateway itself by name, place and reason', async () => {
    write([eventLine(START_US, 'reload_refused', { file: 'config/identities.yaml', line: 5, message: 'unknown key' }), request(1)]);
    const { out } = await bench.agw(['audit', 'search', '--type', 'event'], { tty: true, width: 120 });
    expect(out.split('\n')[1]).toMatch(/Z  reload_refused +file=config\/identities.yaml line=5 message="unknown key"$/);
    expect(out).not.toMatch(/·|LAYERS/);
    expect((await bench.agw(['audit', 'search', '--type', 'event', '--wide'], { tty: true, width: 80 })).out).toContain(JSON.parse(readFileSync(file(), 'utf8').split('\n')[0] ?? '').hash as string);
  });

  it('finds a session by its id, and as agw inspect sessions shows it', async () => {
    const ids = ['00'.repeat(24), '01'.repeat(24)];
    write([...ids.map((sessionId, n) => requestLine({ ...factsOf(n), sessionId })), request(2)]);
    const found = async (session: string): Promise<unknown[]> => {
      const { out } = await bench.agw(['audit', 'search', '--session', session]);
      return out === '' ? [] : out.split('\n').map((line) => (JSON.parse(line) as { decision_id: unknown }).decision_id);
    };
    const [, second = ''] = ids;
    for (const name of [second, sessionKey(second).slice(0, 16), sessionKey(second).slice(0, 8)]) expect(await found(name)).toEqual(['d1']);
    for (const name of [sessionKey(second).slice(0, 7), sessionKey('').slice(0, 16), 'ab'.repeat(8), second.slice(0, 16)]) expect(await found(name)).toEqual([]);
  });

  it('shows how a decision\'s id begins where the terminal has the room', async () => {
    write([requestLine({ ...factsOf(1), decisionId: '47921beb-6e1c-4c5f-9d67-0a1b2c3d4e5f' })]);
    const shown = async (width: number): Promise<string> => (await bench.agw(['audit', 'search'], { tty: true, width })).out;
    expect(await shown(120)).toMatch(/ID\n.*47921beb\n/);
    expect(await shown(119)).not.toContain('47921beb');
  });

  it('says on stderr that nothing was found, so that a pipe stays empty, and as JSON where JSON was asked for', async () => {
    write([request(1)]);
    const { code, out, err } = await bench.agw(['audit', 'search', '--tool', 'none']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('nothing was found');
    expect(JSON.parse((await bench.agw(['audit', 'search', '--tool', 'none', '--json'])).err)).toMatchObject({ error: { code: 'not_found' } });
  });

  it.each(['0', '-1', 'x', '5y', '1.5', ''])('refuses --last %j', async (last_) => {
    expect((await bench.agw(['audit', 'search', `--last=${last_}`])).code).toBe(2);
  });

  it('knows counts and windows', () => {
    expect(parseSpan('20', 0)).toEqual({ kind: 'count', count: 20 });
    expect(parseSpan('7d', 7 * 86_400_000)).toEqual({ kind: 'since', sinceMs: 0 });
  });
});

describe('agw audit tail', () => {
  /** Ended as a person ends it; the older lines are shown before it waits. */
  const tail = async (...words: string[]): Promise<string[]> => {
    const ran = bench.agw(['audit', 'tail', ...words], { tty: true, width: 130 });
    const interrupt = setInterval(() => process.emit('SIGINT'), 20);
    return (await ran.finally(() => clearInterval(interrupt))).out.split('\n');
  };

  it('has the columns of search, in their order, with a head', async () => {
    write([request(1), request(2, { deny: true, tool: 'bash' })]);
    const [head = '', ...rows] = await tail();
    const searched = (await bench.agw(['audit', 'search'], { tty: true, width: 130 })).out.split('\n');
    expect(head.split(/ {2,}/)).toEqual(searched[0]?.split(/ {2,}/));
    expect(rows).toHaveLength(2);
    expect(rows.map((row) => row.indexOf('tools/call'))).toEqual([head.indexOf('METHOD'), head.indexOf('METHOD')]);
  });

  it('shows events with their details', async () => {
    write([eventLine(START_US, 'start', { pid: 7 }), request(1)]);
    expect((await tail('--type', 'event')).at(-1)).toMatch(/start +pid=7$/);
  });

  it.each(['x', '5m'])('takes a count alone, and says so of %s', async (last_) => {
    write([request(1)]);
    const { code, err } = await bench.agw(['audit', 'tail', '--last', last_]);
    expect(code).toBe(2);
    expect(err).toMatch(new RegExp(`^agw: --last ${last_} is not a count\\.\\n`));
  });
});

describe('a gateway that is named', () => {
  it.each([['audit', 'verify'], ['audit', 'search'], ['audit', 'tail'], ['audit', 'explain', 'x'], ['inspect', 'traffic']])('and is none of this project has no log here: %s %s', async (...line) => {
    for (const address of ['/elsewhere/control.sock', 'http://10.1.2.3:9090']) {
      const { code, err } = await bench.agw([...line, '--gateway', address]);
      expect([code, err]).toEqual([2, `agw: the log is read from the project's folder: --gateway ${address} can't be asked for it.\nName the other project by its config: --config FILE`]);
    }
  });

  it('and is this project\'s own is no other', async () => {
    expect((await bench.agw(['audit', 'verify', '--gateway', join('.precinct', 'control.sock')])).err).not.toContain('--gateway');
  });
});

describe('agw audit verify', () => {
  const verify = async (): Promise<{ code: number; result: Record<string, unknown> }> => {
    const { code, out } = await bench.agw(['audit', 'verify', '--json']);
    return { code, result: JSON.parse(out) as Record<string, unknown> };
  };
  const tamper = (change: (lines: string[]) => string[]): void => writeFileSync(file(), `${change(readFileSync(file(), 'utf8').trim().split('\n')).join('\n')}\n`);

  beforeEach(() => write([1, 2, 3, 4, 5].map((n) => request(n))));

  it('passes a whole chain, also over a rotation', async () => {
    expect(await verify()).toMatchObject({ code: 0, result: { kind: 'intact', lines: 5, lastHash: last } });
  });

  it('finds a flipped byte with its line', async () => {
    tamper((lines) => lines.map((line, i) => (i === 2 ? line.replace('"ALLOW"', '"ALLOX"') : line)));
    expect(await verify()).toMatchObject({ code: 1, result: { kind: 'broken', problem: 'hash', line: 3, seq: 3 } });
  });

  it('finds a removed line', async () => {
    tamper((lines) => lines.filter((_, i) => i !== 1));
    expect(await verify()).toMatchObject({ code: 1, result: { problem: 'seq', line: 2, seq: 3 } });
  });

  it('finds a swapped pair', async () => {
    tamper(([a = '', b = '', ...rest]) => [b, a, ...rest]);
    expect(await verify()).toMatchObject({ code: 1, result: { problem: 'seq', line: 1 } });
  });

  it('finds a line sealed anew by a forger who did not reseal the rest', async () => {
    const forged = sealLine(request(3, { tool: 'bash' }), 3, JSON.parse(readFileSync(file(), 'utf8').split('\n')[1] ?? '').hash as string);
    tamper((lines) => lines.map((line, i) => (i === 2 ? forged.text : line)));
    expect(await verify()).toMatchObject({ code: 1, result: { problem: 'prev_hash', line: 4 } });
  });

  it('finds a torn tail', async () => {
    appendFileSync(file(), '{"type":"requ');
    expect(await verify()).toMatchObject({ code: 1, result: { problem: 'torn', line: 6 } });
  });

  it('says that there is no log', async () => {
    expect((await bench.agw(['audit', 'verify'], { env: { AGW_STATE_DIR: join(bench.root, 'none') } })).code).toBe(2);
  });
});

describe('agw audit explain', () => {
  it('shows each layer, the code and the remedy', async () => {
    write([request(1, { deny: true, tool: 'bash' })]);
    const { code, out } = await bench.agw(['audit', 'explain', 'd1']);
    expect(code).toBe(0);
    for (const word of ['authz_policy_denied', 'opa_policy', 'token_substitution', 'agw policy eval']) expect(out).toContain(word);
    expect(out).not.toMatch(/[^\S\n]$/m); // no blank at a line's end
    expect((await bench.agw(['audit', 'explain', 't1', '--json'])).out).toContain('"explanation"');
  });

  it('gives a reason\'s own remedy where the code\'s would not help', async () => {
    write([requestLine({ ...factsOf(1, { deny: true }), code: 'session_not_found', reasonCode: 'stream_unknown' })]);
    const { out } = await bench.agw(['audit', 'explain', 'd1']);
    expect(out).toContain('Open /sse again');
    expect(out).not.toContain('initialize');
  });

  it('shows a call that a crash left without an outcome, with its intent, and says what that means', async () => {
    write([intent(1), unresolvedLine({ atUs: START_US + 5_000, decisionId: 'd1', traceId: 't1', sessionId: undefined, spiffeId: ME, server: 'u', tool: 'bash', method: 'tools/call', argumentsDigest: undefined, intentSeq: 1 })]);
    const { code, out } = await bench.agw(['audit', 'explain', 'd1']);
    expect(code).toBe(0);
    for (const word of ['unresolved', 'bash', 'intent']) expect(out).toContain(word);
    expect(JSON.parse((await bench.agw(['audit', 'explain', 'd1', '--json'])).out)).toMatchObject({ record: { type: 'unresolved' }, related: [{ type: 'intent' }], explanation: { code: 'unresolved', retryable: false } });
    expect((await bench.agw(['audit', 'search', '--type', 'unresolved'], { tty: true })).out).toContain('unresolved');
  });

  it('shows what a stream brought, how it ended and what its server asked, with the findings there', async () => {
    const finding = { category: 'credentials', path: '$.params.data', decoded: 'raw', direction: 'response' } as const;
    const ids = { atUs: START_US + 2_000, decisionId: 'd1', traceId: 't1', spanId: 's', sessionId: undefined, spiffeId: ME };
    write([
      request(1),
      serverRequestLine({ ...ids, server: 'u', method: 'sampling/createMessage', decision: 'DENY', code: 'response_blocked', findings: [{ ...finding, rule: 'in-the-question', action: 'block', sample: 'ghp…b1' }] }),
      streamEndLine({ ...ids, bytes: 309, messages: 1, status: 200, code: 'client_disconnected', findings: [{ ...finding, rule: 'in-the-stream', action: 'redact', sample: 'AKIA…GH' }] }),
    ]);
    const { out } = await bench.agw(['audit', 'explain', 'd1']);
    expect(out).toContain('line 2, sampling/createMessage, DENY, response_blocked\n! in-the-question (credentials, block) at $.params.data: ghp…b1');
    expect(out).toContain('line 3, client_disconnected, 1 message, 309 bytes\n! in-the-stream (credentials, redact) at $.params.data: AKIA…GH');
  });

  it('shows times in UTC, and says so', async () => {
    write([request(1)]);
    expect((await bench.agw(['audit', 'explain', 'd1'])).out).toContain('2023-11-14 22:13:20.001Z');
    expect((await bench.agw(['audit', 'search'], { tty: true })).out).toContain('2023-11-14 22:13:20.001Z');
  });

  it('takes the beginning of an id, and names those it fits when there are several', async () => {
    write(['47921beb-1', '47921bea-2'].map((decisionId) => requestLine({ ...factsOf(1), decisionId })));
    expect((await bench.agw(['audit', 'explain', '47921beb'])).out).toContain('47921beb-1');
    const { code, err } = await bench.agw(['audit', 'explain', '47921be']);
    expect(code).toBe(2);
    for (const id of ['47921beb-1', '47921bea-2']) expect(err).toContain(id);
    expect((await bench.agw(['audit', 'explain', '00000000'])).err).toContain('--wide');
  });

  it('ends with 1 for a decision there is not', async () => {
    write([request(1)]);
    expect((await bench.agw(['audit', 'explain', 'd'])).code).toBe(1);
  });
});

describe('the compact layers', () => {
  it('show thirteen signs whatever the record holds', () => {
    expect(layersCompact({})).toHaveLength(13);
    expect(layersCompact({ layers_traversed: [{ step: 2, verdict: 'fault' }, { step: 99, verdict: 'pass' }, 'x'] })).toBe('·‼···········');
  });
});
