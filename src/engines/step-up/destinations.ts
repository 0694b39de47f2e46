// Where a call would send to, and whether that is allowed: config/destinations.yaml and the tool's own allowed_destinations.
import { parseJson } from '../../base/json/parse-json.js';
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import * as z from 'zod';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines } from '../../base/config/yaml-lines.js';
import { hostOfName, hostsOfEmail, hostsOfUrl, UNREADABLE_HOST } from './destination-host.js';
import { hostsInText } from './urls-in-text.js';

/** Frozen, part of the snapshot. */
export interface Destinations {
  /** Exact hosts and `*.suffix`, normalised. */
  readonly allowed: readonly string[];
  readonly digest: string;
}

/** What ScoreFacts wants to know. `destination` is the first that is not allowed, else the first. */
export interface DestinationJudgement {
  readonly destination: string | undefined;
  readonly destinationAllowedByTool: boolean;
  readonly destinationAllowedGlobally: boolean;
}

const ENTRIES_MAX = 10_000;
/** More hosts in one call than this are no destination a person could have meant. */
const HOSTS_MAX = 256;
/** Nor are more names of hosts; reading one takes microseconds of the gateway thread. */
const NAMES_MAX = 20_000;

const fileSchema = z.strictObject({
  allowed_destinations: z.array(z.string()).max(ENTRIES_MAX).nullish().describe('hosts such as api.example.com or *.example.com'),
});

/** Throws ConfigFault; every fault of the file is in it. */
export function parseDestinations(text: string, file: string): Destinations {
  const yaml = parseYamlWithLines(text, file);
  const parsed = fileSchema.safeParse(yaml.value ?? {});
  if (!parsed.success) throw faultOfSchema(yaml, fileSchema, parsed.error);
  const faults: ConfigFault[] = [];
  const allowed: string[] = [];
  for (const [at, entry] of (parsed.data.allowed_destinations ?? []).entries()) {
    const pattern = normalPattern(entry);
    if (pattern !== undefined) allowed.push(pattern);
    else faults.push(new ConfigFault(`${JSON.stringify(entry.slice(0, 100))} is not a host.`, { file, ...yaml.placeOf(['allowed_destinations', at]), remedy: 'Write a host name or address without scheme, port and path, or *.example.com for every host below example.com.' }));
  }
  if (faults.length > 0) throw joinFaults(faults);
  return Object.freeze({ allowed: Object.freeze(allowed), digest: createHash('sha256').update(text).digest('hex') });
}

/** Undefined for what could never match, or would match a whole top-level domain. */
export function normalPattern(entry: string): string | undefined {
  const wildcard = entry.startsWith('*.');
  const written = wildcard ? entry.slice(2) : entry;
  if (!/^(?:[^\s*:/@\\?#%]+|\[[0-9a-f:.]+\])$/i.test(written)) return undefined;
  const host = hostOfName(written);
  if (host === UNREADABLE_HOST) return undefined;
  if (!wildcard) return host;
  return host.includes('.') && isIP(host) === 0 ? `*.${host}` : undefined;
}

/** `host` as destinationsOf gives it. Entries that are no hosts match nothing; a wildcard never matches its own apex, nor an address. */
export function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  if (host === UNREADABLE_HOST) return false;
  return allowed.some((entry) => {
    const pattern = normalPattern(entry);
    if (pattern === undefined) return false;
    return pattern.startsWith('*.') ? isIP(host) === 0 && host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1 : host === pattern;
  });
}

/** Every destination must be allowed, by the tool or by the file; one that is not decides. */
export function judgeDestinations(hosts: readonly string[], allowedByTool: readonly string[], global: Destinations): DestinationJudgement {
  const foreign = hosts.find((host) => !isAllowedHost(host, allowedByTool) && !isAllowedHost(host, global.allowed));
  if (foreign !== undefined) return { destination: foreign, destinationAllowedByTool: false, destinationAllowedGlobally: false };
  const byFileOnly = hosts.find((host) => !isAllowedHost(host, allowedByTool));
  return { destination: byFileOnly ?? hosts[0], destinationAllowedByTool: hosts.length > 0 && byFileOnly === undefined, destinationAllowedGlobally: byFileOnly !== undefined };
}

/**
 * All distinct hosts a call's arguments name, in order: of members named like a destination, and of every string that is an
 * absolute URL. UNREADABLE_HOST stands for what hides its host. Text that is not JSON has an unreadable destination.
 */
export function destinationsOf(argumentsJson: string): string[] {
  return collectHosts(argumentsJson, false);
}

/** Besides those of destinationsOf, the hosts of all URLs that stand anywhere in a string or a key, and whatever JSON carried as text names. */
export function destinationsAnywhere(argumentsJson: string): string[] {
  return collectHosts(argumentsJson, true);
}

/** JSON within JSON within JSON: who needs more levels hides something. */
const JSON_IN_TEXT_LEVELS_MAX = 8;

function collectHosts(argumentsJson: string, anywhere: boolean): string[] {
  const hosts = new Set<string>();
  let names = 0;
  const tooMany = (): boolean => hosts.size > HOSTS_MAX || names > NAMES_MAX;
  const add = (host: string): void => {
    hosts.add(host);
    names++;
  };
  const walk = (value: unknown, kind: MemberKind, level: number): void => {
    if (tooMany()) return;
    if (typeof value === 'string') read(value, kind, level);
    else if (Array.isArray(value)) value.forEach((one) => walk(one, kind, level));
    else if (typeof value === 'object' && value !== null) walkMembers(value, level);
  };
  const walkMembers = (object: object, level: number): void => {
    for (const [name, one] of Object.entries(object)) {
      if (anywhere) read(name, 'other', level);
      // An object under `to` or `destination` ({"address": …}) is read by its own members' names.
      walk(one, kindOf(name), level);
    }
  };
  const read = (text: string, kind: MemberKind, level: number): void => {
    for (const host of hostsOfText(text, kind)) add(host);
    if (!anywhere) return;
    for (const reading of new Set([text, withoutEscapes(text)])) {
      for (const host of hostsInText(reading)) {
        add(host);
        if (host === UNREADABLE_HOST || tooMany()) return;
      }
    }
    const inner = jsonInText(text);
    if (inner === undefined) return;
    if (level === JSON_IN_TEXT_LEVELS_MAX) hosts.add(UNREADABLE_HOST);
    else walk(inner, kind, level + 1);
  };
  try {
    if (argumentsJson.trim() !== '') walk(parseJson(argumentsJson), 'other', 0);
  } catch {
    return [UNREADABLE_HOST];
  }
  return tooMany() ? [UNREADABLE_HOST] : [...hosts];
}

const ESCAPE = /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2}))/gi;

/** For readers of more than JSON, or of another member of two with one name: Python takes NaN, others comments, several texts in lines, YAML. */
function withoutEscapes(text: string): string {
  return text.replace(ESCAPE, (_all, unit: string | undefined, byte: string | undefined) => String.fromCharCode(Number.parseInt(unit ?? byte ?? '', 16)));
}

/** Undefined when the text is no JSON that holds a string. Throws when that can't be said: what nobody could read is no empty text. */
function jsonInText(text: string): unknown {
  if (!text.includes('"') || !/^\s*["[{]/.test(text) || !/["\]}]$/.test(text.trimEnd())) return undefined;
  try {
    return parseJson(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    return undefined;
  }
}

/** `host`: its text is a host whatever it looks like. `address`: it may be one. `other`: only an absolute URL counts. */
type MemberKind = 'host' | 'address' | 'other';

const HOST_WORDS: ReadonlySet<string> = new Set(['host', 'hostname', 'url', 'uri', 'endpoint', 'domain', 'webhook', 'href']);
const ADDRESS_WORDS: ReadonlySet<string> = new Set(['to', 'cc', 'bcc', 'destination', 'dest', 'recipient', 'recipients', 'email', 'emails', 'mail', 'target', 'server', 'address', 'addresses', 'remote', 'upstream', 'proxy', 'callback', 'urls', 'uris', 'hosts', 'endpoints', 'domains', 'webhooks', 'destinations']);

/** By the words of the member's name: callback_url, webhookUrl, TARGET-HOST. */
function kindOf(name: string): MemberKind {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase().split(/[^a-z0-9]+/);
  const last = words.at(-1) ?? '';
  if (HOST_WORDS.has(last)) return 'host';
  return words.some((word) => ADDRESS_WORDS.has(word) || HOST_WORDS.has(word)) ? 'address' : 'other';
}

function hostsOfText(text: string, kind: MemberKind): readonly string[] {
  const byUrl = hostsOfUrl(text, kind === 'other');
  if (byUrl !== undefined) return byUrl;
  if (kind === 'other' || text.trim() === '') return [];
  const byEmail = hostsOfEmail(text);
  if (byEmail !== undefined) return byEmail;
  const isPath = /^\.{0,2}[\\/](?![\\/])/.test(text.trim());
  if (isPath) return [];
  return kind === 'host' || looksLikeHost(text) || text.includes('://') ? [hostOfName(text)] : [];
}

/** `api.example.com`, `localhost:8080`, `10.0.0.1/x`; not `alice`, `# general` or a sentence. In one pass: a pattern of two runs around a dot would try every dot of a long text. */
function looksLikeHost(written: string): boolean {
  const text = written.trim();
  if (/^(?:localhost|\[[0-9a-f:.]+\]|0x[0-9a-f]+|\d{8,10})(?::\d+)?(?:[/?#]\S*)?$/i.test(text)) return true;
  const run = /^[^\s/:@]+/.exec(text)?.[0] ?? '';
  const query = Math.max(run.lastIndexOf('?'), run.lastIndexOf('#'));
  return (hasInnerDot(run) && /^(?::\d+)?(?:[/?#]\S*)?$/.test(text.slice(run.length))) || (query > 0 && hasInnerDot(run.slice(0, query)) && !/\s/.test(text.slice(query)));
}

function hasInnerDot(name: string): boolean {
  const dot = name.indexOf('.', 1);
  return dot > 0 && dot < name.length - 1;
}
