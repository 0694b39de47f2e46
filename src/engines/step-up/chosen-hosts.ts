// Which hosts a caller chooses by a resource's URI: those that its entry in the registry leaves open.
import { hostsInText } from './urls-in-text.js';

/** A host belongs to the entry where the entry says its end, too: after `https://docs.` a caller may go on. */
const FIXED_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\\{}]+[/?#]/i;
const WEB_SCHEME = /^(?:https?|wss?|ftp):/i;
const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const ENCODED_ASCII = /%[0-7][0-9a-f]/gi;

/**
 * `uri` falls under `entry`, which is one URI, a template or a prefix. Behind a scheme of the server's own (`notes://today`) stands a name of the server's own, and no host; a URL within
 * the URI names one also percent-encoded, as a template's value is (RFC 6570, section 3.2.2). UNREADABLE_HOST stands for what hides its host.
 */
export function chosenHosts(uri: string, entry: string): readonly string[] {
  if (uri === entry) return [];
  const chosen = openPart(uri, entry);
  const decoded = chosen.replace(ENCODED_ASCII, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
  return [...new Set([chosen, decoded].flatMap((text) => [...hostsInText(text)]))];
}

function openPart(uri: string, entry: string): string {
  const fixed = FIXED_AUTHORITY.exec(entry)?.[0];
  if (fixed !== undefined) return uri.slice(fixed.length);
  return WEB_SCHEME.test(uri) ? uri : uri.replace(SCHEME, '');
}
