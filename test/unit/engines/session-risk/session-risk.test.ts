// Risk and taint of callers and sessions: what raises, what decays, and the ways to try to wash taint off.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { parseChains } from '../../../../src/engines/session-risk/chains.js';
import { SessionTableFull } from '../../../../src/engines/session-risk/entries.js';
import { createSessionRisk } from '../../../../src/engines/session-risk/session-risk.js';
import type { SessionAction, SessionThresholds } from '../../../../src/engines/session-risk/types.js';

const FILE = 'config/session_chains.yaml';
const chainsText = readFileSync(FILE, 'utf8');
const chains = parseChains(chainsText, FILE);
const HOUR = 3_600_000;
const thresholds: SessionThresholds = { ttlMs: HOUR, halfLifeMs: 900_000, riskDenyAt: 0.7, actionsKept: 3, sessionsMax: 1000 };
const risk = (more: Partial<SessionThresholds> = {}) => createSessionRisk({ ...thresholds, ...more }, chains);
const action = (more: Partial<SessionAction> = {}): SessionAction => ({ tool: 't', classification: 'public', external: false, riskLevel: 'low', destination: undefined, atMs: 0, ...more });
const send = action({ tool: 'send', external: true, destination: 'https://outside.example/' });
const A = 'spiffe://poc.local/agents/mcp-client/a/dev';
const B = 'spiffe://poc.local/agents/mcp-client/b/dev';

describe('session risk', () => {
  it('finds exfiltration: sensitive data read, then something sent out', () => {
    const sessions = risk();
    expect(sessions.judge(sessions.load(A, 's', 0), send).kind).toBe('pass');
    sessions.taint(A, 's', 'sensitive', 'read_payroll', 0);
    const view = sessions.load(A, 's', 1);
    expect(view).toMatchObject({ id: 's', tainted: true, flags: ['tainted:sensitive'] });
    expect(sessions.judge(view, send)).toEqual({ kind: 'exfiltration', source: 'read_payroll', destination: 'https://outside.example/' });
  });

  it('lets a tainted caller go on inside, flagged', () => {
    const sessions = risk();
    sessions.taint(A, 's', 'sensitive', 'read_payroll', 0);
    const inside = action({ destination: 'http://localhost:8080/x' });
    expect(sessions.judge(sessions.load(A, 's', 1), inside)).toEqual({ kind: 'flag', flags: ['tainted:sensitive'] });
  });

  it('takes a destination outside for what it is, whatever the tool claims and however it is written', () => {
    const sessions = risk();
    sessions.taint(A, undefined, 'sensitive', 'r', 0);
    const outside = ['evil.example', 'https://localhost@evil.example/', 'http://localhost.evil.example', 'spy@evil.example', 'evil.example:443', 'not a host %', '//evil.example', '10.0.0.1'];
    for (const destination of outside) expect(sessions.judge(sessions.load(A, undefined, 1), action({ destination })).kind, destination).toBe('exfiltration');
    const inside = ['localhost', 'LOCALHOST.', 'http://127.0.0.1:9/x', '::1', 'http://[::1]:80/', 'user@localhost', 'localhost:8080'];
    for (const destination of inside) expect(sessions.judge(sessions.load(A, undefined, 1), action({ destination })).kind, destination).toBe('flag');
  });

  it('takes an external tool for outside, without a destination and with any', () => {
    const sessions = risk();
    sessions.taint(A, undefined, 'sensitive', 'r', 0);
    for (const destination of [undefined, '', 'localhost', 'http://127.0.0.1/', 'http://[::1]/', 'far.example']) expect(sessions.judge(sessions.load(A, undefined, 1), action({ external: true, destination })).kind, destination).toBe('exfiltration');
  });

  it('judges a call by the destination that is outside, wherever it stands', () => {
    const sessions = risk();
    expect([[], ['localhost'], ['localhost', 'far.example'], ['far.example', 'localhost']].map((hosts) => sessions.outermost(hosts))).toEqual([undefined, 'localhost', 'far.example', 'far.example']);
  });

  it('lets confidential data taint where the file says so, and only there', () => {
    const plain = risk();
    plain.taint(A, 's', 'confidential', 'r', 0);
    expect(plain.load(A, 's', 1).tainted).toBe(false);
    const strict = createSessionRisk(thresholds, { ...chains, taintFrom: ['confidential', 'sensitive'] });
    strict.taint(A, 's', 'confidential', 'r', 0);
    expect(strict.judge(strict.load(A, 's', 1), send).kind).toBe('exfiltration');
  });

  it('adds up risk, flags it at the threshold, and halves it in the half-life', () => {
    const sessions = risk();
    const critical = action({ riskLevel: 'critical', classification: 'sensitive' });
    expect(sessions.judge(sessions.load(A, undefined, 0), critical).kind).toBe('pass');
    sessions.record(A, undefined, critical);
    expect(sessions.load(A, undefined, 0).riskScore).toBeCloseTo(0.5);
    expect(sessions.judge(sessions.load(A, undefined, 0), critical)).toEqual({ kind: 'flag', flags: ['risk:high'] });
    sessions.record(A, undefined, critical);
    expect(sessions.load(A, undefined, 0)).toMatchObject({ riskScore: 1, flags: ['risk:high'] });
    expect(sessions.load(A, undefined, 900_000).riskScore).toBeCloseTo(0.5);
  });

  it('gives no risk back when the clock goes backwards', () => {
    const sessions = risk();
    sessions.record(A, undefined, action({ riskLevel: 'critical', atMs: 10_000_000 }));
    expect(sessions.load(A, undefined, 0).riskScore).toBeCloseTo(0.3);
    sessions.taint(A, undefined, 'sensitive', 'r', 0);
    expect(sessions.load(A, undefined, 10_000_000).tainted).toBe(true);
  });

  it('keeps the last actions only, and a view taken earlier stays as it was', () => {
    const sessions = risk();
    const before = sessions.load(A, 's', 0);
    for (let i = 0; i < 10; i++) sessions.record(A, 's', action({ tool: `t${i}`, atMs: i }));
    expect(before.previousActions).toEqual([]);
    expect(sessions.load(A, 's', 10).previousActions.map((one) => one.tool)).toEqual(['t7', 't8', 't9']);
    // A new session, or none, has not done less.
    for (const session of ['other', undefined]) expect(sessions.load(A, session, 10).previousActions.map((each) => each.tool)).toEqual(['t7', 't8', 't9']);
    expect(sessions.load('somebody else', 's', 10).previousActions).toEqual([]);
    const one = risk({ actionsKept: 1 });
    for (let i = 0; i < 3; i++) one.record(A, 's', action({ tool: `t${i}` }));
    expect(one.load(A, 's', 10).previousActions.map((each) => each.tool)).toEqual(['t2']);
  });
});

describe('washing taint off', () => {
  const tainted = (more: Partial<SessionThresholds> = {}) => {
    const sessions = risk(more);
    sessions.taint(A, 'first', 'sensitive', 'read_payroll', 0);
    return sessions;
  };

  it('fails by a new session', () => {
    const sessions = tainted();
    for (let i = 0; i < 500; i++) expect(sessions.judge(sessions.load(A, `new-${i}`, 1), send).kind).toBe('exfiltration');
  });

  it('fails without any session, and the other way round', () => {
    const sessions = tainted();
    expect(sessions.judge(sessions.load(A, undefined, 1), send).kind).toBe('exfiltration');
    const stateless = risk();
    stateless.taint(A, undefined, 'sensitive', 'r', 0);
    expect(stateless.judge(stateless.load(A, 's', 1), send).kind).toBe('exfiltration');
  });

  it('fails across midnight', () => {
    const beforeMidnight = Date.UTC(2026, 10, 24, 23, 59, 59);
    const sessions = risk();
    sessions.taint(A, 's', 'sensitive', 'r', beforeMidnight);
    expect(sessions.judge(sessions.load(A, 'next-day', beforeMidnight + 2000), send).kind).toBe('exfiltration');
  });

  it('ends with the time to live, which slides from the last raise', () => {
    const sessions = tainted();
    expect(sessions.load(A, undefined, HOUR - 1).tainted).toBe(true);
    sessions.taint(A, 'second', 'sensitive', 'again', HOUR - 1);
    expect(sessions.load(A, undefined, 2 * HOUR - 2).tainted).toBe(true);
    expect(sessions.load(A, 'first', 2 * HOUR - 1)).toMatchObject({ tainted: false, riskScore: 0, flags: [] });
  });

  it('is not kept off by reading: loads do not slide it', () => {
    const sessions = tainted();
    for (let at = 0; at < HOUR; at += 60_000) sessions.load(A, 'first', at);
    expect(sessions.load(A, undefined, HOUR).tainted).toBe(false);
  });

  it('fails by a flood of own sessions, and that flood takes no place from others', () => {
    const sessions = tainted({ sessionsMax: 200 });
    for (let i = 0; i < 5000; i++) sessions.taint(A, `flood-${i}`, 'sensitive', 'r', 1);
    expect(sessions.size).toBeLessThanOrEqual(101);
    expect(sessions.load(B, 'b', 2).tainted).toBe(false);
    expect(sessions.judge(sessions.load(A, 'fresh', 2), send).kind).toBe('exfiltration');
  });

  it('fails by a flood of clean callers', () => {
    const sessions = tainted({ sessionsMax: 16 });
    for (let i = 0; i < 5000; i++) sessions.load(`caller-${i}`, 's', 1);
    expect(sessions.size).toBeLessThanOrEqual(16);
    expect(sessions.judge(sessions.load(A, undefined, 2), send).kind).toBe('exfiltration');
  });

  it('fails by a table full of tainted callers: the newcomer is refused, and let in after the time to live', () => {
    const sessions = risk({ sessionsMax: 16 });
    for (let i = 0; i < 16; i++) sessions.taint(`caller-${i}`, 's', 'sensitive', 'r', 0);
    expect(() => sessions.load(B, 's', 1)).toThrow(SessionTableFull);
    expect(() => sessions.record(B, 's', action({ atMs: 1 }))).toThrow(SessionTableFull);
    for (let i = 0; i < 16; i++) expect(sessions.load(`caller-${i}`, 'other', 1).tainted).toBe(true);
    expect(sessions.load(B, 's', HOUR).tainted).toBe(false);
  });

  it('fails by any mixture: a caller once tainted is tainted until its time is over', () => {
    const step = fc.record({ who: fc.constantFrom(A, B, 'c', 'd', 'e', 'f'), session: fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined }), what: fc.constantFrom('load', 'record', 'taint'), wait: fc.integer({ min: 0, max: HOUR / 3 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const sessions = risk({ sessionsMax: 4 });
      const raisedAt = new Map<string, number>();
      let now = 0;
      for (const { who, session, what, wait } of steps) {
        now += wait;
        try {
          if (what === 'load') sessions.load(who, session, now);
          if (what === 'record') sessions.record(who, session, action({ atMs: now }));
          if (what === 'taint') { sessions.taint(who, session, 'sensitive', 'r', now); raisedAt.set(who, now); }
        } catch (error) {
          expect(error).toBeInstanceOf(SessionTableFull);
        }
        expect(sessions.size).toBeLessThanOrEqual(4);
        for (const [caller, at] of raisedAt) if (now < at + HOUR) expect(sessions.load(caller, undefined, now).tainted).toBe(true);
      }
    }));
  });
});

describe('session_chains.yaml', () => {
  it('is refused with its line when it names an unknown class, key or number', () => {
    const wrong = (from: string | RegExp, to: string): ConfigFault => {
      try {
        parseChains(chainsText.replace(from, to), FILE);
      } catch (error) {
        if (error instanceof ConfigFault) return error;
      }
      throw new Error('accepted');
    };
    const lineOf = (text: string): number => chainsText.split('\n').findIndex((line) => line.startsWith(text)) + 1;
    expect(wrong('taint_from: [sensitive]', 'taint_from: [secret]').line).toBe(lineOf('taint_from'));
    expect(wrong('risk:', 'risks:').file).toBe(FILE);
    expect(wrong('critical: 0.3', 'critical: 30').line).toBe(lineOf('  level'));
  });
});
