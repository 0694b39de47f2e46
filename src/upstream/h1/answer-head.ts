// Reads the head of an answer, strictly (RFC 9112): what could be read in two ways is refused, as a wrong guess would mix answers.
import { encodingFault, twiceFault } from '../header-rules.js';

export interface AnswerHead {
  readonly status: number;
  /** Lower-case names; values of a repeated name joined by ', '. No prototype; frozen, as equal heads share it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: 'none' | 'length' | 'chunked' | 'until_close';
  /** Bytes of a body of kind `length`. */
  readonly length: number;
  /** How long the connection may rest before its next call; 0 = there is none. */
  readonly reusableMs: number;
}

const VERSION = 'HTTP/1.';
const STATUS_AT = 9; // of `HTTP/1.x 200`
const STATUS_TO = 12;
const NAMES_MAX = 256; // names whose lower case is remembered; a server has a dozen
const LENGTH_FORM = /^[0-9]{1,15}$/; // exact in a double
const NO_CONTENT = 204;
const NOT_MODIFIED = 304;
const SWITCHING_PROTOCOLS = 101;
const KEEP_ALIVE_MARGIN_MS = 1000; // its clock began before the answer arrived here
const MALFORMED = 'the answer\'s head is not well-formed HTTP/1.1';
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const ONE = 0x31;
const FIVE = 0x35;
const NINE = 0x39;
const COLON = 0x3a;

/** 1 where the byte may stand in a name (RFC 9110 section 5.6.2), and in a value or reason: neither CR, LF, NUL nor another control character. */
const IN_NAME = Uint8Array.from({ length: 256 }, (_, byte) => Number(/[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(byte))));
const IN_VALUE = Uint8Array.from({ length: 256 }, (_, byte) => Number(/[\t\x20-\x7e\x80-\xff]/.test(String.fromCharCode(byte))));

/** What a header says of its answer's end, beside what it says to the caller. */
type Role = 'none' | 'length' | 'coding' | 'connection' | 'keepAlive' | 'encoding';
const ROLES: ReadonlyMap<string, Role> = new Map([
  ['content-length', 'length'], ['transfer-encoding', 'coding'], ['connection', 'connection'], ['keep-alive', 'keepAlive'], ['content-encoding', 'encoding'],
]);
type Framing = Record<Role, string | undefined>;

interface KnownName {
  readonly lowerCase: string;
  readonly role: Role;
}

/** Reads heads. Keeps nothing of one but the lower case of its names. */
export class HeadParser {
  readonly #names = new Map<string, KnownName>();
  readonly #keepAliveMs: number;

  constructor(keepAliveMs: number) {
    this.#keepAliveMs = keepAliveMs;
  }

  /** The head in bytes[from, to), its empty line included, or why it is refused. */
  parse(bytes: Buffer, from: number, to: number): AnswerHead | string {
    const text = bytes.toString('latin1', from, to);
    const linesFrom = afterStatusLine(text);
    if (linesFrom === 0) return MALFORMED;
    const status = Number(text.slice(STATUS_AT, STATUS_TO));
    if (status === SWITCHING_PROTOCOLS) return 'the answer switches protocols though nobody asked for it';
    const headers = { __proto__: null } as unknown as Record<string, string>; // a server may well name a header `constructor`
    const framing: Framing = { none: undefined, length: undefined, coding: undefined, connection: undefined, keepAlive: undefined, encoding: undefined };
    const fault = this.#readLines(text, linesFrom, headers, framing) ?? encodingFault(framing.encoding);
    if (fault !== undefined) return fault;
    return frame(status, Object.freeze(headers), framing, text.charCodeAt(VERSION.length) === ZERO, this.#keepAliveMs);
  }

  /** Names are tokens and the colon follows at once; no line is folded. */
  #readLines(text: string, linesFrom: number, headers: Record<string, string>, framing: Framing): string | undefined {
    const linesTo = text.length - 2;
    for (let at = linesFrom; at < linesTo; at += 2) {
      const nameFrom = at;
      while (IN_NAME[text.charCodeAt(at)] === 1) at += 1;
      if (at === nameFrom || text.charCodeAt(at) !== COLON) return MALFORMED;
      const { lowerCase, role } = this.#known(text.slice(nameFrom, at));
      let valueFrom = at + 1;
      while (isBlank(text.charCodeAt(valueFrom))) valueFrom += 1;
      at = valueFrom;
      while (IN_VALUE[text.charCodeAt(at)] === 1) at += 1;
      if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF) return MALFORMED;
      let valueTo = at;
      while (valueTo > valueFrom && isBlank(text.charCodeAt(valueTo - 1))) valueTo -= 1;
      const value = text.slice(valueFrom, valueTo);
      const before = headers[lowerCase];
      if (role === 'length' || role === 'coding') {
        if (before !== undefined) return `the answer has more than one ${lowerCase} header`;
        if (valueTo < at && text.slice(valueTo, at).includes('\t')) return MALFORMED; // llhttp takes no tab there
      }
      const fault = before === undefined ? undefined : twiceFault(lowerCase);
      if (fault !== undefined) return fault;
      framing[role] = headers[lowerCase] = before === undefined ? value : `${before}, ${value}`;
    }
    return undefined;
  }

  #known(name: string): KnownName {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    // As a key's own string the engine finds it by its address.
    const lowerCase = Object.keys({ [name.toLowerCase()]: 0 })[0] ?? '';
    const learnt: KnownName = { lowerCase, role: ROLES.get(lowerCase) ?? 'none' };
    if (this.#names.size < NAMES_MAX) this.#names.set(name, learnt);
    return learnt;
  }
}

/** Where the header lines begin; 0 = the status line is not one. Status 100 to 599 (RFC 9110 section 15); a missing reason is common and harms nobody. */
function afterStatusLine(text: string): number {
  const minor = text.charCodeAt(VERSION.length);
  if (!text.startsWith(VERSION) || (minor !== ONE && minor !== ZERO) || text.charCodeAt(STATUS_AT - 1) !== SPACE) return 0;
  const hundreds = text.charCodeAt(STATUS_AT);
  if (!(hundreds >= ONE && hundreds <= FIVE && isDigit(text.charCodeAt(STATUS_AT + 1)) && isDigit(text.charCodeAt(STATUS_AT + 2)))) return 0;
  let at = STATUS_TO;
  if (text.charCodeAt(at) === SPACE) while (IN_VALUE[text.charCodeAt(at)] === 1) at += 1;
  return text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF ? at + 2 : 0;
}

/** Where the answer ends (RFC 9112 section 6.3). */
function frame(status: number, headers: Readonly<Record<string, string>>, { length, coding, connection, keepAlive }: Framing, isOld: boolean, keepAliveMs: number): AnswerHead | string {
  const reusableMs = isOld ? 0 : reusableFor(connection, keepAlive, keepAliveMs);
  if (length !== undefined && !LENGTH_FORM.test(length)) return 'the answer\'s Content-Length is not a number';
  if (coding !== undefined) {
    if (length !== undefined) return 'the answer has both Content-Length and Transfer-Encoding';
    if (isOld) return 'an HTTP/1.0 answer has a Transfer-Encoding';
    if (coding.toLowerCase() !== 'chunked') return 'the answer has a Transfer-Encoding other than chunked';
  }
  if (status < 200 || status === NO_CONTENT || status === NOT_MODIFIED) {
    if (coding !== undefined) return 'an answer without a body has a Transfer-Encoding';
    if (length !== undefined && Number(length) > 0 && status !== NOT_MODIFIED) return 'an answer without a body has a Content-Length'; // a 304's is that of the answer it stands for
    return { status, headers, body: 'none', length: 0, reusableMs };
  }
  if (coding !== undefined) return { status, headers, body: 'chunked', length: 0, reusableMs };
  if (length === undefined) return { status, headers, body: 'until_close', length: 0, reusableMs: 0 };
  return length === '0' ? { status, headers, body: 'none', length: 0, reusableMs } : { status, headers, body: 'length', length: Number(length), reusableMs };
}

function reusableFor(connection: string | undefined, keepAlive: string | undefined, keepAliveMs: number): number {
  if (connection !== undefined && /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(connection)) return 0;
  const seconds = keepAlive === undefined ? undefined : /(?:^|[, \t])timeout=([0-9]{1,9})/i.exec(keepAlive)?.[1];
  return seconds === undefined ? keepAliveMs : Math.max(0, Math.min(keepAliveMs, Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS));
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}
