// The breaker's three states, and a model that replays every event.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { breakerTable, createCircuitBreakers, forgetProbes, type CircuitBreakerOptions } from '../../../../src/engines/limits/circuit-breaker.js';
import { createTableMemory, SharedTable } from '../../../../src/base/shared/table.js';
import { tableOf } from '../../../support/shared-tables.js';
import type { BreakerOutcome } from '../../../../src/engines/limits/types.js';

const OPTIONS = { failuresToOpen: 3, resetTimeoutMs: 10_000, successesToClose: 2, probesMax: 1 };
const open = (options: CircuitBreakerOptions, table = tableOf(breakerTable()), thread = 0) => createCircuitBreakers(options, table, thread);
const fail = (breakers: ReturnType<typeof open>, key: string, times: number, nowMs = 0) => {
  for (let i = 0; i < times; i++) breakers.settle(key, false, 'failure', nowMs);
};

describe('circuit breaker', () => {
  it('opens after failures in a row, and says when to come back', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 2);
    expect(breakers.admit('a', 0)).toEqual({ admitted: true, probe: false });
    fail(breakers, 'a', 1);
    expect(breakers.admit('a', 0)).toEqual({ admitted: false, retryAfterSeconds: 10 });
    expect(breakers.admit('a', 9_999)).toEqual({ admitted: false, retryAfterSeconds: 1 });
  });

  it('starts counting again after a success', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 2);
    breakers.settle('a', false, 'success', 0);
    fail(breakers, 'a', 2);
    expect(breakers.state('a').kind).toBe('closed');
  });

  it('keeps one tool apart from another', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 3);
    expect(breakers.admit('b', 0)).toEqual({ admitted: true, probe: false });
  });

  it('is not opened by clients that hang up', () => {
    const breakers = open(OPTIONS);
    for (let i = 0; i < 1000; i++) breakers.settle('a', false, 'neutral', 0);
    expect(breakers.state('a')).toEqual({ kind: 'closed', failures: 0 });
    expect(breakers.all().size).toBe(0);
  });

  it('is not reset by clients that hang up between failures', () => {
    const breakers = open(OPTIONS);
    for (let i = 0; i < 3; i++) {
      fail(breakers, 'a', 1);
      breakers.settle('a', false, 'neutral', 0);
    }
    expect(breakers.state('a').kind).toBe('open');
  });

  it('lets probes through one at a time and closes after enough successes', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 3);
    expect(breakers.admit('a', 10_000)).toEqual({ admitted: true, probe: true });
    expect(breakers.admit('a', 10_000)).toEqual({ admitted: false, retryAfterSeconds: 1 });
    breakers.settle('a', true, 'success', 10_001);
    expect(breakers.admit('a', 10_002)).toEqual({ admitted: true, probe: true });
    breakers.settle('a', true, 'success', 10_003);
    expect(breakers.admit('a', 10_004)).toEqual({ admitted: true, probe: false });
  });

  it('gives a probe back when its client hung up', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 3);
    breakers.admit('a', 10_000);
    breakers.settle('a', true, 'neutral', 10_001);
    expect(breakers.admit('a', 10_002)).toEqual({ admitted: true, probe: true });
  });

  it('opens again at the first failed probe', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 3);
    breakers.admit('a', 10_000);
    breakers.settle('a', true, 'failure', 10_500);
    expect(breakers.admit('a', 20_499).admitted).toBe(false);
    expect(breakers.admit('a', 20_500)).toEqual({ admitted: true, probe: true });
  });

  it('ignores late answers of calls from before it opened', () => {
    const breakers = open(OPTIONS);
    fail(breakers, 'a', 3);
    breakers.settle('a', false, 'success', 1);
    fail(breakers, 'a', 5, 9_000);
    expect(breakers.state('a')).toEqual({ kind: 'open', untilMs: 10_000 });
  });

  it('holds no state for what works, and forgets on reset', () => {
    const breakers = open(OPTIONS);
    for (let i = 0; i < 1000; i++) breakers.settle(`tool-${i}`, false, 'success', 0);
    fail(breakers, 'a', 3);
    expect([...breakers.all().keys()]).toEqual(['a']);
    breakers.reset('a');
    expect(breakers.admit('a', 0)).toEqual({ admitted: true, probe: false });
  });

  it('is the same for every thread, and gives back the probes of one that ended', () => {
    const memory = createTableMemory(breakerTable());
    const [one, two] = [open(OPTIONS, new SharedTable(memory, 1), 0), open(OPTIONS, new SharedTable(memory, 2), 1)];
    fail(one, 'a', 2);
    fail(two, 'a', 1);
    expect([one.admit('a', 0).admitted, two.admit('a', 0).admitted]).toEqual([false, false]);
    expect([one.admit('a', 10_000), two.admit('a', 10_000)]).toEqual([{ admitted: true, probe: true }, { admitted: false, retryAfterSeconds: 1 }]);
    expect([...two.all()]).toEqual([['a', { kind: 'half_open', probesInFlight: 1, successes: 0 }]]);
    forgetProbes(new SharedTable(memory, 3), 1);
    expect(two.admit('a', 10_001)).toEqual({ admitted: false, retryAfterSeconds: 1 });
    forgetProbes(new SharedTable(memory, 3), 0);
    expect([two.admit('a', 10_001), one.admit('a', 10_001).admitted]).toEqual([{ admitted: true, probe: true }, false]);
    two.settle('a', true, 'success', 10_002);
    one.admit('a', 10_003);
    one.settle('a', true, 'success', 10_004);
    expect([one.all().size, two.all().size]).toEqual([0, 0]);
  });

  it('agrees with a naive model on any sequence, and never has more probes out than allowed', () => {
    const event = fc.record({ waitMs: fc.integer({ min: 0, max: 6000 }), outcome: fc.constantFrom<BreakerOutcome[]>('success', 'failure', 'neutral'), hold: fc.boolean() });
    fc.assert(fc.property(fc.integer({ min: 1, max: 3 }), fc.array(event, { maxLength: 150 }), (probesMax, events) => {
      const options = { ...OPTIONS, probesMax };
      const breakers = open(options);
      let now = 0;
      const modeOf = (text: string): string => text;
      let mode = modeOf('closed');
      let failures = 0;
      let successes = 0;
      let openedAt = 0;
      const out: { probe: boolean; outcome: BreakerOutcome; epoch: number }[] = [];
      let epoch = 0;
      let probes = 0;
      const opens = () => { mode = 'open'; openedAt = now; epoch++; probes = 0; };
      for (const { waitMs, outcome, hold } of events) {
        now += waitMs;
        if (mode === 'open' && now >= openedAt + options.resetTimeoutMs) { mode = 'half'; successes = 0; probes = 0; }
        const expected = mode === 'closed' ? 'call' : mode === 'half' && probes < probesMax ? 'probe' : 'no';
        const answer = breakers.admit('k', now);
        expect(answer.admitted ? (answer.probe ? 'probe' : 'call') : 'no').toBe(expected);
        if (answer.admitted) {
          if (answer.probe) probes++;
          out.push({ probe: answer.probe, outcome, epoch });
        }
        expect(probes).toBeLessThanOrEqual(probesMax);
        // Held calls stay in flight; only calls of the state they were admitted in are settled here, late ones are tested above.
        while (!hold && out.length > 0) {
          const call = out.shift();
          if (call === undefined || call.epoch !== epoch) continue;
          breakers.settle('k', call.probe, call.outcome, now);
          if (!call.probe && mode === 'closed') {
            if (call.outcome === 'success') failures = 0;
            if (call.outcome === 'failure' && ++failures >= options.failuresToOpen) { failures = 0; opens(); }
          } else if (call.probe && mode === 'half') {
            probes--;
            if (call.outcome === 'failure') opens();
            if (call.outcome === 'success' && ++successes >= options.successesToClose) { mode = 'closed'; failures = 0; epoch++; }
          }
        }
      }
    }));
  });
});
