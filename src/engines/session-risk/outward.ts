// Whether an action sends something out: by a tool that is declared to, or to a destination that is not on the list of internal ones.
import { isIP } from 'node:net';
import type { SessionAction } from './types.js';

/**
 * A tool that is declared external sends out whatever destinations it is given: the caller chooses them, and one that is inside may be a decoy the tool never looks at.
 * A tool that claims to be internal but names a host outside sends out as well.
 */
export function isOutward(action: Pick<SessionAction, 'external' | 'destination'>, internal: readonly string[]): boolean {
  return action.external || (action.destination !== undefined && action.destination !== '' && isOutside(action.destination, internal));
}

/** `destination`: a URL, a host or an address of mail. What can't be read is outside. */
export function isOutside(destination: string, internal: readonly string[]): boolean {
  const host = hostOf(destination);
  return host === undefined || !internal.some((pattern) => matchesHost(host, pattern));
}

/** The host of a URL, an address of mail, or `host[:port]`; undefined for what is none of these, which then counts as outside. */
function hostOf(destination: string): string | undefined {
  const bare = destination.trim();
  if (isIP(bare) !== 0) return bare.toLowerCase();
  // The URL parser decides, as the tool's own will: `https://inside@outside/` goes outside.
  const text = bare.includes('://') ? bare : `x://${bare.slice(bare.lastIndexOf('@') + 1)}`;
  if (!URL.canParse(text)) return undefined;
  const host = new URL(text).hostname.toLowerCase().replace(/^\[|\]$/g, '').replace(/\.$/, '');
  return host === '' ? undefined : host;
}

function matchesHost(host: string, pattern: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : host === pattern;
}
