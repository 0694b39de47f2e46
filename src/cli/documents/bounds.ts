// docs/bounds.md: everything that grows by what callers or servers send, how far, and what happens then. A test compares the table with config keys and constants.
import { configSections } from './config-keys.js';
import { valueText } from './gateway-yaml.js';

export interface Bound {
  readonly what: string;
  /** `section.key` of gateway.yaml … */
  readonly key?: string;
  /** … or a constant, because nobody had a reason to choose otherwise: its value in words, and where it stands. */
  readonly fixed?: { readonly value: string; readonly file: string; readonly constant: string };
  /** A refusal with its code, or what makes room. */
  readonly then: string;
}

const inFile = (file: string, constant: string, value: string): NonNullable<Bound['fixed']> => ({ file, constant, value });

export const BOUNDS: readonly { readonly title: string; readonly bounds: readonly Bound[] }[] = [
  { title: 'The front', bounds: [
    { what: 'connections of a listener', key: 'front.connections_max', then: 'closed at once, without an answer' },
    { what: 'requests under way, and their bodies', key: 'front.inflight_body_bytes_max', then: '`gateway_overloaded`; one request counts for 16 KiB of it' },
    { what: 'requests of one address', key: 'front.requests_per_ip_max', then: '`gateway_overloaded`' },
    { what: 'bodies of one address', key: 'front.body_bytes_per_ip_max', then: '`gateway_overloaded`' },
    { what: 'requests of one caller', key: 'front.requests_per_caller_max', then: '`gateway_overloaded`' },
    { what: 'one body', key: 'front.body_bytes_max', then: '`request_too_large` at the byte that passes it' },
    { what: 'what still comes of a refused body, and is dropped so that its sender reads the refusal', fixed: inFile('src/front/body-rest.ts', 'DROPPED_BYTES_MAX', '64 * 1024 * 1024'), then: 'the connection is closed; likewise after 10 s, and when nothing came for a second' },
    { what: 'memory of large bodies that is kept for others, of each gateway thread', fixed: inFile('src/front/body-memory.ts', 'KEPT_BODY_BYTES_MAX', '64 * 1024 * 1024'), then: 'what was kept longest is let go; after 10 s without a large body all of it' },
    { what: 'WebSockets and streams of HTTP+SSE of one address', key: 'websocket.sockets_per_ip_max', then: '`gateway_overloaded` instead of the upgrade or the stream; each WebSocket may hold one message of `front.body_bytes_max` that is still coming in' },
    { what: 'requests of one WebSocket or stream without an answer', key: 'websocket.requests_max', then: '`gateway_overloaded`; where as many such refusals wait for their record, the socket is closed (1013), the stream cut' },
    { what: 'what the client of a WebSocket or stream has not taken yet', key: 'websocket.buffered_bytes_max', then: 'streams pause at 64 KiB; above the bound the socket and the stream are cut, and what is under way is recorded as `client_disconnected`' },
    { what: 'what all clients together have not taken yet, answers, streams and WebSockets', key: 'front.unread_bytes_max', then: 'of the address that holds most, the connection that has waited longest is cut; a call\'s record is written before its answer, and what is under way is recorded as `client_disconnected`' },
    { what: 'answers without a body (HEAD, OPTIONS) that leave their connection open, of a thread in a minute', fixed: inFile('src/front/bodiless-answers.ts', 'KEPT_A_MINUTE', '100'), then: 'a further one ends its connection: of those nothing tells whether a client takes them' },
    { what: 'how long a client of a stream or an answer takes nothing of what waits for it', fixed: inFile('src/front/slow-client.ts', 'TAKES_NOTHING_MS_MAX', '120_000'), then: 'its connection is cut; what is under way is recorded as `client_disconnected`' },
    { what: 'what a slow client has not taken yet', key: 'upstream.answer_bytes_max', then: 'the tool server is read no further until it has; a single event or answer above it is refused' },
    { what: 'addresses remembered without a request under way, callers likewise', fixed: inFile('src/base/roster/roster.ts', 'IDLE_KEPT_MAX', '4096'), then: 'those without a request are forgotten' },
    { what: 'requests recorded as traces in a second', key: 'telemetry.traces_per_second_max', then: 'a further one leaves no trace, and is counted' },
    { what: 'spans that wait for the collector', fixed: inFile('src/base/telemetry/span-export.ts', 'QUEUE_SPANS_MAX', '8_192'), then: 'all of a further trace are dropped, and counted' },
    { what: 'requests that wait for one shared line of the unidentified', key: 'audit.unidentified_per_second', then: 'above the rate they share a line; they are requests under way, and count as such' },
  ] },
  { title: 'A message', bounds: [
    { what: 'nesting', key: 'front.json_depth_max', then: '`mcp_invalid_request`' },
    { what: 'object keys', key: 'front.json_keys_max', then: '`mcp_invalid_request`' },
    { what: 'the URI of a resource, also of each that a subscription watches', fixed: inFile('src/mcp/json-rpc.ts', 'URI_BYTES_MAX', '8192'), then: '`mcp_invalid_request`' },
    { what: 'messages of a batch', fixed: inFile('src/mcp/versions.ts', 'BATCH_MESSAGES_MAX', '50'), then: '`mcp_invalid_request`' },
    { what: 'the answers to a batch together', key: 'upstream.answer_bytes_max', then: 'an error in the place of each beyond it: `mcp_invalid_response`' },
    { what: 'findings kept', key: 'dlp.findings_max', then: 'the rest is counted; a blocking one always decides' },
    { what: 'bytes scanned, and read for policies, destinations, approvals and secrets that were sent, on the event loop', key: 'dlp.inline_bytes_max', then: 'larger messages go to the scan pool; one with nothing to decode, from sixteen times that size on (with RE2 four)' },
    { what: 'memory for messages in the scan pool, of each of its threads', key: 'upstream.answer_bytes_max', then: 'as large as the largest that came, a request or an answer; those that wait have none, and after 10 s without one all of it is let go' },
    { what: 'large messages waiting for the scan pool', key: 'dlp.pool_queue_max', then: 'a request: `dlp_unavailable_fail_closed`; a message of a tool server waits in line, and its stream is not read on; readings for layers 6, 8, 9 and 13 and for secrets that were sent wait in a line of their own, and have a quarter of these places' },
    { what: 'secret references in one message', fixed: inFile('src/engines/secrets/substitute.ts', 'REFERENCES_MAX', '64'), then: '`invalid_spike_token`' },
    { what: 'pieces of a text for the guard', fixed: inFile('src/engines/guard/chunks.ts', 'CHUNKS_MAX', '32'), then: 'the guard is unavailable for it: refused' },
    { what: 'connections to the guard', fixed: inFile('src/threads/gateway.ts', 'GUARD_CONNECTIONS_MAX', '16'), then: 'calls wait within `guard.timeout_ms`' },
  ] },
  { title: 'Callers and sessions', bounds: [
    { what: 'proofs of identity remembered, certificates and tokens each', key: 'identity.cache_entries', then: 'the longest unused is checked again' },
    { what: 'declared identities remembered', fixed: inFile('src/engines/identity/identity-table.ts', 'IDENTITIES_MAX', '100_000'), then: 'only registered ones are: as many as the file names' },
    { what: 'callers and sessions with risk, taint or actions', key: 'session.sessions_max', then: 'what is clean gives way; a table full of live taint or risk refuses the newcomer with `session_unavailable_fail_closed`' },
    { what: 'such sessions of one caller', fixed: inFile('src/engines/session-risk/entries.ts', 'SESSIONS_PER_CALLER_MAX', '100'), then: 'the oldest falls back to the caller\'s entry, which keeps taint and risk' },
    { what: 'actions of one session', key: 'session.actions_kept', then: 'the oldest is forgotten' },
    { what: 'names of tools and hosts in it, for each part of the table', fixed: inFile('src/base/shared/text-pool.ts', 'TEXTS_MAX', '8192'), then: 'those no entry uses give way; with none of them `session_unavailable_fail_closed`' },
    { what: 'MCP sessions, open or asleep', key: 'session.sessions_max', then: '`gateway_overloaded`' },
    { what: 'MCP sessions of one caller', key: 'session.mcp_sessions_per_caller_max', then: 'the longest unused ends' },
    { what: 'the greeting a session keeps', key: 'session.initialize_bytes_max', then: '`mcp_invalid_request`' },
    { what: 'sessions in one answer to `agw inspect sessions`', fixed: inFile('src/threads/kept-sessions.ts', 'LISTED_MAX', '1000'), then: 'the rest is counted' },
    { what: 'texts of greetings that sessions share, on each thread', fixed: inFile('src/engines/mcp-session/sessions.ts', 'TEXTS_SHARED_MAX', '64'), then: 'forgotten: a further session keeps a copy of its own' },
    { what: 'sessions that slept for too long, ended in one look', fixed: inFile('src/engines/mcp-session/session-store.ts', 'EXPIRED_AT_ONCE_MAX', '1000'), then: 'the rest ends with the next look, 5 s later' },
    { what: 'streams of one session', fixed: inFile('src/terminals/listen.ts', 'STREAMS_PER_SESSION_MAX', '4'), then: 'the oldest ends' },
    { what: 'subscriptions of one caller, on each thread', fixed: inFile('src/terminals/subscribe.ts', 'SUBSCRIPTIONS_PER_CALLER_MAX', '64'), then: '`gateway_overloaded`' },
    { what: 'resources one subscription watches', fixed: inFile('src/mcp/subscriptions.ts', 'SUBSCRIBED_URIS_MAX', '256'), then: '`mcp_invalid_request`' },
    { what: 'questions of tool servers that wait for one client', fixed: inFile('src/terminals/asked.ts', 'ASKED_MAX', '1000'), then: 'a further one is refused' },
    { what: 'rate-limit buckets that are not full', fixed: inFile('src/threads/shared-memory.ts', 'RATE_KEYS_MAX', '200_000'), then: 'full buckets give way; else the newcomer is refused with `ratelimit_exceeded`' },
    { what: 'open approval requests of one caller', key: 'step_up.pending_per_caller_max', then: '`stepup_denied`' },
    { what: 'arguments kept for an approver', fixed: inFile('src/engines/step-up/arguments-shown.ts', 'ARGUMENTS_KEPT_MAX', '65_536'), then: 'cut, and said; they are needed until the decision' },
    { what: 'questions to the control thread under way', fixed: inFile('src/threads/control-link.ts', 'WAITING_MAX', '10_000'), then: 'the layer that asks refuses' },
  ] },
  { title: 'Policy, secrets, audit', bounds: [
    { what: 'decisions remembered, on each thread', key: 'policy.cache_entries', then: 'the longest unused is decided anew; a name, URI or arguments above 256 characters are kept as a digest' },
    { what: 'compiled parts of the policies, on each thread and in each of the scan pool', fixed: inFile('src/engines/policy/evaluator.ts', 'VARIANTS_MAX', '128'), then: 'the longest unused is compiled again' },
    { what: 'policy text of these parts together', fixed: inFile('src/engines/policy/evaluator.ts', 'VARIANT_CHARS_MAX', '1 << 20'), then: 'the longest unused is compiled again' },
    { what: 'growth of the policy engine\'s memory', fixed: inFile('src/engines/policy/evaluator.ts', 'MEMORY_GROWTH_BYTES_MAX', '64 << 20'), then: 'a fresh engine takes its place' },
    { what: 'secrets remembered of each tool server, to find their echo', fixed: inFile('src/engines/secrets/sent-secrets.ts', 'SECRETS_PER_SERVER_MAX', '256'), then: 'the longest unused is forgotten; without room for it a secret is not sent' },
    { what: 'file of secrets', fixed: inFile('src/engines/secrets/sealed-file.ts', 'FILE_BYTES_MAX', '64 * 1024 * 1024'), then: '`agw secret put`, `rotate` and `issue` are refused' },
    { what: 'references to secrets', fixed: inFile('src/engines/secrets/content.ts', 'REFERENCES_MAX', '100_000'), then: '`agw secret issue` is refused' },
    { what: 'audit lines waiting for the disk', key: 'audit.queue_lines_max', then: '`audit_unavailable_fail_closed`' },
    { what: 'lines of calls that were under way when the log failed, kept until it is well, on each thread', fixed: inFile('src/chain/unrecorded.ts', 'UNRECORDED_MAX', '1000'), then: 'told in gateway.log, with the decision\'s id' },
    { what: 'one audit line', fixed: inFile('src/audit/lane.ts', 'LINE_CHARS_MAX', '1024 * 1024'), then: 'texts within it are cut long before' },
    { what: 'calls without an outcome, in the log writer', fixed: inFile('src/audit/intents.ts', 'OPEN_MAX', '100_000'), then: 'the oldest is let go' },
    { what: 'one log file', key: 'audit.file_bytes_max', then: 'the next one is begun; their number is the operator\'s to bound' },
  ] },
  { title: 'Tool servers', bounds: [
    { what: 'connections to one, on each thread', key: 'upstream.connections_max', then: 'calls wait' },
    { what: 'calls waiting for one', fixed: inFile('src/upstream/http-client.ts', 'WAITING_MAX', '10_000'), then: '`mcp_transport_failed`, and its breaker is not told' },
    { what: 'bodies of calls to one', fixed: inFile('src/upstream/http-client.ts', 'HELD_BYTES_MAX', '512 * 1024 * 1024'), then: '`mcp_transport_failed`, and its breaker is not told' },
    { what: 'clients that listen to one', fixed: inFile('src/upstream/http-client.ts', 'STREAMS_MAX', '20_000'), then: 'the stream is refused' },
    { what: 'questions to a client about one call, one after another', fixed: inFile('src/terminals/input-round.ts', 'ROUNDS_MAX', '16'), then: '`mcp_request_failed`' },
    { what: 'ids of events whose server is remembered, of each session', fixed: inFile('src/terminals/event-owners.ts', 'IDS_MAX', '256'), then: 'the longest unused is told to no server' },
    { what: 'questions for the rest of an answer whose stream ended early, without anything new between them', fixed: inFile('src/terminals/rest-of-stream.ts', 'TRIES_MAX', '5'), then: '`mcp_invalid_response`' },
    { what: 'such questions for one answer, in all', fixed: inFile('src/terminals/rest-of-stream.ts', 'ASKS_MAX', '1000'), then: '`mcp_invalid_response`' },
    { what: 'headers of an answer', fixed: inFile('src/upstream/http-client.ts', 'HEADER_BYTES_MAX', '32 * 1024'), then: '`mcp_invalid_response`' },
    { what: 'an answer, or an event of a stream', key: 'upstream.answer_bytes_max', then: '`mcp_invalid_response`' },
    { what: 'answers to calls, and events of their streams, from their first bytes until they are scanned and sent on, all together', key: 'upstream.inflight_answer_bytes_max', then: 'nothing is refused: of each tool server the one held longest is read on, of each other at most what one read brings; they go on in their order. So it is passed by one answer of each server. Those of processes and of HTTP+SSE come whole: they count, and can\'t be held up' },
    { what: 'processes of stdio servers', key: 'upstream.processes_max', then: 'a client\'s session gets `mcp_request_failed`, and no breaker is told; a shared server is down: `mcp_transport_failed`' },
    { what: 'calls on the pipe of one process, or in one HTTP+SSE session', fixed: inFile('src/upstream/duplex/peer.ts', 'CALLS_MAX', '10_000'), then: '`mcp_transport_failed`, and its breaker is not told' },
    { what: 'what was written to a process and not read by it', fixed: inFile('src/upstream/stdio/child.ts', 'WAITING_BYTES_MAX', '64 * 1024 * 1024'), then: 'the same' },
    { what: 'answers of a process that wait for one slow client', key: 'upstream.answer_bytes_max', then: '`mcp_invalid_response`: others use the same pipe' },
    { what: 'answers of processes that one thread has not taken yet', fixed: inFile('src/upstream/port/port-server.ts', 'UNTAKEN_BYTES_MAX', '8 * 1024 * 1024'), then: 'they wait, each call within the bound above' },
    { what: 'calls of one thread to processes', fixed: inFile('src/upstream/port/port-client.ts', 'CALLS_MAX', '10_000'), then: '`mcp_transport_failed`, and its breaker is not told' },
    { what: 'lines of a process for no call and no listener, each second', fixed: inFile('src/upstream/stdio/unasked.ts', 'LINES_PER_SECOND_MAX', '20_000'), then: 'the process is ended, and counts as one that ended by itself' },
    { what: 'what a process writes beyond an answer, without a line for a call', fixed: inFile('src/upstream/stdio/unasked.ts', 'BYTES_AT_ONCE_MAX', '256 * 1024'), then: 'after each such part it is read no further for 10 ms; calls on its pipe wait, those of other servers do not' },
    { what: 'lines on the stderr of one server that are logged, every ten seconds', fixed: inFile('src/upstream/stdio/stderr-lines.ts', 'LINES_PER_WINDOW_MAX', '20'), then: 'the rest is counted' },
    { what: 'one such line', fixed: inFile('src/upstream/stdio/stderr-lines.ts', 'LINE_BYTES_MAX', '2_048'), then: 'cut' },
    { what: 'HTTP+SSE sessions with one server, on each thread', fixed: inFile('src/upstream/http-sse/sse-servers.ts', 'CHANNELS_MAX', '10_000'), then: '`mcp_request_failed`, and its breaker is not told' },
    { what: 'messages for such a server before it has said where to send them', fixed: inFile('src/upstream/http-sse/sse-channel.ts', 'WAITING_MAX', '100'), then: '`mcp_transport_failed`, and its breaker is not told' },
    { what: 'a list of tools, all pages together', fixed: inFile('src/upstream/tool-lister.ts', 'LIST_BYTES_MAX', '32 * 1024 * 1024'), then: 'the server is taken for one that can\'t be listed: its tools are refused' },
    { what: 'pages of a list', fixed: inFile('src/upstream/tool-lister.ts', 'PAGES_MAX', '200'), then: 'the same' },
    { what: 'a list that a caller asks for, of each server', fixed: inFile('src/terminals/server-asker.ts', 'LIST_BYTES_MAX', '32 * 1024 * 1024'), then: 'the list goes on without that server, and says so' },
    { what: 'its pages', fixed: inFile('src/terminals/server-asker.ts', 'PAGES_MAX', '100'), then: 'the same' },
    { what: 'items of one page of any list', fixed: inFile('src/mcp/lists.ts', 'LIST_ITEMS_MAX', '50_000'), then: 'no more are looked at: a list of tools is taken for one that can\'t be read, a list that a caller asks for goes on without that server' },
    { what: 'one item of a list: the definition of a tool, a prompt, a resource', fixed: inFile('src/mcp/lists.ts', 'LIST_ITEM_BYTES_MAX', '256 * 1024'), then: 'left out, and a tool refused as one that is not served' },
    { what: 'prompts and resources whose server is remembered, on each thread', fixed: inFile('src/terminals/routes.ts', 'ROUTES_KEPT_MAX', '10_000'), then: 'the longest unused is looked for again' },
    { what: 'tasks that are known to be a caller\'s, and their callers', fixed: inFile('src/terminals/task-owners.ts', 'TASKS_KEPT_MAX', '65_536'), then: 'a task that was long unused is unknown: -32602' },
    { what: 'the same, of one caller', fixed: inFile('src/terminals/task-owners.ts', 'TASKS_PER_CALLER_MAX', '1000'), then: 'its longest unused task is unknown' },
    { what: 'a session\'s id', fixed: inFile('src/upstream/handshake.ts', 'SESSION_ID_FORM', '/^[\\x21-\\x7e]{1,1024}$/'), then: '`mcp_invalid_response`' },
    { what: 'breakers that are not at rest', fixed: inFile('src/engines/limits/circuit-breaker.ts', 'FAILING_MAX', '65_536'), then: 'a further failing tool has none until another recovers; those that are open stay so' },
    { what: 'labels of metrics', fixed: inFile('src/base/errors/table.ts', 'ERRORS', 'codes, layers, registered tool servers and breakers'), then: 'nothing a caller sends becomes a label' },
  ] },
  { title: 'Files', bounds: [
    { what: 'cached databases and plans of each kind', fixed: inFile('src/base/kept/kept-files.ts', 'KEPT_MAX', '8'), then: 'the oldest is removed' },
    { what: 'policy text', key: 'policy.source_bytes_max', then: 'the set is refused' },
    { what: 'detection rules of one file', fixed: inFile('src/engines/dlp/rule-file.ts', 'RULES_MAX', '2000'), then: 'the file is refused' },
    { what: 'registered tools, prompts likewise', fixed: inFile('src/engines/registry/registry-schema.ts', 'TOOLS_MAX', '100_000'), then: 'the file is refused' },
    { what: 'registered resources', fixed: inFile('src/engines/registry/registry-schema.ts', 'RESOURCES_MAX', '100_000'), then: 'the file is refused' },
    { what: 'templates and prefixes among them', fixed: inFile('src/engines/registry/registry-schema.ts', 'RESOURCE_PATTERNS_MAX', '1000'), then: 'the file is refused' },
    { what: 'servers with an entry of their own', fixed: inFile('src/engines/registry/server-entry.ts', 'SERVERS_MAX', '1000'), then: 'the file is refused' },
  ] },
  { title: 'agw bridge', bounds: [
    { what: 'one line of the client', fixed: inFile('src/cli/bridge/relay.ts', 'LINE_BYTES_MAX', '32 * 1024 * 1024'), then: 'answered with an error; the next line is served' },
    { what: 'requests under way', fixed: inFile('src/cli/bridge/relay.ts', 'IN_FLIGHT_MAX', '256'), then: 'a further one is answered with an error (503)' },
    { what: 'their lines together', fixed: inFile('src/cli/bridge/relay.ts', 'IN_FLIGHT_BYTES_MAX', '64 * 1024 * 1024'), then: 'the same' },
    { what: 'notifications, and answers to questions, that are not with the gateway yet', fixed: inFile('src/cli/bridge/telling.ts', 'TELLING_MAX', '1_024'), then: 'stdin is read no further until they are' },
    { what: 'their lines together', fixed: inFile('src/cli/bridge/telling.ts', 'TELLING_BYTES_MAX', '32 * 1024 * 1024'), then: 'the same' },
    { what: 'what the client has not read', fixed: inFile('src/cli/bridge/output.ts', 'WAITING_BYTES_MAX', '8 * 1024 * 1024'), then: 'the gateway\'s streams are read no further until it has' },
    { what: 'one answer, or one event', fixed: inFile('src/cli/mcp-exchange.ts', 'ANSWER_BYTES_MAX', '64 * 1024 * 1024'), then: 'answered with an error (502)' },
    { what: 'answers that are not whole yet, together', fixed: inFile('src/cli/bridge/gateway-link.ts', 'HELD_BYTES_MAX', '256 * 1024 * 1024'), then: 'the same' },
    { what: 'tools with marked arguments that are remembered', fixed: inFile('src/cli/bridge/param-marks.ts', 'TOOLS_MAX', '10_000'), then: 'of a further one the tools are listed again at its call' },
    { what: 'SVIDs in one answer of the Workload API', fixed: inFile('src/base/workload-api/messages.ts', 'X509_SVIDS_MAX', '100'), then: 'the answer is none' },
    { what: 'certificates of one chain or bundle', fixed: inFile('src/base/workload-api/messages.ts', 'CERTIFICATES_MAX', '100'), then: 'the same' },
  ] },
];

export function boundsPage(notice: string): string {
  const defaults = new Map(configSections().flatMap((section) => section.keys.map((key) => [`${section.name ?? ''}.${key.key}`, valueText(key.default)])));
  const limit = ({ key, fixed }: Bound): string => (key === undefined ? (fixed?.value ?? '').replaceAll('_', ' ').replaceAll('|', '\\|') : `[\`${key}\`](configuration.md#${key.split('.', 1)[0]}), ${defaults.get(key) ?? ''}`);
  const tables = BOUNDS.map(({ title, bounds }) => `## ${title}\n\n| what grows | at most | then |\n|---|---|---|\n${bounds.map((bound) => `| ${bound.what} | ${limit(bound)} | ${bound.then} |`).join('\n')}\n`);
  return `# What is bounded\n\n${notice}\n\nEverything that grows by what callers or tool servers send, how far it grows, and what happens then: a refusal with its code, or the oldest makes room. Never a wrong verdict.\n\n${tables.join('\n')}`;
}
