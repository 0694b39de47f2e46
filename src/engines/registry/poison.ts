// Signs that a tool's definition speaks to the model instead of describing the tool. Flags for a person; the hash decides what is served.

export type PoisonKind =
  | 'important_block' | 'system_block' | 'html_comment' | 'before_using_tool' | 'ignore_instructions' | 'must_always' | 'send_data'
  | 'hidden_characters' | 'encoded_block' | 'oversized_text';

export interface PoisonReason {
  readonly kind: PoisonKind;
  /** JSON Pointer (RFC 6901) of the string within the definition. */
  readonly path: string;
}

const TEXT_LENGTH_MAX = 32 * 1024; // longer than any honest description; only the first part is read, and the length itself is flagged
const DEFINITION_LENGTH_MAX = 128 * 1024; // of all its strings; a search must not cost what only the sender chooses
const VERBS_MAX = 50; // of sending in one text; more of them are no description
const REASONS_MAX = 50; // per definition: enough for a person, and a bound on a hostile one
const DEPTH_MAX = 64; // front.json_depth_max

/** Gaps are bounded so that no text makes a pattern slower than linear. `[\s\S]` because a block over several lines is the same block. */
const INDICATORS: readonly (readonly [PoisonKind, RegExp])[] = [
  ['important_block', /<\s*\/?\s*important\b[^>]{0,100}>/iu],
  ['system_block', /<\s*\/?\s*system\b[^>]{0,100}>|\[\s*system\s*\]|<\|im_start\|>/iu],
  ['html_comment', /<!--/u],
  ['before_using_tool', /\bbefore\s{1,20}(?:using|calling|invoking|running)\s{1,20}(?:this|any|the|other|another)\b[\s\S]{0,300}?\b(?:first|must|always|read|call|send)\b/iu],
  ['ignore_instructions', /\b(?:ignore|disregard|forget|override)\s{1,20}(?:\w{1,20}\s{1,20}){0,3}?(?:previous|all|prior|above|earlier|system)\b[\s\S]{0,60}?\b(?:instructions?|prompts?|rules?|messages?)\b/iu],
  ['must_always', /\byou\s{1,20}(?:must|should|have\s{1,20}to)\s{1,20}(?:always|first|never)\b/iu],
];

const SENDING = /\b(?:send|post|upload|forward|exfiltrate)\b/giu;
const SENDING_REACH = 300; // characters behind the verb within which its object and destination stand
const SENT_TO = /\bto\s{1,20}(?:https?:|\S{1,64}@\S)|\b(?:by|via)\s{1,20}(?:e-?mail|https?|webhook)\b/iu;
const SENT_BY = /\b(?:e-?mail|https?|webhook|upload|url|server)\b/iu;
const TOWARDS = /\bto\b/iu;

/** Identifiers and single words: most strings of a schema. None of the signs fits into one. */
const WORD = /^[A-Za-z0-9_.$-]{0,39}$/;
const NOT_ASCII = /[^\u0000-\u007f]/;

/** Characters that a person does not see and a model reads: zero width, bidirectional controls, tags (U+E0000), variation selectors supplement, soft hyphen, fillers. */
const HIDDEN = /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\u3164\ufeff\uffa0\u{e0000}-\u{e0fff}]/gu;
/** A joiner between two pictographs is how emoji are written. */
const EMOJI_JOINER = /(?<=\p{Extended_Pictographic}\ufe0f?)\u200d(?=\p{Extended_Pictographic})/gu;
const BASE64_BLOCK = /[A-Za-z0-9+/_-]{40,}={0,2}/gu;
const BLOCKS_DECODED_MAX = 20;
const PRINTABLE_SHARE_MIN = 0.9;

/** Every sign in every string of a definition, names of members included. */
export function findPoison(definition: unknown): PoisonReason[] {
  const search = { reasons: [], length: 0 };
  walk(definition, '', 0, search);
  return search.reasons;
}

interface Search {
  readonly reasons: PoisonReason[];
  /** Of the strings read so far. */
  length: number;
}

function walk(value: unknown, path: string, depth: number, search: Search): void {
  const { reasons } = search;
  if (reasons.length >= REASONS_MAX || depth > DEPTH_MAX || search.length > DEFINITION_LENGTH_MAX) return;
  if (typeof value === 'string') {
    search.length += value.length;
    const kinds: readonly PoisonKind[] = search.length > DEFINITION_LENGTH_MAX ? ['oversized_text'] : findInText(value);
    for (const kind of kinds) if (reasons.length < REASONS_MAX) reasons.push({ kind, path });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const innerPath = `${path}/${pointerStep(key)}`;
    if (!Array.isArray(value)) walk(key, innerPath, depth + 1, search);
    walk(inner, innerPath, depth + 1, search);
  }
}

/** Kinds found in one text, each once. */
export function findInText(text: string): PoisonKind[] {
  if (WORD.test(text)) return [];
  const read = text.slice(0, TEXT_LENGTH_MAX);
  const kinds = new Set<PoisonKind>();
  if (text.length > TEXT_LENGTH_MAX) kinds.add('oversized_text');
  const bare = NOT_ASCII.test(read) ? bareText(read, kinds) : read;
  findInstructions(bare, kinds);
  if (hidesText(bare)) kinds.add('encoded_block');
  return [...kinds];
}

/** The text as a model reads it, without what a person can't see; what was written in the invisible is searched as well. */
function bareText(text: string, kinds: Set<PoisonKind>): string {
  const visible = text.replace(EMOJI_JOINER, '');
  const bare = visible.replace(HIDDEN, '');
  if (bare.length !== visible.length) kinds.add('hidden_characters');
  findInstructions(tagText(visible), kinds);
  return bare.normalize('NFKC');
}

function findInstructions(text: string, kinds: Set<PoisonKind>): void {
  for (const [kind, pattern] of INDICATORS) if (pattern.test(text)) kinds.add(kind);
  if (sendsData(text)) kinds.add('send_data');
}

/** "send … by email to …" within reach of the verb; a window each, for nested gaps in one pattern would take seconds on a hostile text. */
function sendsData(text: string): boolean {
  let verbs = 0;
  for (const { index } of text.matchAll(SENDING)) {
    verbs += 1;
    if (verbs > VERBS_MAX) return true;
    const reach = text.slice(index, index + SENDING_REACH);
    if (SENT_TO.test(reach) || (SENT_BY.test(reach) && TOWARDS.test(reach))) return true;
  }
  return false;
}

/** Tag characters spell ASCII that nobody sees. */
function tagText(text: string): string {
  let spelled = '';
  for (const [character] of text.matchAll(/[\u{e0020}-\u{e007e}]/gu)) spelled += String.fromCodePoint((character.codePointAt(0) ?? 0) - 0xe0000);
  return spelled;
}

/** Whether a base64 block holds readable text. Digests and ids decode to noise. */
function hidesText(text: string): boolean {
  let decoded = 0;
  for (const [block] of text.matchAll(BASE64_BLOCK)) {
    decoded += 1;
    if (decoded > BLOCKS_DECODED_MAX) return true;
    const bytes = Buffer.from(block, 'base64');
    const printable = bytes.reduce((count, byte) => count + (byte >= 0x20 && byte < 0x7f || byte === 0x0a ? 1 : 0), 0);
    if (bytes.length > 0 && printable / bytes.length >= PRINTABLE_SHARE_MIN && bytes.includes(0x20)) return true;
  }
  return false;
}

function pointerStep(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
