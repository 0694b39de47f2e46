// subscriptions/listen: what a client asks to be told, what a server can tell, and the messages of the stream (2026-07-28, basic/patterns/subscriptions).
import { replaceSpan, withMembers } from '../base/json/edits.js';
import { isObjectAt, memberAt, memberOf, stringAt, textAt } from '../base/json/members.js';
import { decodeString, elementSpans, memberSpans } from '../base/json/spans.js';
import { URI_BYTES_MAX } from './json-rpc.js';

export const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
export const RESOURCE_UPDATED = 'notifications/resources/updated';
export const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';
const REPLACED: ReadonlySet<string> = new Set([SUBSCRIPTION_ID]);
const META: ReadonlySet<string> = new Set(['_meta']);
const QUOTE = 0x22;
const OPEN_ARRAY = 0x5b;
/** A client watches what it shows; each is judged by the policies. */
export const SUBSCRIBED_URIS_MAX = 256;

export interface ListenFilter {
  readonly toolsListChanged: boolean;
  readonly promptsListChanged: boolean;
  readonly resourcesListChanged: boolean;
  readonly resourceSubscriptions: readonly string[];
}

export const NOTHING: ListenFilter = Object.freeze({ toolsListChanged: false, promptsListChanged: false, resourcesListChanged: false, resourceSubscriptions: [] });

const LISTS = [
  ['toolsListChanged', 'notifications/tools/list_changed'],
  ['promptsListChanged', 'notifications/prompts/list_changed'],
  ['resourcesListChanged', 'notifications/resources/list_changed'],
] as const;
export const TOOLS_CHANGED = LISTS[0][1];
export const LIST_CHANGED: ReadonlySet<string> = new Set(LISTS.map(([, method]) => method));

export function listChanged(what: 'tools' | 'prompts' | 'resources'): string {
  return `{"jsonrpc":"2.0","method":"notifications/${what}/list_changed"}`;
}

/** What the request at `bytes` asks for, or what is wrong with it. */
export function readListenFilter(bytes: Uint8Array): ListenFilter | string {
  const asked = memberAt(bytes, ['params', 'notifications']);
  if (!isObjectAt(bytes, asked)) return 'subscriptions/listen needs params.notifications, an object.';
  const filter = { ...NOTHING, resourceSubscriptions: [] as readonly string[] };
  for (const member of memberSpans(bytes, asked.from, asked.to)) {
    const text = textAt(bytes, member);
    if (member.key === 'resourceSubscriptions') {
      const elements = elementSpans(bytes, member.from, member.to);
      if (bytes[member.from] !== OPEN_ARRAY || elements.some(({ from }) => bytes[from] !== QUOTE)) return 'params.notifications.resourceSubscriptions must be an array of strings.';
      if (elements.length > SUBSCRIBED_URIS_MAX) return `params.notifications.resourceSubscriptions has more than ${SUBSCRIBED_URIS_MAX} entries.`;
      const uris = elements.map(({ from, to }) => decodeString(bytes, from, to));
      if (uris.some((uri) => Buffer.byteLength(uri) > URI_BYTES_MAX)) return `params.notifications.resourceSubscriptions has a URI longer than ${URI_BYTES_MAX} bytes.`;
      filter.resourceSubscriptions = [...new Set(uris)];
    } else if (member.key === 'toolsListChanged' || member.key === 'promptsListChanged' || member.key === 'resourcesListChanged') {
      if (text !== 'true' && text !== 'false') return `params.notifications.${member.key} must be a boolean.`;
      filter[member.key] = text === 'true';
    }
  }
  return filter;
}

/** The part of a filter that a server with these capabilities can honour. */
export function honoured(filter: ListenFilter, capabilities: Readonly<Record<string, unknown>>): ListenFilter {
  const has = (capability: string, flag: string): boolean => {
    const value = capabilities[capability];
    return typeof value === 'object' && value !== null && (value as Record<string, unknown>)[flag] === true;
  };
  return {
    toolsListChanged: filter.toolsListChanged && has('tools', 'listChanged'),
    promptsListChanged: filter.promptsListChanged && has('prompts', 'listChanged'),
    resourcesListChanged: filter.resourcesListChanged && has('resources', 'listChanged'),
    resourceSubscriptions: has('resources', 'subscribe') ? filter.resourceSubscriptions : [],
  };
}

export function isNothing(filter: ListenFilter): boolean {
  return !filter.toolsListChanged && !filter.promptsListChanged && !filter.resourcesListChanged && filter.resourceSubscriptions.length === 0;
}

export function either(one: ListenFilter, other: ListenFilter): ListenFilter {
  return {
    toolsListChanged: one.toolsListChanged || other.toolsListChanged,
    promptsListChanged: one.promptsListChanged || other.promptsListChanged,
    resourcesListChanged: one.resourcesListChanged || other.resourcesListChanged,
    resourceSubscriptions: [...new Set([...one.resourceSubscriptions, ...other.resourceSubscriptions])],
  };
}

/** Whether a notification was asked for. `uri` of what was updated: the resource itself, or one within it (2026-07-28, server/resources). */
export function wants(filter: ListenFilter, method: string, uri: string): boolean {
  if (method === RESOURCE_UPDATED) return filter.resourceSubscriptions.some((one) => uri === one || uri.startsWith(one.endsWith('/') ? one : `${one}/`));
  return LISTS.some(([key, name]) => name === method && filter[key]);
}

export function updatedUri(bytes: Uint8Array): string {
  return stringAt(bytes, memberAt(bytes, ['params', 'uri'])) ?? '';
}

/** As the wire has it: what is not wanted is left out. */
export function filterText(filter: ListenFilter): string {
  const members = LISTS.filter(([key]) => filter[key]).map(([key]) => `"${key}":true`);
  if (filter.resourceSubscriptions.length > 0) members.push(`"resourceSubscriptions":${JSON.stringify(filter.resourceSubscriptions)}`);
  return `{${members.join(',')}}`;
}

/** `idText`: raw, so that a number stays a number. */
export function acknowledgement(idText: string, filter: ListenFilter): string {
  return `{"jsonrpc":"2.0","method":"${ACKNOWLEDGED}","params":{"_meta":{"${SUBSCRIPTION_ID}":${idText}},"notifications":${filterText(filter)}}}`;
}

export function closing(idText: string): string {
  return `{"jsonrpc":"2.0","id":${idText},"result":{"resultType":"complete","_meta":{"${SUBSCRIPTION_ID}":${idText}}}}`;
}

/** What may have changed while nobody listened. */
export function possibleChanges(idText: string | undefined, filter: ListenFilter): string[] {
  const changes = [
    ...LISTS.filter(([key]) => filter[key]).map(([, method]) => `{"jsonrpc":"2.0","method":"${method}"}`),
    ...filter.resourceSubscriptions.map((uri) => `{"jsonrpc":"2.0","method":"${RESOURCE_UPDATED}","params":{"uri":${JSON.stringify(uri)}}}`),
  ];
  return changes.map((text) => Buffer.from(underSubscription(Buffer.from(text), idText)).toString('utf8'));
}

/** The notification under the client's own subscription id; without one where `idText` is undefined. Every other byte as it came. */
export function underSubscription(bytes: Uint8Array, idText: string | undefined): Uint8Array {
  const own = idText === undefined ? [] : [`"${SUBSCRIPTION_ID}":${idText}`];
  const params = memberAt(bytes, ['params']);
  if (!isObjectAt(bytes, params)) {
    return own.length === 0 ? bytes : withMembers(bytes, { from: 0, to: bytes.length }, new Set(['params']), [`"params":{"_meta":{${own.join('')}}}`]);
  }
  const meta = memberOf(bytes, params, '_meta');
  if (!isObjectAt(bytes, meta)) {
    return own.length === 0 ? bytes : replaceSpan(bytes, params, withMembers(bytes, params, META, [`"_meta":{${own.join('')}}`]));
  }
  const id = memberOf(bytes, meta, SUBSCRIPTION_ID);
  if (id !== undefined && idText !== undefined) return replaceSpan(bytes, id, idText);
  return replaceSpan(bytes, meta, withMembers(bytes, meta, REPLACED, own));
}
