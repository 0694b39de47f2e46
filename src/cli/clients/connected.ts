// Which entries of a client's file lead to this gateway.
import { member, recordOf, textOf, textsOf } from '../reading.js';
import { isSamePlace } from './gateway-url.js';
import type { FileServer } from './types.js';

const URL_KEYS = ['url', 'serverUrl', 'httpUrl', 'uri'] as const;
/** What says how a server is reached: an entry has one such way, whatever else a person has added. */
const WAY_KEYS: ReadonlySet<string> = new Set([...URL_KEYS, 'type', 'transport', 'command', 'args', 'env', 'cwd', 'cmd', 'envs']);

/** Its URL, or the one that a bridge in its command is told; '' = a command of its own. */
export function urlOf(entry: unknown): string {
  const url = URL_KEYS.map((key) => textOf(entry, key)).find((text) => text !== '');
  if (url !== undefined) return url;
  const words = commandOf(entry);
  return isOwnBridge(words) || words.some((word) => /(?:^|[\\/])mcp-remote(?:@|$)/.test(word)) ? words.find((word) => /^https?:\/\//.test(word)) ?? '' : '';
}

/** The program and its words; none = it has no command. Zed had {path, args, env} in `command`, goose has `cmd`. */
export function commandOf(value: unknown): readonly string[] {
  const command = member(value, 'command');
  const program = typeof command === 'string' ? command : textOf(command, 'path') || textOf(value, 'cmd');
  return program === '' ? [] : [program, ...textsOf(value, 'args'), ...textsOf(command, 'args')];
}

/** Whether these words start agw bridge. */
export function isOwnBridge(words: readonly string[]): boolean {
  return words.some((word) => /(?:^|[\\/])agw$/.test(word)) && words.includes('bridge');
}

export function leadingTo(servers: readonly FileServer[], gatewayUrl: string): readonly FileServer[] {
  return servers.filter(({ value }) => isSamePlace(urlOf(value), gatewayUrl));
}

/** The wanted way with what a person has added to the entry before. */
export function mergedEntry(before: unknown, wanted: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const own = Object.entries(recordOf(before)).filter(([key]) => !WAY_KEYS.has(key) && member(wanted, key) === undefined);
  return { ...wanted, ...Object.fromEntries(own) };
}
