// What a client, a session and a call can be told, and what is checked of it before anything is sent.
import type { ApprovalRequest } from './approvals.js';
import { ConfigurationError } from './errors.js';
import type { IdentityOptions } from './identity/discover.js';
import { checkSpiffeId } from './identity/svid.js';
import type { JsonObject } from './json.js';
import { checkNames, type Names } from './option-names.js';
import type { Surroundings } from './surroundings.js';
import type { TraceparentSource } from './trace.js';

export const MODERN_VERSION = '2026-07-28';
export const LEGACY_VERSION = '2025-11-25';
export type Era = typeof MODERN_VERSION | typeof LEGACY_VERSION;

export interface ClientOptions extends IdentityOptions {
  /** Default: PRECINCT_GATEWAY_URL, else http://localhost:9090. */
  readonly gatewayUrl?: string | URL | undefined;
  /** `auto` is 2026-07-28, without a handshake. */
  readonly era?: 'auto' | Era | undefined;
  /** Seconds for a whole call, its retries included. Default 30. */
  readonly timeout?: number | undefined;
  /** Of a call that the gateway refused with 503 or 429. Default 3. */
  readonly maxRetries?: number | undefined;
  /** Seconds; doubled at each retry, and drawn between 0 and that. Default 1. */
  readonly backoffBase?: number | undefined;
  /** Seconds to wait for a person who must approve a call; absent or 0 = the refusal is thrown. */
  readonly waitForApproval?: number | undefined;
  readonly onApprovalRequested?: ((request: ApprovalRequest) => void) | undefined;
  /** Instead of Node's own http and https. */
  readonly fetch?: typeof fetch | undefined;
  /** The current W3C traceparent; default: OpenTelemetry's where it is installed and active, else a new trace for each call. */
  readonly traceparent?: TraceparentSource | undefined;
  readonly clientName?: string | undefined;
  readonly clientVersion?: string | undefined;
  /** Of a whole JSON answer, or of one event. Default 32 MiB. */
  readonly maxAnswerBytes?: number | undefined;
  /** Clock, chance and environment, for tests. */
  readonly surroundings?: Surroundings | undefined;
}

export interface RequestOptions {
  readonly timeout?: number | undefined;
  /** Ends the call, also at the tool's server. */
  readonly signal?: AbortSignal | undefined;
  /** Repeating the call is harmless: it is repeated after a lost connection, too. */
  readonly idempotent?: boolean | undefined;
  /** Further members of `_meta`. */
  readonly meta?: Readonly<JsonObject> | undefined;
}

export interface CallOptions extends RequestOptions {
  readonly waitForApproval?: number | undefined;
  readonly onApprovalRequested?: ((request: ApprovalRequest) => void) | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Answers to an InputRequiredError's inputRequests, by their names. */
  readonly inputResponses?: Readonly<JsonObject> | undefined;
  /** The InputRequiredError's, as it came. */
  readonly requestState?: string | undefined;
}

export interface Progress {
  readonly progress: number;
  readonly total: number | undefined;
  readonly message: string | undefined;
}

/** What the server asks in a session: `sampling/createMessage`, `elicitation/create`, `roots/list`. What it returns is the answer. */
export type RequestHandler = (request: { readonly method: string; readonly params: Readonly<JsonObject> }) => unknown;

export interface SessionOptions {
  readonly onRequest?: RequestHandler | undefined;
  /** What the client can do; default with onRequest: sampling, elicitation and roots, else nothing. */
  readonly capabilities?: Readonly<JsonObject> | undefined;
  /** What the server says beside a call, such as notifications/tools/list_changed. What it throws is dropped. */
  readonly onNotification?: ((notification: { readonly method: string; readonly params: Readonly<JsonObject> }) => void) | undefined;
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const REQUEST_NAMES: Names<RequestOptions> = { timeout: true, signal: true, idempotent: true, meta: true };
const CALL_NAMES: Names<CallOptions> = { ...REQUEST_NAMES, waitForApproval: true, onApprovalRequested: true, onProgress: true, inputResponses: true, requestState: true };
const SESSION_NAMES: Names<SessionOptions> = { onRequest: true, capabilities: true, onNotification: true, timeout: true, signal: true };
const CLIENT_NAMES: Names<ClientOptions> = {
  gatewayUrl: true, era: true, timeout: true, maxRetries: true, backoffBase: true, waitForApproval: true, onApprovalRequested: true, fetch: true, traceparent: true, clientName: true, clientVersion: true, maxAnswerBytes: true, surroundings: true,
  spiffeId: true, jwtSvid: true, certFile: true, keyFile: true, caFile: true, workloadApi: true, audience: true, gatewaySpiffeId: true,
};

const DEFAULT_URL = 'http://localhost:9090';
const TIMEOUT_S = 30;
const TIMEOUT_S_MAX = 2_000_000; // what a Node timer can hold
const MAX_RETRIES = 3;
const BACKOFF_BASE_S = 1;
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
const NAME = '@precinct/sdk';
const VERSION = '0.1.0';

/** Options with their defaults. */
export interface Settings {
  readonly url: URL;
  readonly era: Era;
  readonly timeout: number;
  readonly maxRetries: number;
  readonly backoffBase: number;
  readonly waitForApproval: number;
  readonly onApprovalRequested: ((request: ApprovalRequest) => void) | undefined;
  readonly answerBytesMax: number;
  readonly clientInfo: { readonly name: string; readonly version: string };
}

export function checkCallOptions(options: CallOptions): void {
  checkNames(options, CALL_NAMES, 'a call');
}

export function checkSessionOptions(options: SessionOptions): void {
  checkNames(options, SESSION_NAMES, 'a session');
}

export function readOptions(options: ClientOptions, surroundings: Surroundings): Settings {
  checkNames(options, CLIENT_NAMES, 'GatewayClient');
  if (options.gatewaySpiffeId !== undefined) checkSpiffeId(options.gatewaySpiffeId, 'gatewaySpiffeId');
  return {
    url: gatewayUrl(options.gatewayUrl ?? (surroundings.env['PRECINCT_GATEWAY_URL'] || DEFAULT_URL)),
    era: eraOf(options.era ?? 'auto'),
    timeout: seconds('timeout', options.timeout ?? TIMEOUT_S),
    maxRetries: wholeNumber('maxRetries', options.maxRetries ?? MAX_RETRIES, 0),
    backoffBase: secondsOrNone('backoffBase', options.backoffBase ?? BACKOFF_BASE_S),
    waitForApproval: secondsOrNone('waitForApproval', options.waitForApproval ?? 0),
    onApprovalRequested: options.onApprovalRequested,
    answerBytesMax: wholeNumber('maxAnswerBytes', options.maxAnswerBytes ?? ANSWER_BYTES_MAX, 1),
    clientInfo: { name: options.clientName ?? NAME, version: options.clientVersion ?? VERSION },
  };
}

function gatewayUrl(given: string | URL): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    throw new ConfigurationError('gatewayUrl is no URL.');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new ConfigurationError('gatewayUrl is an http or https URL.');
  if (url.username !== '' || url.password !== '') throw new ConfigurationError('gatewayUrl holds no user or password: an identity is given by its own options.');
  url.hash = '';
  return url;
}

function eraOf(era: 'auto' | Era): Era {
  if (era === 'auto' || era === MODERN_VERSION) return MODERN_VERSION;
  if (era === LEGACY_VERSION) return era;
  throw new ConfigurationError(`era is auto, ${MODERN_VERSION} or ${LEGACY_VERSION}.`);
}

export function seconds(name: string, value: number): number {
  if (typeof value === 'number' && value > 0 && value <= TIMEOUT_S_MAX) return value;
  throw new ConfigurationError(`${name} is a number of seconds above 0, at most ${TIMEOUT_S_MAX}.`);
}

export function secondsOrNone(name: string, value: number): number {
  return value === 0 ? value : seconds(name, value);
}

function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ConfigurationError(`${name} is a whole number, ${least} or more.`);
}
