// Long texts in pieces a guard model can read, overlapping so that nothing hides on a seam.

/** About 512 tokens, what small classifiers read at once; the rest they cut off silently. */
export const CHUNK_LENGTH = 1800;
/** Longer than an injected sentence. */
export const CHUNK_OVERLAP = 300;
/** About 48 kB of text; each piece is one call to the model. Beyond it the guard has no opinion. */
export const CHUNKS_MAX = 32;
/** Characters of the longest text that is judged. */
export const JUDGED_LENGTH_MAX = CHUNK_LENGTH + (CHUNKS_MAX - 1) * (CHUNK_LENGTH - CHUNK_OVERLAP);

/** Undefined when the text is too long to be judged. */
export function chunksOf(text: string): string[] | undefined {
  const chunks: string[] = [];
  for (let from = 0; ; from += CHUNK_LENGTH - CHUNK_OVERLAP) {
    if (chunks.length === CHUNKS_MAX) return undefined;
    chunks.push(wellFormed(text.slice(from, from + CHUNK_LENGTH)));
    if (from + CHUNK_LENGTH >= text.length) return chunks;
  }
}

/** A cut may halve a surrogate pair. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
