// Waits for what another thread, another process or a later turn of the loop brings about.
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 2;
const WAITED_MS_MAX = 50_000; // short of the test's own limit, which does not say what was waited for; a busy machine may need seconds

export async function until(holds: () => boolean): Promise<void> {
  const endMs = performance.now() + WAITED_MS_MAX;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`it never came: ${holds.toString()}`);
    await sleep(LOOK_EVERY_MS);
  }
}
