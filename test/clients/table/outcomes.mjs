// What is tried with every client and every server, and how it is told: one word a try, `yes` or the reason why not.

/** list: the tools come. call: one answers. error: a refusal or a tool's error arrives as what it is. progress: its steps come. cancel: a call that is given up ends, and the next one works. */
export const TRIES = ['list', 'call', 'error', 'progress', 'cancel'];

/** @typedef {Record<string, string>} Outcomes try → yes, or the reason */

/** Runs each try; one that throws says why. @param {Record<string, (() => Promise<unknown>) | string>} tries a text is a reason not to try @returns {Promise<Outcomes>} */
export async function outcomesOf(tries) {
  /** @type {Outcomes} */
  const outcomes = {};
  for (const name of TRIES) {
    const attempt = tries[name] ?? 'not tried';
    if (typeof attempt === 'string') outcomes[name] = attempt;
    else outcomes[name] = await attempt().then((seen) => (seen === undefined || seen === true ? 'yes' : `no: ${String(seen)}`), (error) => `no: ${firstLine(error)}`);
  }
  return outcomes;
}

/** @param {unknown} error */
export function firstLine(error) {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.slice(0, 200) ?? '';
}
