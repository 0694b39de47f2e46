// A strict reader of DER (X.690): definite lengths in their shortest form, and no byte past the end. Input is hostile until the chain is verified.

export interface Element {
  readonly tag: number;
  /** Content, without tag and length. */
  readonly from: number;
  readonly to: number;
}

/** Thrown for every malformation; callers turn it into one refusal. */
export class DerFault extends Error {}

export const TAG = { boolean: 0x01, bitString: 0x03, octetString: 0x04, oid: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30 } as const;

const LENGTH_BYTES_MAX = 3; // 16 MiB; certificates are a few KiB

export function readElement(der: Uint8Array, at: number, end: number): Element {
  const tag = byteAt(der, at, end);
  if ((tag & 0x1f) === 0x1f) throw new DerFault('multi-byte tag');
  const first = byteAt(der, at + 1, end);
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthBytes > LENGTH_BYTES_MAX) throw new DerFault('length');
  let length = lengthBytes === 0 ? first : 0;
  for (let n = 0; n < lengthBytes; n += 1) length = length * 256 + byteAt(der, at + 2 + n, end);
  if (lengthBytes > 0 && (length < 0x80 || length < 256 ** (lengthBytes - 1))) throw new DerFault('length is not in its shortest form');
  const from = at + 2 + lengthBytes;
  if (from + length > end) throw new DerFault('element passes the end');
  return { tag, from, to: from + length };
}

/** The elements that fill exactly this span. */
export function readAll(der: Uint8Array, from: number, to: number): Element[] {
  const elements: Element[] = [];
  for (let at = from; at < to; ) {
    const element = readElement(der, at, to);
    elements.push(element);
    at = element.to;
  }
  return elements;
}

export function childrenOf(der: Uint8Array, parent: Element | undefined, tag: number): Element[] {
  if (parent?.tag !== tag) throw new DerFault('unexpected tag');
  return readAll(der, parent.from, parent.to);
}

/** Dotted form; X.690 section 8.19. */
export function readOid(der: Uint8Array, element: Element | undefined): string {
  if (element?.tag !== TAG.oid || element.from === element.to) throw new DerFault('object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (let at = element.from; at < element.to; at += 1) {
    const byte = der[at] ?? 0;
    if (arc === 0 && byte === 0x80) throw new DerFault('object identifier is padded');
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 256) throw new DerFault('object identifier');
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    } else if (at === element.to - 1) throw new DerFault('object identifier is cut');
  }
  const first = Math.min(2, Math.floor((arcs[0] ?? 0) / 40));
  return [first, (arcs[0] ?? 0) - first * 40, ...arcs.slice(1)].join('.');
}

/** RFC 5280 section 4.1.2.5: UTC with seconds, `Z`, no fraction. Milliseconds since the epoch. */
export function readTime(der: Uint8Array, element: Element | undefined): number {
  const text = element === undefined ? '' : Buffer.from(der.subarray(element.from, element.to)).toString('latin1');
  const short = element?.tag === TAG.utcTime ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) : null;
  const long = element?.tag === TAG.generalizedTime ? /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) : null;
  const parts = (short ?? long)?.slice(1).map(Number);
  if (parts === undefined) throw new DerFault('time');
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  const year = short === null ? written : written + (written >= 50 ? 1900 : 2000);
  const ms = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(ms).getUTCMonth() !== month - 1 || new Date(ms).getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) throw new DerFault('time');
  return ms;
}

function byteAt(der: Uint8Array, at: number, end: number): number {
  const byte = at < end ? der[at] : undefined;
  if (byte === undefined) throw new DerFault('cut short');
  return byte;
}
