// Reading the host out of what an argument says, the way the tool's own HTTP client will: the URL Standard, not a pattern.
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

/** Stands for a destination that is hidden or can't be read; matches no allowlist entry. */
export const UNREADABLE_HOST = '(unreadable)';

/** User information and host; a longer one hides where it goes: a host has 253 characters at most (RFC 1035, section 2.3.4). */
export const AUTHORITY_LENGTH_MAX = 2048;
/** More in one list are no destination a person could have meant. */
const ADDRESSES_MAX = 10_000;

/** No scheme is longer than this; longer text need not be copied to see that it begins with none. */
const SCHEME_LENGTH_MAX = 256;
/** Both slashes, because URL parsers of special schemes take either. */
const ABSOLUTE = /^(?:[a-z][a-z0-9+.-]*:|[\\/]{2})/i;
/** What the URL Standard reads as user information and host, longer than it may be: reading it would cost a millisecond for every few kilobytes. */
const LONG_AUTHORITY = new RegExp(`^(?:(?:https?|wss?|ftp|file):[\\\\/]*|[a-z][a-z0-9+.-]*:[\\\\/]{2}|[\\\\/]{2})([^\\\\/?#]{${AUTHORITY_LENGTH_MAX + 1},})`, 'i');
const SCHEME_AND_SLASHES = /^\s*(?:[a-z][a-z0-9+.-]*:)?[\\/]{2}/i;

/**
 * The host of an absolute (or protocol-relative) URL; the domains of a mailto: URL; undefined for other text.
 * `needsScheme`: `//host` does not count, which in prose is a comment.
 * User information before the host is refused: `https://bank.example@evil.example/` reads as the one and goes to the other.
 */
export function hostsOfUrl(written: string, needsScheme: boolean): string[] | undefined {
  const text = asUrlInput(written);
  if (!ABSOLUTE.test(text) || (needsScheme && /^[\\/]/.test(text))) return undefined;
  const longAuthority = LONG_AUTHORITY.exec(text)?.[1];
  // A blank in it makes it no URL, but prose; a long name may be a short one with thousands of characters that do not count.
  if (longAuthority !== undefined && (longAuthority.includes('@') || !longAuthority.trimEnd().includes(' '))) return [UNREADABLE_HOST];
  const url = longAuthority === undefined ? parseUrl(text) : undefined;
  // Prose may begin with a URL; one word that does and can't be read is hiding where it goes.
  if (url === undefined) return SCHEME_AND_SLASHES.test(text) && !/\s/.test(text.trim()) ? [UNREADABLE_HOST] : undefined;
  if (url.protocol === 'file:' && url.host === '') return [];
  if (url.protocol === 'mailto:') return hostsOfEmail(decodeText(url.pathname)) ?? [UNREADABLE_HOST];
  if (url.username !== '' || url.password !== '' || /^[^/?#]*[\\/]{2}[^/?#\\]*@/.test(text)) return [UNREADABLE_HOST];
  return url.host === '' ? undefined : [normalHost(url.hostname)];
}

/** URL Standard, section 4.4: blanks and control characters in front, and tabs and line ends anywhere, are not part of it. */
function asUrlInput(written: string): string {
  let from = 0;
  while (from < written.length && written.charCodeAt(from) <= 0x20) from += 1;
  const withoutLineEnds = (text: string): string => text.replace(/[\t\n\r]/g, '');
  const start = withoutLineEnds(written.slice(from, from + SCHEME_LENGTH_MAX));
  return ABSOLUTE.test(start) ? withoutLineEnds(written.slice(from)) : start;
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(/^[\\/]{2}/.test(text) ? `https:${text}` : text);
  } catch {
    return undefined;
  }
}

/** Domains of `a@b`, `Name <a@b>` and lists of them; undefined if there is no address. */
export function hostsOfEmail(text: string): string[] | undefined {
  if (!text.includes('@')) return undefined;
  const parts = text.split(/[,;]/, ADDRESSES_MAX + 1);
  if (parts.length > ADDRESSES_MAX) return [UNREADABLE_HOST];
  const hosts = parts.filter((part) => part.trim() !== '').map((part) => {
    const address = /<([^<>]*)>\s*$/.exec(part)?.[1] ?? part.trim();
    const [local = '', domain = '', ...more] = address.split('@', 3);
    return local === '' || domain === '' || more.length > 0 || /\s/.test(address) ? UNREADABLE_HOST : hostOfName(domain);
  });
  return hosts;
}

/** The host of `host`, `host:port` or `host/path`, as a URL would read it. */
export function hostOfName(text: string): string {
  if (SCHEME_AND_SLASHES.test(text)) return UNREADABLE_HOST; // a URL that could not be read as one
  const authority = /^[^\\/?#]*/.exec(text.trim())?.[0] ?? '';
  const url = authority.length > AUTHORITY_LENGTH_MAX ? undefined : parseUrl(`http://${authority}`);
  if (url === undefined || url.hostname === '' || url.username !== '' || text.includes('@')) return UNREADABLE_HOST;
  return normalHost(url.hostname);
}

/** Lower case, punycode, without the root's dot. */
export function normalHost(hostname: string): string {
  if (hostname.startsWith('[') || isIP(hostname) === 4) return hostname.toLowerCase();
  const ascii = domainToASCII(hostname);
  const host = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii;
  return host === '' ? UNREADABLE_HOST : host;
}

function decodeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '@'; // half an escape hides something: unreadable
  }
}
