// Gateways side by side: the same number of calls to each in turn, round after round, so that what else runs on the machine falls on all of them.
import { cpuUs } from './measure.mjs';

/**
 * `cases`: [{ name, pid, options }], `options` of countedLoad. Returns, for each case, the µs of CPU of all its threads a call, one figure a round. All get as many calls,
 * as code that ran more often is faster; and each round begins with another, as whoever follows an idle while pays for cold caches.
 */
export async function alternate(load, cases, { rounds, calls, warmCalls }, said = () => undefined) {
  for (const one of cases) await measure(load, one, warmCalls);
  const found = new Map(cases.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < cases.length; i++) {
      const one = cases[(i + round) % cases.length];
      found.get(one.name).push(await measure(load, one, calls));
    }
    said(round);
  }
  return found;
}

async function measure(load, { name, pid, options }, calls) {
  const before = cpuUs(pid);
  const { wrong } = await load.send({ ...options, calls });
  if (Object.keys(wrong).length > 0) throw new Error(`${name}: not all calls were answered 200: ${JSON.stringify(wrong)}`);
  return (cpuUs(pid) - before) / calls;
}

/** The rounds without the lowest and the highest quarter. */
export function middleHalf(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  return { lowest: sorted[cut], highest: sorted[sorted.length - 1 - cut] };
}
