// The grammar of a secret reference: $SPIKE{ref:<ref>[,exp:<seconds>][,scope:<scope>]} (SPEC section 9).

/** Starts every reference; text that holds it and is no reference is refused rather than sent on. */
export const REFERENCE_START = '$SPIKE{';

const REFERENCE = /\$SPIKE\{ref:([A-Za-z0-9._-]{1,128})(?:,exp:([1-9]\d{0,9}))?(?:,scope:([^\s,{}"\\]{1,256}))?\}/y;

export interface ParsedReference {
  readonly ref: string;
  /** Seconds after issue at which this use of the reference ends, if that is earlier than the reference itself. */
  readonly expSeconds: number | undefined;
  readonly scope: string | undefined;
  /** Span in the decoded text. */
  readonly from: number;
  readonly to: number;
}

/** All references of one decoded string, in order; undefined if one is malformed. */
export function parseReferences(text: string): ParsedReference[] | undefined {
  const found: ParsedReference[] = [];
  for (let at = text.indexOf(REFERENCE_START); at !== -1; ) {
    REFERENCE.lastIndex = at;
    const match = REFERENCE.exec(text);
    if (match === null) return undefined;
    const to = at + match[0].length;
    found.push({ ref: match[1] ?? '', expSeconds: match[2] === undefined ? undefined : Number(match[2]), scope: match[3], from: at, to });
    at = text.indexOf(REFERENCE_START, to);
  }
  return found;
}

export function formatReference(ref: string): string {
  return `${REFERENCE_START}ref:${ref}}`;
}
