// Courier 1, the protocol of the agents: what they send is read here, and what can be wrong with it is said here. The gateway is not known here.
export const SUBPROTOCOL = 'courier.v1';
const ACTION_CHARS_MAX = 256;
const ID_CHARS_MAX = 128;
const CURSOR_CHARS_MAX = 1024;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

export interface ErrorBody {
  readonly type: 'invalid' | 'unauthorized' | 'not_found' | 'denied' | 'throttled' | 'unavailable' | 'failed' | 'cancelled';
  readonly code: string;
  readonly message: string;
  readonly reason?: string | undefined;
  readonly remediation?: string | undefined;
  readonly decision_id?: string | undefined;
  readonly trace_id?: string | undefined;
  /** Whether the identical request may be sent again: nothing has run, or running twice was allowed. */
  readonly retryable: boolean;
  readonly retry_after_ms?: number | undefined;
}

/** A request that ends in an error of the protocol; `status` is for HTTP. */
export class CourierFault extends Error {
  readonly status: number;
  readonly body: ErrorBody;
  constructor(status: number, body: Omit<ErrorBody, 'retryable'> & { readonly retryable?: boolean }) {
    super(body.message);
    this.status = status;
    this.body = { ...body, retryable: body.retryable ?? false };
  }
}

export function invalid(message: string, code = 'invalid_request', status = 400): CourierFault {
  return new CourierFault(status, { type: 'invalid', code, message });
}

export const UNKNOWN_KEY = new CourierFault(401, { type: 'unauthorized', code: 'unknown_key', message: 'The key is not known here.', remediation: 'Send the key that the operator gave to this agent.' });
export const CANCELLED = new CourierFault(499, { type: 'cancelled', code: 'cancelled', message: 'The action was cancelled.' });

export function busy(what: string): CourierFault {
  return new CourierFault(429, { type: 'throttled', code: 'adapter_busy', message: `Too many ${what} at once.`, remediation: 'Wait until one of them has ended.', retryable: true, retry_after_ms: 1000 });
}

export type JsonRecord = Readonly<Record<string, unknown>>;

export interface Invocation {
  readonly action: string;
  readonly input: JsonRecord;
}

export interface PageRequest {
  readonly limit: number;
  /** The name after which the page begins; '' = at the first. */
  readonly after: string;
}

/** Numbers that JavaScript would round are refused: a tool must not get another one than was sent. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('It is not JSON.', 'malformed');
  }
  for (const [token] of text.matchAll(STRING_OR_NUMBER)) {
    const isExact = token.startsWith('"') || (/^-?\d+$/.test(token) ? Number.isSafeInteger(Number(token)) : Number.isFinite(Number(token)));
    if (!isExact) throw invalid('A number is too large to be passed on exactly: send it as a text.', 'number_too_large');
  }
  return value;
}

export function recordOf(value: unknown, what: string): JsonRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} must be an object.`);
  return value as JsonRecord;
}

export function textOf(value: unknown, what: string, charsMax = ID_CHARS_MAX): string {
  if (typeof value !== 'string' || value === '' || value.length > charsMax) throw invalid(`${what} must be a text of 1 to ${charsMax} characters.`);
  return value;
}

export function readInvocation(value: unknown): Invocation {
  const { action, input = {} } = recordOf(value, 'An action');
  return { action: textOf(action, 'action', ACTION_CHARS_MAX), input: recordOf(input, 'input') };
}

export function readPage(limit: unknown, cursor: unknown): PageRequest {
  const wanted = limit === undefined || limit === null ? PAGE_DEFAULT : Number(limit);
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > PAGE_MAX) throw invalid(`limit must be a whole number from 1 to ${PAGE_MAX}.`);
  if (cursor === undefined || cursor === null) return { limit: wanted, after: '' };
  const text = Buffer.from(textOf(cursor, 'cursor', CURSOR_CHARS_MAX), 'base64url').toString('utf8');
  if (!text.startsWith('after:')) throw invalid('The cursor is none of this server.', 'invalid_cursor');
  return { limit: wanted, after: text.slice('after:'.length) };
}

/** A page of what is sorted by name; the cursor names the last one shown, so that what comes or goes between two pages moves nothing. */
export function pageOf<Entry extends { readonly action: string }>(all: readonly Entry[], { limit, after }: PageRequest): { readonly data: readonly Entry[]; readonly page: { readonly next: string | null } } {
  const rest = [...all].sort((a, b) => (a.action < b.action ? -1 : 1)).filter(({ action }) => action > after);
  const data = rest.slice(0, limit);
  const last = data.at(-1);
  return { data, page: { next: rest.length > limit && last !== undefined ? Buffer.from(`after:${last.action}`).toString('base64url') : null } };
}
