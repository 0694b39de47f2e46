// The forms a secret is looked for in: itself, hex, base64 at each place in its group of three bytes, a form field, and what the decoder's readings make of it.
import type { ReadText } from './types.js';

/** Shorter encoded pieces would match by chance. */
const PATTERN_BYTES_MIN = 4;

export interface Pattern {
  readonly bytes: Buffer;
  /** Base64 characters that also hold bits of the secret and are replaced with it: before, after. */
  readonly before: number;
  readonly after: number;
}

/** A secret, and its lines as programs hand them on: without blanks around them, ended in another way, or joined. */
export function writingsOf(value: string): string[] {
  const trimmed = value.trim();
  const lines = trimmed.split(/\r?\n|\r/);
  const others = lines.length === 1 ? [trimmed] : [trimmed, ...['', '\n', '\r\n'].map((end) => lines.join(end))];
  return [...new Set([value, ...others.filter((text) => text.length >= PATTERN_BYTES_MIN)])];
}

export function patternsOf(value: Buffer, read: ReadText): Pattern[] {
  const field = Buffer.from(value.toString('utf8').replaceAll(' ', '+')); // application/x-www-form-urlencoded
  const hex = value.toString('hex'); // of both cases, it is found in the decoder's readings
  const texts = [Buffer.from(hex), Buffer.from(hex.toUpperCase()), field, ...readingsOf(value, read)];
  const other = texts.filter((text, n) => !text.equals(value) && texts.findIndex((same) => same.equals(text)) === n);
  const encoded = [...other.map(literal), ...[0, 1, 2].flatMap((offset) => base64Patterns(value, offset))];
  return [literal(value), ...encoded.filter(({ bytes }) => bytes.length >= PATTERN_BYTES_MIN)];
}

function literal(bytes: Buffer): Pattern {
  return { bytes, before: 0, after: 0 };
}

/** A reading resolves what looks encoded in the secret itself, too: in a text with other escapes `p%41ss` is `pAss`, in a folded one `naïve` is `naive`. */
function readingsOf(value: Buffer, read: ReadText): Buffer[] {
  const forms: Buffer[] = [];
  try {
    read(value, { runLevelsMax: 0 }, (view) => forms.push(Buffer.from(view.bytes)));
  } catch {
    // A text that holds it takes as much to read, and is refused.
  }
  return forms;
}

/** The characters that depend on the secret alone when `offset` other bytes stand before it in its group of three (RFC 4648 section 4). */
function base64Patterns(value: Buffer, offset: number): Pattern[] {
  const whole = Buffer.concat([Buffer.alloc(offset), value]);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((whole.length * 8) / 6);
  const text = whole.toString('base64').slice(from, to);
  const edges = { before: offset === 0 ? 0 : 1, after: whole.length % 3 === 0 ? 0 : 1 };
  const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
  return [...new Set([text, urlSafe])].map((form) => ({ bytes: Buffer.from(form), ...edges }));
}
