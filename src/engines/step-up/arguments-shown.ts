// What an approver is shown of a call's arguments: their canonical form, so that nothing is pushed out of sight, and a preview that says what it leaves out.

/** The canonical form, with what must not be kept masked. */
export interface ShownArguments {
  /** At most ARGUMENTS_KEPT_MAX characters of it, from the beginning. */
  readonly text: string;
  /** Characters of all of it: what is beyond `text`, nobody can look at. */
  readonly length: number;
}

/** 64 KiB of ASCII: more than a person reads, and little enough to keep for every open request. */
export const ARGUMENTS_KEPT_MAX = 65_536;
/** A line of a list. */
const PREVIEW_CHARACTERS_MAX = 400;

/** `length`: of all of it, where `masked` is its beginning alone. */
export function keepArguments(masked: string, length = masked.length): ShownArguments {
  const isPairCut = /[\ud800-\udbff]/.test(masked.charAt(ARGUMENTS_KEPT_MAX - 1));
  return { text: masked.length <= ARGUMENTS_KEPT_MAX ? masked : masked.slice(0, isPairCut ? ARGUMENTS_KEPT_MAX - 1 : ARGUMENTS_KEPT_MAX), length };
}

/** Characters that whoever approves can't have looked at; all of them where nothing is kept. */
export function unseenCharacters(request: { readonly argumentsText?: string | undefined; readonly argumentsLength?: number | undefined }): number {
  return (request.argumentsLength ?? Infinity) - (request.argumentsText?.length ?? 0);
}

/** The beginning, as visibleText shows it, and how many characters of the canonical form come after it. */
export function previewOf({ text, length }: ShownArguments): string {
  let shown = '';
  let left = length;
  for (const piece of piecesOf(text)) {
    if (shown.length + piece.shown.length > PREVIEW_CHARACTERS_MAX) break;
    shown += piece.shown;
    left -= piece.length;
  }
  return left > 0 ? `${shown}… +${left} characters` : shown;
}

/**
 * JSON text in which nothing hides and nothing steers a terminal: invisible characters and odd blanks as JSON escapes, long runs of
 * one character as `⟨·×450⟩` (blanks) or `⟨a×450⟩`. A `⟨` of the text itself becomes an escape, so that no text can pretend to be a run.
 */
export function visibleText(text: string): string {
  let shown = '';
  for (const piece of piecesOf(text)) shown += piece.shown;
  return shown;
}

/** Eight blanks or 32 of anything else in a row, else one escape or one character. */
const PIECE = /( )\1{7,}|(\\u[0-9a-f]{4}|\\(?! ).|[^])\2{31,}|\\u[0-9a-f]{4}|\\(?! ).|[^]/gu;
const HIDING = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800⟨]|(?! )\p{Zs}/u;

function* piecesOf(text: string): Generator<{ readonly shown: string; readonly length: number }> {
  for (const [whole, blank, unit] of text.matchAll(PIECE)) {
    const repeated = blank ?? unit;
    if (repeated === undefined) yield { shown: visibleUnit(whole), length: whole.length };
    else yield { shown: `⟨${repeated === ' ' ? '·' : visibleUnit(repeated)}×${whole.length / repeated.length}⟩`, length: whole.length };
  }
}

function visibleUnit(unit: string): string {
  if (unit.startsWith('\\') && unit.length > 1) return HIDING.test(unit) ? `\\${visibleUnit(unit.slice(1))}` : unit;
  if (!HIDING.test(unit)) return unit;
  return Array.from({ length: unit.length }, (_, i) => `\\u${unit.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}
