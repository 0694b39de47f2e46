// A request line is put together from remembered runs, natively or as a text: whatever came before it, it is the text that its members give one by one.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LAYER_NAMES } from '../../../src/base/errors/table.js';
import { frameworkRefsText } from '../../../src/audit/framework-refs.js';
import { isoMicros, microsText, numberText, quote, quoteAll, quoteOrNull, tenthsText } from '../../../src/audit/json-text.js';
import { VERDICT_NAMES, requestLine, type AuditFinding, type RequestLineFacts } from '../../../src/audit/record.js';
import { createRequestLines } from '../../../src/audit/request-lines.js';
import { requestFacts } from './line-fixture.js';

const NOTE_CHARS_MAX = 256;

/** Remembers nothing, patches nothing. */
function memberByMember(r: RequestLineFacts): string {
  const layers = LAYER_NAMES.map((name, i) => {
    const note = r.layers.notes[i];
    const verdict = VERDICT_NAMES[r.layers.verdicts[i] ?? 0] ?? 'fault';
    return `{"step":${i + 1},"name":"${name}","verdict":"${verdict}","us":${tenthsText(r.layers.us[i] ?? 0)}${note === undefined || note === '' ? '' : `,"note":${quote(note, NOTE_CHARS_MAX)}`}}`;
  });
  const findings = r.findings.map((f) => {
    const texts = (['rule', 'category', 'action', 'path', 'sample', 'decoded'] as const).map((name) => `"${name}":${quote(f[name], NOTE_CHARS_MAX)}`);
    return `{${texts.join(',')}${f.direction === undefined ? '' : `,"direction":"${f.direction}"`}}`;
  });
  const members: readonly (readonly [string, string] | undefined)[] = [
    ['type', '"request"'],
    ['timestamp', `"${isoMicros(r.respondedUs)}"`],
    ['timestamps', `{"received":${microsText(r.receivedUs)},"decided":${microsText(r.decidedUs)},"responded":${microsText(r.respondedUs)}}`],
    ['decision_id', quote(r.decisionId)],
    ['trace_id', quote(r.traceId)],
    ['span_id', quote(r.spanId)],
    ['session_id', quoteOrNull(r.sessionId)],
    ['spiffe_id', quoteOrNull(r.spiffeId)],
    ['auth_method', quoteOrNull(r.authMethod)],
    ['principal', r.principal === undefined ? 'null' : `{"level":${numberText(r.principal.level)},"role":${quote(r.principal.role)},"capabilities":${quoteAll(r.principal.capabilities)}}`],
    ['server', quoteOrNull(r.server)],
    ['tool', quoteOrNull(r.tool)],
    ['method', quoteOrNull(r.method)],
    ['arguments_digest', r.argumentsDigest === undefined ? 'null' : quote(r.argumentsDigest)],
    ['decision', `"${r.decision}"`],
    ['code', quoteOrNull(r.code)],
    r.reasonCode === undefined ? undefined : ['reason_code', quote(r.reasonCode)],
    ['layers_traversed', `[${layers.join(',')}]`],
    ['risk_score', numberText(r.riskScore)],
    ['findings', `[${findings.join(',')}]`],
    ['status', numberText(r.status)],
    ['latency_us', numberText(r.respondedUs - r.receivedUs)],
    ['policy_digest', quoteOrNull(r.policyDigest)],
    ['registry_digest', quoteOrNull(r.registryDigest)],
    ['framework_refs', frameworkRefsText(r.code)],
  ];
  return `{${members.filter((member) => member !== undefined).map(([name, value]) => `"${name}":${value}`).join(',')}`;
}

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u007f', '\u009b', 'é', 'š', '\u202e', '\ud800', '😀'), minLength: 16, maxLength: 36 }),
  fc.constantFrom('', ' ', '","hash":"', 'x'.repeat(300), 'é'.repeat(2100)),
);
/** Now and then of the gateway's own form, with or without one character that isn't. */
const idOf = (chars: number): fc.Arbitrary<string> => {
  const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef-'), minLength: chars, maxLength: chars });
  const spoilt = fc.tuple(hex, fc.nat(chars - 1), fc.integer({ min: 0, max: 0x17f })).map(([text, at, unit]) => text.slice(0, at) + String.fromCharCode(unit) + text.slice(at + 1));
  return fc.oneof({ weight: 8, arbitrary: hex }, { weight: 3, arbitrary: spoilt }, { weight: 1, arbitrary: hostile });
};
const some = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const seldom = (usual: fc.Arbitrary<string | undefined>): fc.Arbitrary<string | undefined> => fc.oneof({ weight: 8, arbitrary: usual }, { weight: 1, arbitrary: hostile });
const BASE_US = 1_767_225_599_000_000;
const time = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: BASE_US, max: BASE_US + 3_000_000 }) }, { weight: 1, arbitrary: fc.double() }, { weight: 1, arbitrary: some(0, 1e15 - 1, 1e15, 1e16 - 1, 1e16, BASE_US + 0.5, -1) });
const principals = [undefined, { level: 3, role: 'agent', capabilities: ['read'] }, { level: 1, role: 'ägent"', capabilities: [] }];
const finding: fc.Arbitrary<AuditFinding> = fc.record({ rule: hostile, category: hostile, action: hostile, path: hostile, sample: hostile, decoded: hostile, direction: some('response' as const, undefined) });
const us = fc.oneof(fc.integer({ min: -20, max: 600 }).map((tenths) => tenths / 20), fc.double(), some(25.5, 25.54, 25.55, 25.6, 1e6, 2 ** 32 / 10, Number.NaN, -0));
const layers = fc.record({
  verdicts: fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: some(6, -1, 1.5, Number.NaN) }), { minLength: 0, maxLength: 13 }),
  us: fc.array(us, { minLength: 0, maxLength: 13 }),
  notes: fc.array(seldom(some(undefined, 'cached', 'hash seed', '')), { minLength: 0, maxLength: 13 }),
});
const facts: fc.Arbitrary<RequestLineFacts> = fc.record({
  decisionId: idOf(36), traceId: idOf(32), spanId: idOf(16), sessionId: seldom(some(undefined, 's1', 's2')), spiffeId: seldom(some(undefined, 'spiffe://poc.local/a', 'spiffe://poc.local/b')),
  server: seldom(some(undefined, 'http://127.0.0.1:1/mcp')), tool: seldom(some(undefined, 'echo', 'bash')), method: seldom(some('tools/call', 'tools/list')),
  argumentsDigest: fc.option(idOf(76), { nil: undefined }), receivedUs: time, decidedUs: time, respondedUs: time, authMethod: seldom(some(undefined, 'jwt_svid')), principal: some(...principals),
  decision: some('ALLOW' as const, 'DENY' as const), code: seldom(some(undefined, 'policy_denied')), reasonCode: seldom(some(undefined, 'why')), layers, riskScore: fc.oneof(fc.nat(9), fc.double()),
  findings: fc.oneof({ weight: 4, arbitrary: some([]) }, { weight: 1, arbitrary: fc.array(finding, { maxLength: 3 }) }), status: some(200, 403, Number.NaN), policyDigest: seldom(some('p', 'q')),
  registryDigest: seldom(some(undefined, 'r')),
});

const native = createRequestLines();
const ring = Buffer.alloc(1 << 17, '?');

/** Undefined where the addon leaves the line to its twin. */
function nativeLine(one: RequestLineFacts, room = ring.length - 1): string | undefined {
  const length = native?.write(one, ring, 1, room) ?? -1;
  return length < 0 ? undefined : ring.toString('utf8', 1, 1 + length);
}

const makers: [string, (one: RequestLineFacts) => string][] = [['as a text', requestLine]];
if (native !== undefined) makers.push(['natively', (one) => nativeLine(one) ?? requestLine(one)]);

describe.each(makers)('a row of request lines, made %s,', (_, line) => {
  it('has in each the text that its members give one by one', () => {
    fc.assert(fc.property(fc.array(facts, { minLength: 1, maxLength: 8 }), (row) => {
      for (const one of row) expect(line(one)).toBe(memberByMember(one));
    }), { numRuns: 1500 });
  });

  it('takes no character for one of an id that needs care, whichever it is and wherever it stands', () => {
    const usual = { decisionId: '0199c1a2-7b3c-4def-8abc-000000000001', traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', argumentsDigest: `sha256:${'a'.repeat(64)}` };
    for (const name of ['decisionId', 'traceId', 'spanId', 'argumentsDigest'] as const) {
      const id = usual[name];
      for (let at = 0; at < id.length; at++) {
        for (let unit = 0; unit < 0x180; unit++) {
          const one = requestFacts(usual.decisionId, { ...usual, [name]: id.slice(0, at) + String.fromCharCode(unit) + id.slice(at + 1) });
          if (line(one) !== memberByMember(one)) expect.fail(`${name} with unit ${unit} at ${at}`);
        }
      }
    }
  });

  it('shows each time with its own second', () => {
    const [before, after] = [1_767_225_599_999_999, 1_767_225_600_000_000];
    for (const [receivedUs, decidedUs, respondedUs] of [[before, before, before], [before, before, after], [before, after, after], [after, after, after], [after, after, before], [before, before, before]] as const) {
      const one = requestFacts('0199c1a2-7b3c-4def-8abc-000000000001', { receivedUs, decidedUs, respondedUs });
      expect(line(one)).toBe(memberByMember(one));
    }
  });

  it('forgets no shape of a layer that it needs, however many notes there are', () => {
    for (let n = 0; n < 1000; n++) {
      const one = requestFacts('d', { layers: { verdicts: Array<number>(13).fill(n % 6), us: Array<number>(13).fill(n / 10), notes: Array<string>(13).fill(`note ${n % 300}`) } });
      expect(line(one)).toBe(memberByMember(one));
    }
  });
});

describe.runIf(native !== undefined)('a line that is made natively', () => {
  const usual = requestFacts('0199c1a2-7b3c-4def-8abc-000000000001');

  it('is the usual one, with or without digest, findings and notes', () => {
    const found: AuditFinding = { rule: 'r', category: 'c', action: 'flag', path: '$', sample: 's', decoded: 'raw' };
    for (const one of [usual, { ...usual, argumentsDigest: undefined }, { ...usual, findings: [found] }, { ...usual, layers: { ...usual.layers, notes: ['é'] } }]) expect(nativeLine(one)).toBe(requestLine(one));
  });

  it.each<[string, Partial<RequestLineFacts>]>([
    ['an id of another length', { decisionId: 'd' }],
    ['ids whose lengths only add up', { traceId: 'a'.repeat(31), spanId: 'b'.repeat(17) }],
    ['a digest that is empty', { argumentsDigest: '' }],
    ['a digest that needs care', { argumentsDigest: 'é' }],
    ['a digest that is very long', { argumentsDigest: 'a'.repeat(129) }],
    ['a time of another century', { receivedUs: 1 }],
    ['an answer before its request', { receivedUs: usual.respondedUs + 1 }],
    ['a layer that took no time at all', { layers: { ...usual.layers, us: [-1] } }],
  ])('is not that of %s', (_, more) => {
    expect(nativeLine({ ...usual, ...more })).toBeUndefined();
  });

  it('stays within its room, or is not made', () => {
    const length = requestLine(usual).length;
    ring.fill('?');
    for (let room = 0; room < length + 600; room++) {
      const line = nativeLine(usual, room);
      if (line === undefined) expect(ring.every((byte) => byte === 0x3f)).toBe(true);
      else {
        expect([line, room >= length, ring[1 + length]]).toEqual([requestLine(usual), true, 0x3f]);
        return;
      }
    }
    expect.fail('never made');
  });
});
