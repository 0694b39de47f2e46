// The one schema of config/gateway.yaml: every key with its default, its limits and its reason.
// docs/configuration.md and config/schema/gateway.schema.json are generated from it; a test compares them and config/gateway.yaml.
import * as z from 'zod';

const KIB = 1024;
const MIB = KIB * KIB;
/** A session's id has two hexadecimal digits for its thread; more threads than this were never tried. */
export const GATEWAY_THREADS_MAX = 64;

const int = (min: number, max: number, byDefault: number, reason: string) =>
  z.number().int().min(min).max(max).default(byDefault).describe(reason);
const text = (byDefault: string, reason: string) => z.string().default(byDefault).describe(reason);
const list = (reason: string) => z.array(z.string()).default([]).describe(reason);
const room = <S extends z.ZodRawShape>(shape: S, reason: string) => z.strictObject(shape).prefault({} as never).describe(reason);

const CATEGORY_ACTIONS = ['flag', 'redact', 'block'] as const;
const action = (byDefault: (typeof CATEGORY_ACTIONS)[number], reason: string) => z.enum(CATEGORY_ACTIONS).default(byDefault).describe(reason);

export const gatewayConfigSchema = z.strictObject({
  profile: z.enum(['dev', 'strict']).default('strict').describe('dev accepts declared identities from loopback peers; strict accepts proofs only.'),
  state_dir: text('.precinct', 'Where the gateway keeps what must survive a restart: audit log, approvals, pins, keys, control socket. Created with mode 0700.'),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Operational log (stderr, JSON lines). Never holds arguments or secrets.'),
  threads: room({
    gateway: int(0, GATEWAY_THREADS_MAX, 0, 'Gateway threads; 0 = one less than the machine has cores, at least one. Limits, breakers, risk and taint are one for all of them.'),
    stall_s: int(1, 3_600, 5, 'A gateway thread whose event loop stands still this long is said: in the log, in agw status and in the metrics.'),
  }, 'Worker threads.'),
  front: room({
    host: text('127.0.0.1', 'Address of the plain HTTP listener. The dev profile refuses any but a loopback address, unless dev.trusted_peers is set.'),
    port: int(0, 65535, 9090, 'Port of the plain HTTP listener; 0 takes a free one and says which.'),
    plain: z.boolean().default(true).describe('Whether to open the plain HTTP listener at all; false leaves mTLS only.'),
    body_bytes_max: int(1024, 1024 * MIB, 10 * MIB, 'Layer 1: a body is refused at the byte that passes this.'),
    inflight_body_bytes_max: int(1024, 64 * 1024 * MIB, 256 * MIB, 'All request bodies held at one time together; shared out evenly among the gateway threads; above it new bodies get 503. One request under way is taken for every 16 KiB of it.'),
    body_bytes_per_ip_max: int(1024, 64 * 1024 * MIB, 64 * MIB, 'Request bodies of one address (IPv6: /64) held at one time: a quarter of all. One body of body_bytes_max always fits.'),
    unread_bytes_max: int(64 * KIB, 64 * 1024 * MIB, 256 * MIB, 'Answers and messages that clients have not taken yet, held at one time together; shared out evenly among the gateway threads; above it, of the address that holds most, the connection that has waited longest is cut. One always fits.'),
    requests_per_ip_max: int(1, 1_000_000, 4_096, 'Requests of one address (IPv6: /64) under way, open streams included: a quarter of all. Raise it where everybody comes through one proxy.'),
    requests_per_caller_max: int(1, 1_000_000, 1_024, 'Requests of one SPIFFE ID under way, open streams included: a fleet fits, and its slow calls leave room for others.'),
    connections_max: int(16, 1_000_000, 10_000, 'Open connections of each listener; above it new ones are closed at once, without an answer. Each takes a file descriptor: keep it below ulimit -n.'),
    shed_after_ms: int(0, 60_000, 100, 'While the event loop stays later than this, requests that waited longer get 503 at once. A call costs well under 1 ms, so hundreds wait by then. 0 = never.'),
    json_depth_max: int(4, 1024, 64, 'Layer 2: deepest nesting of arrays and objects.'),
    json_keys_max: int(16, 10_000_000, 20_000, 'Layer 2: most object keys in one message.'),
    allowed_hosts: list('Host names (host or host:port) this gateway is called by, besides loopback names on a loopback listener. DNS rebinding ends here.'),
    allowed_origins: list('Origins of web pages that may call the gateway. Loopback origins are accepted on a loopback listener.'),
    body_timeout_s: int(1, 600, 30, 'A body that is not complete this long after its headers is refused.'),
    body_bytes_per_s_min: int(0, 1024 * MIB, 4 * KIB, 'A body slower than this is refused, from 3 s after its headers on (a lost packet may cost two); 0 = only body_timeout_s counts.'),
  }, 'The listener agents connect to.'),
  websocket: room({
    enabled: z.boolean().default(true).describe('Whether a GET on an MCP path may become a WebSocket (subprotocol mcp), besides Streamable HTTP. All layers judge every message of it.'),
    sockets_per_ip_max: int(1, 1_000_000, 1_024, 'Open WebSockets and streams of HTTP+SSE of one address (IPv6: /64), on each gateway thread. Each WebSocket may hold a message of front.body_bytes_max that is still coming in: raise it where everybody comes through one proxy.'),
    requests_max: int(1, 100_000, 256, 'Requests of one WebSocket or stream without an answer yet; more are refused, cancellations and answers to tool servers not before twice as many. A client that waits for none of its answers has no use for more.'),
    buffered_bytes_max: int(64 * KIB, 1024 * MIB, 16 * MIB, 'What the client of one WebSocket or stream has not taken yet; one message more than this is begun, then it is closed. Streams pause long before.'),
    idle_timeout_s: int(8, 960, 120, 'A WebSocket that brings nothing this long, not even the answer to a ping, is closed, and a stream whose client takes nothing of what waits for it.'),
  }, 'MCP over WebSocket, on the listeners of front and tls; its other limits are those of front.'),
  http_sse: room({
    enabled: z.boolean().default(true).describe('Whether GET /sse opens a stream of the transport of MCP 2024-11-05, to which the client POSTs its messages at /messages. All layers judge every message.'),
  }, 'MCP over HTTP with SSE, for older clients, on the listeners of front and tls. A stream has the bounds of a WebSocket, those of websocket, and counts among the sockets of its address.'),
  tls: room({
    enabled: z.boolean().default(false).describe('Opens the mTLS listener: clients present an X.509-SVID.'),
    host: text('127.0.0.1', 'Address of the mTLS listener.'),
    port: int(0, 65535, 9443, 'Port of the mTLS listener.'),
    certificate_file: text('', 'The gateway\'s own certificate chain (PEM). Replaced on disk = taken up without a restart.'),
    private_key_file: text('', 'Its private key (PEM, mode 0600).'),
    trust_bundle_file: text('', 'The trust domain\'s X.509 authorities (PEM): who may call.'),
    trust_intermediates: z.boolean().default(false).describe('Whether clients may bring an SVID of an intermediate authority that is not in the bundle, with its chain: SPIRE with an UpstreamAuthority. The TLS library proves such a chain, and does not show whose authorities it leads over: only where no other trust domain has an authority under these roots.'),
  }, 'Native mTLS.'),
  dev: room({
    trusted_peers: list('Peer addresses or CIDR blocks besides loopback whose declared identity is believed in the dev profile. For a container: others who reach the listener can declare nothing.'),
  }, 'Conveniences of the dev profile; ignored in strict.'),
  identity: room({
    trust_domain: text('poc.local', 'Identities of any other trust domain are refused.'),
    file: text('config/identities.yaml', 'Registered identities. Watched.'),
    jwt_bundle_file: text('', 'JWT-SVID authorities of the trust domain: a JWK set. Empty = bearer tokens are refused. Watched.'),
    jwt_audience: list('Audiences a JWT-SVID must name one of; required once jwt_bundle_file is set.'),
    cache_entries: int(16, 1_000_000, 10_000, 'Proofs (certificates, tokens) remembered until they expire.'),
  }, 'Layer 3.'),
  audit: room({
    dir: text('', 'Folder of the audit log; empty = <state_dir>/audit.'),
    durability: z.enum(['group', 'async']).default('group').describe('group: no answer leaves before its line is on disk. async: calls are answered before, lines follow within about 10 ms; a crash may lose those.'),
    intent: z.enum(['high', 'all', 'none']).default('high').describe('Which calls get a durable intent line before anything goes upstream: tools of high or critical risk, step-up or secrets; all; none.'),
    arguments_digest: z.enum(['hmac', 'sha256']).default('hmac').describe('hmac keys the digest with the install\'s key, so that guesses can\'t be tested against the log.'),
    unidentified_per_second: int(1, 1_000_000, 100, 'Above this rate per source and gateway thread, requests without an identity share one line per source and second.'),
    queue_lines_max: int(64, 10_000_000, 20_000, 'Lines waiting for the disk; above it layer 4 refuses.'),
    file_bytes_max: int(64 * KIB, 64 * 1024 * MIB, 256 * MIB, 'A log file is closed and the next one begun at this size; the chain goes on.'),
  }, 'Layer 4.'),
  registry: room({
    file: text('config/capability-registry-v2.yaml', 'Registered tools, prompts and resources. Watched.'),
    refresh_interval_s: int(1, 3600, 60, 'How often each upstream\'s tools are listed and compared.'),
    verify_max_age_s: int(1, 86_400, 300, 'A call on an older verification lists the upstream first.'),
    list_timeout_ms: int(100, 120_000, 5_000, 'How long an upstream may take to list its tools, prompts or resources.'),
    unregistered: z.enum(['policy', 'refuse']).default('policy').describe('Prompts and resources that the registry does not list: policy = a rule decides about each, as about all others; refuse = refused and left out, as tools always are.'),
  }, 'Layer 5.'),
  policy: room({
    dirs: z.array(z.string()).default(['config/opa/policies', 'policies']).describe('Folders of Rego files, read recursively; _test.rego files are for agw policy test.'),
    cache_entries: int(0, 1_000_000, 10_000, 'Decisions remembered per thread; 0 turns the cache off.'),
    timeout_ms: int(1, 10_000, 50, 'An evaluation that takes longer is a fault: refused.'),
    source_bytes_max: int(KIB, 256 * MIB, 16 * MIB, 'All policy text together.'),
  }, 'Layer 6.'),
  dlp: room({
    dir: text('config/dlp', 'Rule files (*.yaml). Watched.'),
    credentials: action('block', 'What a credential in a request means.'),
    injection: action('flag', 'What an injected instruction in a request means; flagged ones go to the guard in layer 10.'),
    pii: action('flag', 'What personal data in a request means.'),
    engine: z.enum(['auto', 'hyperscan', 're2']).default('auto').describe('auto takes Hyperscan where its addon loads, else RE2; /health says which and why.'),
    inline_bytes_max: int(0, 16 * MIB, 16 * KIB, 'Larger messages are scanned by the pool, and those with nothing to decode when sixteen times as large (with RE2 four); a larger call is read there for policies that ask for its arguments (from four times that size on where they name which), for its destinations and for an approval, and a larger answer for secrets that were sent, too. 0 sends everything there.'),
    pool_threads: int(1, 64, 1, 'Threads of the scan pool, of each gateway thread.'),
    pool_queue_max: int(1, 100_000, 64, 'Scans waiting for the pool; above it layer 7 refuses, and messages of tool servers wait in line.'),
    findings_max: int(1, 10_000, 100, 'Findings kept of one message.'),
  }, 'Layer 7.'),
  session: room({
    chains_file: text('config/session_chains.yaml', 'What counts as sensitive, as external, and as an exfiltration chain. Watched.'),
    ttl_s: int(60, 30 * 86_400, 3_600, 'Taint and risk live this long after the last thing that raised them.'),
    half_life_s: int(1, 30 * 86_400, 900, 'Risk halves in this time.'),
    sessions_max: int(16, 10_000_000, 100_000, 'Callers and sessions remembered; a table full of live taint or risk refuses newcomers instead of forgetting.'),
    actions_kept: int(1, 10_000, 50, 'Actions remembered per caller, for policies that read them.'),
    mcp_sessions_per_caller_max: int(1, 100_000, 100, 'Open MCP sessions of one caller.'),
    initialize_bytes_max: int(256, MIB, 16 * KIB, 'Longest params of an initialize: the session keeps them, for the tool servers it will meet. More is refused.'),
    mcp_session_ttl_s: int(10, 30 * 86_400, 3_600, 'An MCP session unused this long ends.'),
  }, 'Layer 8.'),
  step_up: room({
    thresholds_file: text('config/risk_thresholds.yaml', 'Score thresholds. Watched.'),
    destinations_file: text('config/destinations.yaml', 'Destinations every tool may send to. Watched.'),
    request_ttl_s: int(10, 7 * 86_400, 3_600, 'An approval request waits this long for a decision.'),
    grant_ttl_s: int(10, 86_400, 600, 'A grant must be used within this time.'),
    pending_per_caller_max: int(1, 10_000, 20, 'Open approval requests of one caller.'),
  }, 'Layer 9.'),
  guard: room({
    url: text('', 'OpenAI-compatible chat completions or classify endpoint. Empty = not configured: dev says so in each verdict, strict refuses to start.'),
    kind: z.enum(['chat', 'classify']).default('chat').describe('What url speaks.'),
    model: text('', 'Model name sent to a chat endpoint.'),
    api_key_env: text('', 'Environment variable that holds the bearer key.'),
    timeout_ms: int(50, 120_000, 2_000, 'A guard that is slower is unavailable: refused.'),
    threshold_percent: int(1, 100, 30, 'A score above this is unsafe.'),
    failures_to_open: int(1, 1_000, 5, 'Consecutive failures that open the guard\'s own breaker.'),
    reset_timeout_s: int(1, 3_600, 30, 'How long that breaker stays open.'),
  }, 'Layer 10.'),
  rate_limit: room({
    per_minute: int(1, 100_000_000, 600, 'Calls per minute and SPIFFE ID.'),
    burst: int(1, 100_000_000, 100, 'Calls at once before the rate counts.'),
  }, 'Layer 11.'),
  breaker: room({
    failures_to_open: int(1, 1_000, 5, 'Consecutive failures of one tool on one upstream that open its breaker.'),
    reset_timeout_s: int(1, 3_600, 30, 'How long it stays open before probes.'),
    successes_to_close: int(1, 1_000, 2, 'Successful probes that close it.'),
    probes_max: int(1, 1_000, 1, 'Probes in flight while half open.'),
  }, 'Layer 12.'),
  secrets: room({
    file: text('', 'The encrypted secret file; empty = <state_dir>/secrets.enc.'),
    key_file: text('', 'Its key: 32 bytes in base64, mode 0600; empty = <state_dir>/keys/secrets.key, made at first use in the dev profile.'),
    key_env: text('', 'Environment variable that holds the key instead of a file.'),
  }, 'Layer 13.'),
  upstream: room({
    connect_timeout_ms: int(10, 120_000, 2_000, 'Connecting to a tool server.'),
    answer_timeout_ms: int(10, 3_600_000, 30_000, 'First byte of an answer; a tool\'s timeout_ms goes first.'),
    idle_timeout_ms: int(100, 3_600_000, 300_000, 'Silence within a stream.'),
    total_timeout_ms: int(100, 86_400_000, 3_600_000, 'A call from its arrival to the end of its answer, whatever comes meanwhile, progress too. Subscriptions and the streams that a session listens on have no such end.'),
    connections_max: int(1, 10_000, 128, 'Connections to one tool server, per thread.'),
    pipelining: int(1, 64, 1, 'Calls on one connection to an http: tool server before the first is answered. 1 = each waits for the one before. More saves system calls, but a slow call holds up those behind it, and one that breaks its connection fails them all: only for servers whose tools answer fast.'),
    answer_bytes_max: int(KIB, 1024 * MIB, 64 * MIB, 'Largest single answer or SSE event.'),
    inflight_answer_bytes_max: int(KIB, 64 * 1024 * MIB, 256 * MIB, 'Answers and SSE events of calls held at one time together, until they are whole, scanned and sent on; shared out evenly among the gateway threads. Above it none is refused: of each tool server the one held longest is read on, the others wait in line. Answers up to 16 KiB do not count.'),
    processes_max: int(1, 10_000, 64, 'Processes of stdio tool servers, all together; above it no further one is started.'),
  }, 'The way to tool servers.'),
  response: room({
    credentials: action('redact', 'What a credential in an answer means.'),
    injection: action('flag', 'What injected instructions in an answer mean.'),
    pii: action('flag', 'What personal data in an answer means.'),
  }, 'The response firewall.'),
  telemetry: room({
    otlp_endpoint: text('', 'Collector that takes traces by OTLP over HTTP, such as http://127.0.0.1:4318; /v1/traces is added where no path is given. Empty = what OTEL_EXPORTER_OTLP_ENDPOINT says; neither = no traces.'),
    sample_ratio: z.number().min(0).max(1).default(1).describe('Share of the traces that begin here which are recorded. Where a caller sends traceparent, its flag decides.'),
    traces_per_second_max: int(1, 1_000_000, 100, 'Traces recorded in a second, of all gateway threads together, whoever asks for them; further calls of that second leave none.'),
  }, 'Traces: one span for each layer that saw the request. The record of what was decided is the audit log.'),
  docs: room({
    base_url: text('', 'Put before docs/error-codes.md#CODE in a refusal\'s docs_url, such as https://git.example/precinct/blob/main; empty = the path in the repository.'),
  }, 'Where callers find the documentation.'),
  shutdown_grace_s: z.number().int().min(0).max(3600).default(10).describe('How long calls in flight may finish after SIGTERM.'),
});

export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
