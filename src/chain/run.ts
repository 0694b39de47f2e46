// Runs the layers in order, synchronously until one must wait; a fault becomes the layer's declared verdict.
import type { Clock } from '../base/clock/clock.js';
import { DENIED, FAULTED, NOT_REACHED, PASSED, type Context } from './context.js';
import type { AnyLayer } from './layer.js';
import { PASS, type Deny, type Verdict } from './verdict.js';

const US_PER_MS = 1000;

export interface Runner {
  /** Calls `done` exactly once: with PASS, or with the refusal that stopped the chain. */
  run(ctx: Context, done: (verdict: Verdict) => void): void;
}

/** Told of every thrown fault, for the operational log; the caller only sees the layer's declared verdict. */
export type FaultListener = (layer: AnyLayer, fault: unknown, ctx: Context) => void;

/** A step without a number refuses under a layer that did not: the record says which of them it was. */
function nameStep(ctx: Context, layer: AnyLayer, at: number): void {
  if (at >= 0 && layer.unnumbered === true) ctx.notes[at] ??= layer.name;
}

export function createRunner(layers: readonly AnyLayer[], clock: Clock, onFault: FaultListener): Runner {
  /** Returns when it was: the next layer begins where this one ended, so that each boundary costs one look at the clock. */
  const addTime = (ctx: Context, at: number, startedMs: number): number => {
    const endedMs = clock.monotonicMs();
    if (at < 0) return endedMs;
    ctx.layerUs[at] = (ctx.layerUs[at] ?? 0) + (endedMs - startedMs) * US_PER_MS;
    return endedMs;
  };

  const settle = (ctx: Context, layer: AnyLayer, verdict: unknown): Verdict => {
    const at = layer.step - 1;
    if (verdict === PASS) {
      if (ctx.verdicts[at] === NOT_REACHED && layer.unnumbered !== true) ctx.verdicts[at] = PASSED;
      return PASS;
    }
    if (isDeny(verdict)) {
      if (at >= 0) ctx.verdicts[at] = DENIED;
      nameStep(ctx, layer, at);
      return verdict;
    }
    return faulted(ctx, layer, new TypeError(`layer ${layer.name} answered neither PASS nor a refusal`));
  };

  const faulted = (ctx: Context, layer: AnyLayer, fault: unknown): Deny => {
    if (layer.step > 0) ctx.verdicts[layer.step - 1] = FAULTED;
    nameStep(ctx, layer, layer.step - 1);
    onFault(layer, fault, ctx);
    return layer.onFault;
  };

  const runFrom = (from: number, beganMs: number, ctx: Context, done: (verdict: Verdict) => void): void => {
    let startedMs = beganMs;
    for (let i = from; i < layers.length; i++) {
      const layer = layers[i];
      if (layer === undefined) break;
      let verdict: Verdict | Promise<Verdict>;
      try {
        verdict = layer.decide(ctx);
      } catch (fault) {
        addTime(ctx, layer.step - 1, startedMs);
        done(faulted(ctx, layer, fault));
        return;
      }
      if (verdict instanceof Promise) {
        // The body's bytes belong to the socket until the handler returns; whoever waits needs its own copy.
        ctx.inbound.retain();
        const layerBeganMs = startedMs;
        verdict.then(
          (late) => {
            const endedMs = addTime(ctx, layer.step - 1, layerBeganMs);
            const settled = settle(ctx, layer, late);
            if (settled === PASS) runFrom(i + 1, endedMs, ctx, done);
            else done(settled);
          },
          (fault: unknown) => {
            addTime(ctx, layer.step - 1, layerBeganMs);
            done(faulted(ctx, layer, fault));
          },
        );
        return;
      }
      startedMs = addTime(ctx, layer.step - 1, startedMs);
      const settled = settle(ctx, layer, verdict);
      if (settled !== PASS) {
        done(settled);
        return;
      }
    }
    done(PASS);
  };

  return { run: (ctx, done) => runFrom(0, clock.monotonicMs(), ctx, done) };
}

function isDeny(verdict: unknown): verdict is Deny {
  return typeof verdict === 'object' && verdict !== null && 'kind' in verdict && verdict.kind === 'deny';
}
