// Risk and taint in shared memory against the model in plain objects: any sequence of operations says the same, as long as nothing has to make room.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChains } from '../../../../src/engines/session-risk/chains.js';
import { createSessionMemory, SessionTable, SessionTableFull } from '../../../../src/engines/session-risk/entries.js';
import { createSessionRisk } from '../../../../src/engines/session-risk/session-risk.js';
import type { SessionAction, SessionRisk } from '../../../../src/engines/session-risk/types.js';
import { createLocalSessionRisk } from './local-model.js';

const FILE = 'config/session_chains.yaml';
const chains = { ...parseChains(readFileSync(FILE, 'utf8'), FILE), taintFrom: ['confidential', 'sensitive'] as const };
const HOUR = 3_600_000;
const thresholds = { ttlMs: HOUR, halfLifeMs: 900_000, riskDenyAt: 0.7, actionsKept: 3, sessionsMax: 1000 };

const step = fc.record({
  who: fc.constantFrom('a', 'b', 'c'), session: fc.option(fc.constantFrom('1', '2', 'a'), { nil: undefined }), what: fc.constantFrom('load', 'record', 'taint'), wait: fc.integer({ min: -1000, max: HOUR / 3 }),
  classification: fc.constantFrom<SessionAction['classification'][]>('public', 'internal', 'confidential', 'sensitive'), riskLevel: fc.constantFrom<SessionAction['riskLevel'][]>('low', 'medium', 'high', 'critical'),
  external: fc.boolean(), destination: fc.option(fc.constantFrom('localhost', 'evil.example', '', 'ünïcode.example', 'x'.repeat(200)), { nil: undefined }), tool: fc.constantFrom('t1', 't2', 'a-longer-name-of-a-tool-than-fits-into-one-piece'),
});
function does(sessions: SessionRisk, { who, session, what, classification, riskLevel, external, destination, tool }: typeof step extends fc.Arbitrary<infer T> ? T : never, now: number): unknown {
  if (what === 'record') return sessions.record(who, session, { tool, classification, external, riskLevel, destination, atMs: now });
  if (what === 'taint') return sessions.taint(who, session, classification, tool, now);
  const view = sessions.load(who, session, now);
  const { id, riskScore, flags, tainted, taintSource, previousActions } = view;
  return { id, riskScore, flags, tainted, taintSource, previousActions, judged: sessions.judge(view, { tool, classification, external, riskLevel, destination, atMs: now }), size: sessions.size };
}

describe('session risk in shared memory', () => {
  it('says what the model says, in whichever of two threads\' views', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const memory = createSessionMemory(thresholds);
      const shared = [1, 2].map((owner) => createSessionRisk(thresholds, chains, new SessionTable(memory, owner)));
      const local = createLocalSessionRisk(thresholds, chains);
      let now = 10 * HOUR;
      for (const [i, one] of steps.entries()) {
        now += one.wait;
        expect(does(shared[i % 2] as SessionRisk, one, now)).toEqual(does(local, one, now));
      }
    }));
  });

  it('lets go of every text that nothing tells of any more', () => {
    const sessions = createSessionRisk({ ...thresholds, sessionsMax: 16 }, chains);
    // Each host is new: were one not given back, the pool would be full before the end.
    for (let i = 0; i < 20_000; i++) sessions.record(`caller-${i % 3}`, `session-${i % 50}`, { tool: `tool-${i % 11}`, classification: 'public', external: true, riskLevel: 'low', destination: `host-${i}.example`, atMs: i });
    expect(sessions.load('caller-1', undefined, 20_000).previousActions.map(({ destination }) => destination)).toEqual(['host-19993.example', 'host-19996.example', 'host-19999.example']);
  });

  it('refuses an action that it has no room to tell of, rather than forget what is live', () => {
    const roomy = { ...thresholds, actionsKept: 5000, sessionsMax: 16 };
    const sessions = createSessionRisk(roomy, chains);
    const record = (who: string, i: number): void => sessions.record(who, undefined, { tool: 't', classification: 'sensitive', external: true, riskLevel: 'high', destination: `${who}-${'h'.repeat(100)}-${i}.example`, atMs: 0 });
    sessions.taint('b', undefined, 'sensitive', 't', 0);
    expect(() => {
      for (let i = 0; i < 5000; i++) record('a', i);
    }).toThrow(SessionTableFull);
    expect(() => record('b', 0)).toThrow(SessionTableFull);
    expect(sessions.load('b', undefined, 0).tainted).toBe(true);
    sessions.record('b', undefined, { tool: 't', classification: 'public', external: true, riskLevel: 'low', destination: 'new.example', atMs: HOUR });
  });

  it('keeps the beginning and a digest of a name beyond all reason', () => {
    const sessions = createSessionRisk(thresholds, chains);
    const long = 'x'.repeat(10_000);
    sessions.record('a', undefined, { tool: 't', classification: 'public', external: false, riskLevel: 'low', destination: long, atMs: 0 });
    expect(sessions.load('a', undefined, 0).previousActions[0]?.destination).toMatch(/^x{512}…sha256:[0-9a-f]{64}$/);
  });
});
