// What V8 takes a thread's memory outside of its heap for: it collects the whole heap for every ten to sixty megabytes that look new.
import { loadAddon } from './load-addon.js';

/** Raised with every change of the verb; native/external_memory/addon.cc holds the same number. */
const CONTRACT = 1;

const adjust = loadAddon<{ adjust(bytes: number): number }>('external_memory', CONTRACT)?.adjust;

/**
 * The bytes of `buffer` in a buffer of their own; `buffer`, and every view of it, is empty from now on. To V8 it is not new memory: else what was given up
 * just before counts as collected and the same bytes as allocated since, and ten megabytes of those are enough to have it mark a heap of twenty again. Without
 * the addon it is.
 */
export function moveBuffer(buffer: ArrayBuffer): ArrayBuffer {
  const bytes = buffer.byteLength;
  adjust?.(bytes);
  const moved = structuredClone(buffer, { transfer: [buffer] });
  adjust?.(-bytes);
  return moved;
}
