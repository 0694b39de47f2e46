// The masked sample of a finding: enough for a person to recognise what it was, too little to use it.

const HEAD_MAX = 4;
const TAIL_MAX = 2;

/** The first 4 and last 2 characters at most, and never more than a third of the match. */
export function maskSample(text: string): string {
  const characters = [...text];
  const shown = Math.floor(characters.length / 3);
  const head = Math.min(HEAD_MAX, shown);
  const tail = Math.min(TAIL_MAX, shown - head);
  return `${printable(characters.slice(0, head))}…${printable(tail === 0 ? [] : characters.slice(-tail))}`;
}

/** A sample goes to terminals and logs: nothing in it may move a cursor. */
function printable(characters: readonly string[]): string {
  return characters.map((character) => (/^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) ? character : '?')).join('');
}
