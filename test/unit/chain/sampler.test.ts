// Which requests are recorded as traces.
import { describe, expect, it } from 'vitest';
import { createIds } from '../../../src/base/ids/ids.js';
import { continueTrace, traceparent, type TraceContext } from '../../../src/base/ids/trace-context.js';
import { Sampler } from '../../../src/chain/sampler.js';
import { createSecondMemory, SecondCount } from '../../../src/chain/second-count.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const trace = (sampled: boolean | undefined, traceId = TRACE_ID): TraceContext => ({ traceId, parentSpanId: undefined, sampled });
const config = (ratio: number, most = 100) => ({ otlp_endpoint: '', sample_ratio: ratio, traces_per_second_max: most });
const [RECORDED, LEFT_TO_OTHERS, UNSAMPLED] = [{ recorded: true, passedOn: true }, { recorded: false, passedOn: true }, { recorded: false, passedOn: false }];

describe('a sampler', () => {
  it('without a collector leaves it to the caller, and to the tool server what begins here', () => {
    const sampler = new Sampler(false, new SecondCount());
    expect([true, false, undefined].map((sampled) => sampler.decide(trace(sampled), config(1), 0))).toEqual([LEFT_TO_OTHERS, UNSAMPLED, LEFT_TO_OTHERS]);
    expect(sampler.report()).toEqual({ recorded: 0, overLimit: 0 });
  });

  it('follows the caller, whatever the ratio', () => {
    expect([new Sampler(true, new SecondCount()).decide(trace(true), config(0), 0), new Sampler(true, new SecondCount()).decide(trace(false), config(1), 0)]).toEqual([RECORDED, UNSAMPLED]);
  });

  it('draws by the last digits of the trace id: of many about the ratio, and each the same for every service', () => {
    const ids = createIds();
    const many = Array.from({ length: 20_000 }, () => continueTrace('', ids));
    for (const ratio of [0, 0.01, 0.25, 1]) {
      const drawn = many.filter((one) => new Sampler(true, new SecondCount()).decide(one, config(ratio), 0).recorded).length / many.length;
      expect(Math.abs(drawn - ratio)).toBeLessThan(0.02);
      if (ratio === 0 || ratio === 1) expect(drawn).toBe(ratio);
    }
    const [low, high] = [`${'f'.repeat(19)}${'0'.repeat(13)}`, `${'0'.repeat(19)}${'f'.repeat(13)}`];
    expect([low, high].map((id) => new Sampler(true, new SecondCount()).decide(trace(undefined, id), config(0.5), 0).recorded)).toEqual([false, true]);
  });

  it('records no more than the most of a second, and tells of a caller\'s trace what the caller told', () => {
    const sampler = new Sampler(true, new SecondCount());
    const take = (sampled: boolean | undefined, nowMs: number) => sampler.decide(trace(sampled), config(1, 2), nowMs);
    expect([take(undefined, 1000), take(true, 1500), take(true, 1999), take(undefined, 1999), take(undefined, 2000)]).toEqual([RECORDED, RECORDED, LEFT_TO_OTHERS, UNSAMPLED, RECORDED]);
    expect(sampler.report()).toEqual({ recorded: 3, overLimit: 2 });
  });

  it('counts a second together with the other threads, be it that one looked at the clock before the second\'s end and came after it', () => {
    const memory = createSecondMemory();
    const samplers = [1, 2, 3].map(() => new Sampler(true, new SecondCount(memory)));
    const recorded = (most: number, nowMs: number): number => samplers.filter((one) => one.decide(trace(true), config(1, most), nowMs).recorded).length;
    expect([recorded(1, 5000), recorded(2, 5999), recorded(2, 6000), recorded(2, 5999), recorded(3, 6000), recorded(3, 7000)]).toEqual([1, 1, 2, 0, 1, 3]);
    expect(recorded(2, 3000)).toBe(2); // the clock was set back
    expect(recorded(1_000_000, 4096_000 * 1000 - 1)).toBe(3); // the counted second begins anew
    expect(recorded(3, 4096_000 * 1000)).toBe(3);
  });

  it('leaves half of a second to those whom somebody knows', () => {
    const sampler = new Sampler(true, new SecondCount());
    const take = (stranger: boolean): boolean => sampler.decide(trace(true), config(1, 4), 1000, stranger).recorded;
    expect([take(true), take(true), take(true), take(false), take(false), take(false)]).toEqual([true, true, false, true, true, false]);
  });
});

describe('the traceparent that goes on', () => {
  it('says whether the trace is recorded', () => {
    expect([true, false].map((sampled) => traceparent(TRACE_ID, 'b7ad6b7169203331', sampled))).toEqual([`00-${TRACE_ID}-b7ad6b7169203331-01`, `00-${TRACE_ID}-b7ad6b7169203331-00`]);
  });

  it.each([['01', true], ['00', false], ['03', true], ['02', false], ['ff', true]])('of the flags %s only the sampled one counts', (flags, sampled) => {
    expect(continueTrace(`00-${TRACE_ID}-b7ad6b7169203331-${flags}`, createIds()).sampled).toBe(sampled);
  });
});
