// The table of MCP methods: who sends them, in which era, what they are routed by, and whether a policy rule must allow them.
import type { Call, Era } from './types.js';

/**
 * `tool`, `prompt`, `resource`: by params.name or params.uri; `reference`: by params.ref (completion); `task`: by params.taskId;
 * `all`: every upstream, answers merged; `gateway`: answered here; `session`: to the upstreams of the caller's session.
 */
export type MethodRoute = 'tool' | 'prompt' | 'resource' | 'reference' | 'task' | 'all' | 'gateway' | 'session';

export interface MethodRow {
  readonly kind: 'request' | 'notification';
  readonly sender: 'client' | 'server' | 'both';
  readonly eras: readonly Era[];
  readonly route: MethodRoute;
  /** The member of params that the header Mcp-Name mirrors (2026-07-28, basic/transports). */
  readonly nameFrom: 'name' | 'uri' | undefined;
  /** SPEC section 4: what needs an identity but no policy rule. */
  readonly needsRule: boolean;
}

const LEGACY: readonly Era[] = ['legacy'];
const MODERN: readonly Era[] = ['modern'];
const BOTH: readonly Era[] = ['legacy', 'modern'];

function ask(eras: readonly Era[], route: MethodRoute, nameFrom?: 'name' | 'uri'): MethodRow {
  return { kind: 'request', sender: 'client', eras, route, nameFrom, needsRule: true };
}
function free(eras: readonly Era[]): MethodRow {
  return { kind: 'request', sender: 'client', eras, route: 'gateway', nameFrom: undefined, needsRule: false };
}
function askBack(): MethodRow {
  return { kind: 'request', sender: 'server', eras: LEGACY, route: 'session', nameFrom: undefined, needsRule: true };
}
function tell(sender: MethodRow['sender'], eras: readonly Era[]): MethodRow {
  return { kind: 'notification', sender, eras, route: 'session', nameFrom: undefined, needsRule: false };
}

export const METHODS: ReadonlyMap<string, MethodRow> = new Map<string, MethodRow>([
  ['initialize', free(LEGACY)],
  ['ping', { ...free(LEGACY), sender: 'both' }],
  ['server/discover', free(MODERN)],
  ['tools/list', ask(BOTH, 'all')],
  ['tools/call', ask(BOTH, 'tool', 'name')],
  ['prompts/list', ask(BOTH, 'all')],
  ['prompts/get', ask(BOTH, 'prompt', 'name')],
  ['resources/list', ask(BOTH, 'all')],
  ['resources/templates/list', ask(BOTH, 'all')],
  ['resources/read', ask(BOTH, 'resource', 'uri')],
  ['resources/subscribe', ask(LEGACY, 'resource')],
  ['resources/unsubscribe', ask(LEGACY, 'resource')],
  ['completion/complete', ask(BOTH, 'reference')],
  ['logging/setLevel', ask(LEGACY, 'all')],
  ['subscriptions/listen', ask(MODERN, 'all')],
  ['tasks/get', ask(BOTH, 'task')],
  ['tasks/result', ask(LEGACY, 'task')],
  ['tasks/list', ask(LEGACY, 'all')],
  ['tasks/update', ask(MODERN, 'task')],
  ['tasks/cancel', ask(BOTH, 'task')],
  ['sampling/createMessage', askBack()],
  ['elicitation/create', askBack()],
  ['roots/list', askBack()],
  ['notifications/initialized', tell('client', LEGACY)],
  ['notifications/roots/list_changed', tell('client', LEGACY)],
  ['notifications/cancelled', tell('both', BOTH)],
  ['notifications/progress', tell('both', BOTH)],
  ['notifications/tasks/status', tell('both', BOTH)],
  ['notifications/message', tell('server', BOTH)],
  ['notifications/resources/updated', tell('server', BOTH)],
  ['notifications/resources/list_changed', tell('server', BOTH)],
  ['notifications/tools/list_changed', tell('server', BOTH)],
  ['notifications/prompts/list_changed', tell('server', BOTH)],
  ['notifications/elicitation/complete', tell('server', LEGACY)],
  ['notifications/subscriptions/acknowledged', tell('server', MODERN)],
]);

const NOTIFICATION_PREFIX = 'notifications/';

/**
 * Whether policy must allow this message. Unknown methods need a rule, and so does a message without an id whose method is not in the
 * notifications/ name space: a careless server may run it as a request, so leaving the id out must not be a way around policy.
 */
export function needsPolicyRule(call: Pick<Call, 'kind' | 'method'>): boolean {
  if (call.kind === 'response') return false;
  if (call.kind === 'notification') return !call.method.startsWith(NOTIFICATION_PREFIX);
  const row = METHODS.get(call.method);
  return row?.kind !== 'request' || row.needsRule;
}

/** Whether a call of this method names what it is about (a tool, a prompt, a resource): a policy sees that as its tool name, and '' for any other method. */
export function namesSubject(method: string): boolean {
  const row = METHODS.get(method);
  return row?.nameFrom === 'name' || row?.route === 'resource' || row?.route === 'reference';
}

/** What a call is about: the name of a tool or prompt, the URI of a resource; '' for what names nothing. */
export function subjectOf(call: Pick<Call, 'name' | 'uri'>): string {
  return call.name === '' ? call.uri : call.name;
}

/** How a request is routed; unknown methods go where the caller's session is. */
export function routeOf(method: string): MethodRoute {
  return METHODS.get(method)?.route ?? 'session';
}
