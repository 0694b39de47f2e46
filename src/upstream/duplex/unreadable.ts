// Whose answer a line is that can't be read as a message: too large, too deep, or odd in another way.

/** Where the id stands first, as most write it, and where it stands last, as the official SDK's servers do. Within a string its quotes were escaped, and a nested object's end would be followed by another. */
const ID_FIRST = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,/;
const ID_LAST = /[^\\]"id"\s*:\s*(\d{1,15})\s*\}\s*$/;
const LOOKED_AT_BYTES = 256;

/** The id on the stream; 0 = not to be told. */
export function findAnswered(bytes: Buffer): number {
  const head = bytes.toString('latin1', 0, LOOKED_AT_BYTES);
  const tail = bytes.toString('latin1', Math.max(0, bytes.length - LOOKED_AT_BYTES));
  return Number((ID_FIRST.exec(head) ?? ID_LAST.exec(tail))?.[1] ?? 0);
}
