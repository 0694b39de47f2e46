// Hosts of the URLs that stand anywhere in a text: in prose, in a command line, in JSON or code that is carried as text.
import { AUTHORITY_LENGTH_MAX, hostOfName, hostsOfUrl, UNREADABLE_HOST } from './destination-host.js';

/** Names whose URLs have a host after any number of slashes, of either kind (URL Standard, section 4.4). */
const SPECIAL = /(?:^|[^a-z])(?:https?|wss?|ftp)$/i;
const MAILTO = /(?:^|[^a-z])mailto$/i;
/** No scheme is longer. */
const SCHEME_LENGTH_MAX = 256;
const AUTHORITY = /[^/\\?#\s]*/y;
const ADDRESS = /[^\s"'<>()]*/y;
/** To the URL Standard a backslash ends the host; to RFC 3986 all before the @ is user information. The look ahead is short, so that a text of backslashes stays cheap. */
const BACKSLASH_THEN_USER = /\\[^/?#\s]{0,128}@/y;

/** In order, not always distinct; UNREADABLE_HOST for what hides its host, after which nothing more need be asked. Linear in the text. */
export function* hostsInText(text: string): Generator<string> {
  const read = new Set<string>(); // parsing a host is dear, and a text names the same one again and again
  for (let colon = text.indexOf(':'); colon >= 0; ) {
    const found = urlAt(text, colon, read);
    if (found !== undefined) yield* found.hosts;
    colon = text.indexOf(':', found?.end ?? colon + 1);
  }
}

const NONE: readonly string[] = [];

interface FoundUrl {
  readonly hosts: readonly string[];
  /** Where to look on: a URL within this one's path or query is found as well. */
  readonly end: number;
}

function urlAt(text: string, colon: number, read: Set<string>): FoundUrl | undefined {
  const slashes = slashesAt(text, colon + 1);
  // Most colons: neither slashes nor the last letter of a scheme that does without.
  if (slashes === 0 && !/[pso]/i.test(text.charAt(colon - 1))) return undefined;
  const scheme = schemeBefore(text, colon);
  if (SPECIAL.test(scheme)) return hostAt(text, colon + 1 + slashes, read);
  if (MAILTO.test(scheme)) return addressAt(text, colon + 1);
  return scheme !== '' && slashes === 2 && text.startsWith('//', colon + 1) ? hostAt(text, colon + 3, read) : undefined;
}

function slashesAt(text: string, from: number): number {
  let at = from;
  while (text[at] === '/' || text[at] === '\\') at += 1;
  return at - from;
}

/** '' when there is no letter in it. */
function schemeBefore(text: string, colon: number): string {
  let from = colon;
  while (from > 0 && colon - from < SCHEME_LENGTH_MAX && /[a-z0-9+.-]/i.test(text.charAt(from - 1))) from -= 1;
  const run = text.slice(from, colon);
  return run.slice(run.search(/[a-z]|$/i));
}

function hostAt(text: string, from: number, read: Set<string>): FoundUrl | undefined {
  const authority = matchAt(AUTHORITY, text, from);
  const end = from + authority.length;
  if (authority.length > AUTHORITY_LENGTH_MAX) return { hosts: [UNREADABLE_HOST], end };
  const written = endsInProse(text, end) ? withoutPunctuation(authority) : authority;
  if (written === '') return undefined;
  if (matchAt(BACKSLASH_THEN_USER, text, end) !== '') return { hosts: [UNREADABLE_HOST], end };
  if (read.has(written)) return { hosts: NONE, end };
  read.add(written);
  return { hosts: [hostOfName(written)], end };
}

function addressAt(text: string, from: number): FoundUrl | undefined {
  const address = matchAt(ADDRESS, text, from);
  if (address === '') return undefined;
  return { hosts: hostsOfUrl(`mailto:${withoutPunctuation(address)}`, true) ?? [], end: from + address.length };
}

/** What follows is no part of the URL: the end, a blank, or the backslash before an escaped quote. */
function endsInProse(text: string, end: number): boolean {
  return end === text.length || !/[/?#]/.test(text.charAt(end));
}

/** A sentence's full stop, a quote, a bracket: behind a host they are the text's. A bracket that is an address's stays, and so does an @, which makes it unreadable. */
function withoutPunctuation(authority: string): string {
  const isAddress = authority.includes('[');
  let end = authority.length;
  while (end > 0 && !/[\p{L}\p{N}\p{Cs}@]/u.test(authority.charAt(end - 1)) && !(isAddress && authority[end - 1] === ']')) end -= 1;
  return authority.slice(0, end);
}

function matchAt(sticky: RegExp, text: string, at: number): string {
  sticky.lastIndex = at;
  return sticky.exec(text)?.[0] ?? '';
}
