// Writes the head of a request; a header that could split it is refused.
import { FRAMING_HEADERS } from '../../mcp/request-headers.js';

const NAME_FORM = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NOT_IN_VALUES = /[^\t\x20-\x7e\x80-\xff]/; // CR, LF, NUL, other controls, and what Latin-1 has no byte for
const KNOWN_NAMES_MAX = 1024; // names come from the gateway and from the list of headers it passes on

/** A name that was checked, and the last value it had: most values are the same in every call. */
interface KnownHeader {
  /** Empty: the client's own business, left out. */
  readonly prefix: string;
  value: string;
  line: string;
}

/** What follows the method, up to the caller's headers. */
export function requestTail(url: URL): string {
  return ` ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\naccept-encoding: identity\r\n`;
}

export class RequestHeads {
  readonly #known = new Map<string, KnownHeader>();

  /** In Latin-1. Undefined: a header's name or value is not allowed. */
  write(method: string, tail: string, headers: Readonly<Record<string, string>>, bodyBytes: number | undefined): string | undefined {
    let head = method + tail;
    for (const name of Object.keys(headers)) {
      const line = this.#line(name, headers[name] ?? '');
      if (line === undefined) return undefined;
      head += line;
    }
    const length = bodyBytes ?? (method === 'POST' ? 0 : undefined);
    return length === undefined ? `${head}\r\n` : `${head}content-length: ${length}\r\n\r\n`;
  }

  #line(name: string, value: string): string | undefined {
    const known = this.#known.get(name) ?? this.#learn(name);
    if (known === undefined) return undefined;
    if (known.value === value || known.prefix === '') return known.line;
    if (NOT_IN_VALUES.test(value)) return undefined;
    known.value = value;
    known.line = `${known.prefix}${value}\r\n`;
    return known.line;
  }

  #learn(name: string): KnownHeader | undefined {
    if (!NAME_FORM.test(name)) return undefined;
    const own = FRAMING_HEADERS.has(name.toLowerCase());
    const known = { prefix: own ? '' : `${name}: `, value: '', line: own ? '' : `${name}: \r\n` };
    if (this.#known.size < KNOWN_NAMES_MAX) this.#known.set(name, known);
    return known;
  }
}
