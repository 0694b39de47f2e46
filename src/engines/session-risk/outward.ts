// Whether an action sends something out: to a destination that is not on the list of internal ones.
import { isIP } from 'node:net';
import type { SessionAction } from './types.js';

/** A destination decides where it is known: a tool that claims to be internal but names a host outside sends out. */
export function isOutward(action: Pick<SessionAction, 'external' | 'destination'>, internal: readonly string[]): boolean {
  if (action.destination === undefined || action.destination === '') return action.external;
  const host = hostOf(action.destination);
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
