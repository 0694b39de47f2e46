// What the adapter says of itself: one JSON line an event on stderr. Names, ids and codes; never a key, an input or an output.
export type Log = (event: string, facts?: Readonly<Record<string, string | number | undefined>>) => void;

export const log: Log = (event, facts = {}) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...facts })}\n`);
};
