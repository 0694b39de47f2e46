// The runner: PASS by identity, one `done`, faults as declared, the body kept for whoever waits.
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/base/clock/clock.js';
import { DENIED, FAULTED, FLAGGED, NOT_REACHED, PASSED, SKIPPED, type Context } from '../../../src/chain/context.js';
import type { AnyLayer } from '../../../src/chain/layer.js';
import { createRunner } from '../../../src/chain/run.js';
import { deny, PASS, type Verdict } from '../../../src/chain/verdict.js';
import { contextOf } from './contexts.js';

let tick = 0;
const clock: Clock = { nowMs: () => 0, nowUs: () => 0, monotonicMs: () => (tick += 0.5) };
const layer = (step: number, decide: (ctx: Context) => unknown, more: Partial<AnyLayer> = {}): AnyLayer =>
  ({ step, name: `layer_${step}`, onFault: deny('gateway_fault', { reasonCode: `step_${step}` }), decide: decide as AnyLayer['decide'], ...more });

async function run(layers: readonly AnyLayer[], ctx = contextOf('{}')): Promise<{ verdicts: Verdict[]; ctx: Context; faults: unknown[]; atOnce: boolean }> {
  const verdicts: Verdict[] = [];
  const faults: unknown[] = [];
  createRunner(layers, clock, (_layer, fault) => void faults.push(fault)).run(ctx, (verdict) => void verdicts.push(verdict));
  const atOnce = verdicts.length > 0;
  for (let i = 0; i < 20; i++) await Promise.resolve();
  return { verdicts, ctx, faults, atOnce };
}

describe('the runner', () => {
  it('passes a chain of passing layers without waiting', async () => {
    const { verdicts, ctx, atOnce } = await run([layer(1, () => PASS), layer(2, () => PASS)]);
    expect([verdicts, atOnce, [...ctx.verdicts.slice(0, 3)]]).toEqual([[PASS], true, [PASSED, PASSED, NOT_REACHED]]);
  });

  it('stops at the first refusal and reaches nothing behind it', async () => {
    let reached = false;
    const refusal = deny('authz_policy_denied');
    const { verdicts, ctx } = await run([layer(1, () => PASS), layer(2, () => refusal), layer(3, () => {
      reached = true;
      return PASS;
    })]);
    expect(verdicts).toEqual([refusal]);
    expect([reached, ctx.verdicts[1], ctx.verdicts[2]]).toEqual([false, DENIED, NOT_REACHED]);
  });

  it.each([
    ['undefined', undefined], ['null', null], ['true', true], ['a copy of PASS', { kind: 'pass' }], ['a text', 'pass'], ['another kind', { kind: 'flag' }], ['a promise of another making', { then: () => undefined }],
  ])('takes %s for a fault, never for PASS', async (_what, verdict) => {
    const { verdicts, ctx, faults } = await run([layer(4, () => verdict)]);
    expect(verdicts).toEqual([expect.objectContaining({ code: 'gateway_fault', reasonCode: 'step_4' })]);
    expect([ctx.verdicts[3], faults.length]).toEqual([FAULTED, 1]);
    const late = await run([layer(4, () => Promise.resolve(verdict === undefined || typeof verdict !== 'object' || verdict === null || !('then' in verdict) ? verdict : undefined))]);
    expect([late.verdicts.length, late.ctx.verdicts[3]]).toEqual([1, FAULTED]);
  });

  it('goes on after a layer that waited, in order', async () => {
    const order: number[] = [];
    const { verdicts, atOnce } = await run([layer(1, () => order.push(1) && Promise.resolve(PASS)), layer(2, () => order.push(2) && PASS), layer(3, () => order.push(3) && Promise.resolve(PASS))]);
    expect([verdicts, order, atOnce]).toEqual([[PASS], [1, 2, 3], false]);
  });

  it('keeps the body when a layer waits, before its bytes are taken back', async () => {
    const ctx = contextOf('{"a":1}');
    let retained = 0;
    const { retain } = ctx.inbound;
    ctx.inbound.retain = () => {
      retained++;
      retain.call(ctx.inbound);
    };
    await run([layer(1, () => PASS), layer(2, () => Promise.resolve(PASS))], ctx);
    expect(retained).toBe(1);
    const other = contextOf('{"a":1}');
    let kept = 0;
    other.inbound.retain = () => void kept++;
    await run([layer(1, () => PASS)], other);
    expect(kept).toBe(0);
  });

  it('calls done once when a layer rejects after another has waited', async () => {
    const { verdicts, ctx } = await run([layer(1, () => Promise.resolve(PASS)), layer(2, () => Promise.reject(new Error('late')))]);
    expect([verdicts.length, ctx.verdicts[0], ctx.verdicts[1]]).toEqual([1, PASSED, FAULTED]);
  });

  it('leaves what a layer said itself: a flag or a skip stays when it passes', async () => {
    const { ctx } = await run([layer(7, (seen) => {
      seen.flag(7, 'rule');
      return PASS;
    }), layer(10, (seen) => {
      seen.skip(10, 'not configured');
      return Promise.resolve(PASS);
    })]);
    expect([ctx.verdicts[6], ctx.verdicts[9], ctx.notes[6]]).toEqual([FLAGGED, SKIPPED, 'rule']);
  });

  it('shows a step between two layers only by its refusal', async () => {
    const passing = await run([layer(8, () => PASS, { unnumbered: true })]);
    expect([passing.ctx.verdicts[7], passing.ctx.notes[7]]).toEqual([NOT_REACHED, undefined]);
    const refusing = await run([layer(8, () => deny('session_unavailable_fail_closed'), { unnumbered: true })]);
    expect([refusing.ctx.verdicts[7], refusing.ctx.notes[7]]).toEqual([DENIED, 'layer_8']);
    const numbered = await run([layer(8, () => deny('session_unavailable_fail_closed'))]);
    expect([numbered.ctx.verdicts[7], numbered.ctx.notes[7]]).toEqual([DENIED, undefined]);
  });

  it('takes the time of each layer, waiting included', async () => {
    const { ctx } = await run([layer(1, () => PASS), layer(2, () => Promise.resolve(PASS))]);
    expect([(ctx.layerUs[0] ?? 0) > 0, (ctx.layerUs[1] ?? 0) > 0, ctx.layerUs[2]]).toEqual([true, true, 0]);
  });

  it('has one frozen PASS', () => {
    expect(Object.isFrozen(PASS)).toBe(true);
  });
});
