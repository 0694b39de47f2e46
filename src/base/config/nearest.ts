// The nearest known word to one that is unknown: what a person probably meant to type.

/** Longest word that is compared; longer ones are no typing slips, and the cost is quadratic. */
const WORD_LENGTH_MAX = 64;

/** The closest of `known`, if it is close enough to be a slip of the hand; else undefined. Ties go to the first. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = slipsAllowed(word) + 1;
  for (const candidate of known) {
    const distance = candidate.length > WORD_LENGTH_MAX ? Infinity : editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` Did you mean NAME?`, or nothing. */
export function proposal(word: string, known: readonly string[]): string | undefined {
  const found = nearest(word, known);
  return found === undefined ? undefined : `Did you mean ${found}?`;
}

function slipsAllowed(word: string): number {
  return Math.max(1, Math.floor(word.length * 0.4));
}

/** Damerau-Levenshtein (optimal string alignment): a swapped pair is one slip, because hands do that. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) row.push(cell(a, b, i, j, row, last, beforeLast));
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}

function cell(a: string, b: string, i: number, j: number, row: readonly number[], last: readonly number[], beforeLast: readonly number[]): number {
  const same = a[i - 1] === b[j - 1] ? 0 : 1;
  const least = Math.min((last[j] ?? Infinity) + 1, (row[j - 1] ?? Infinity) + 1, (last[j - 1] ?? Infinity) + same);
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  return swapped ? Math.min(least, (beforeLast[j - 2] ?? Infinity) + 1) : least;
}
