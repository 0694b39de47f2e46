// One question to the gateway, and its answer: ids, trace, identity, and what an answer can be.
import type { Credentials } from './identity/credentials.js';
import type { Deadline } from './deadline.js';
import { InputRequiredError, TransportError } from './errors.js';
import { PrecinctError } from './gateway-error.js';
import { isObject, objectOf, textOf, type JsonObject } from './json.js';
import { drain, isStream, readMessages, retryAfterOf } from './messages.js';
import { errorOf, isEnvelope } from './refusals.js';
import type { Surroundings } from './surroundings.js';
import type { Trace, Tracer } from './trace.js';
import { faultCode, type HttpAnswer, type HttpRequest, type Transport } from './transport.js';

export interface Question {
  readonly method: string;
  /** What names the thing within params, repeated in Mcp-Name; '' = none. */
  readonly name: string;
  /** Members of params as JSON texts, without `_meta`: a repeated call is the same, byte for byte. */
  readonly members: readonly (readonly [name: string, json: string])[];
  /** The caller's part of `_meta`. */
  readonly meta: Readonly<JsonObject>;
  readonly wantsProgress: boolean;
  /** Asked anew for each request: what is known of a tool may have changed. */
  readonly headers: () => Readonly<Record<string, string>>;
}

export interface Answer {
  readonly result: JsonObject;
  readonly traceId: string;
  header(name: string): string | undefined;
}

/** How an era carries a question. */
export interface Channel {
  readonly isSession: boolean;
  headers(question: Question): Readonly<Record<string, string>>;
  meta(): Readonly<JsonObject>;
  /** The server asks: answered beside the call. */
  onRequest(message: JsonObject): void;
  /** The call of this id is given up. */
  onGivenUp(id: number): void;
}

export interface WireOptions {
  readonly url: URL;
  readonly transport: Transport;
  readonly credentials: Credentials;
  readonly surroundings: Surroundings;
  readonly tracer: Tracer;
  readonly answerBytesMax: number;
}

/** A server that holds the stream open behind its response is left. */
const END_MS_MAX = 1_000;
const ACCEPT_BOTH = 'application/json, text/event-stream';

export class Wire {
  readonly #options: WireOptions;
  #lastId = 0;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  trace(): Promise<Trace> {
    return this.#options.tracer.current();
  }

  /** One request. Yields notifications as they come, at the reader's pace. */
  async *ask(question: Question, channel: Channel, deadline: Deadline, trace: Trace): AsyncGenerator<JsonObject, Answer, undefined> {
    const id = (this.#lastId += 1);
    const meta = { ...question.meta, ...channel.meta(), ...(question.wantsProgress ? { progressToken: id } : {}) };
    const params = [...question.members, ...(Object.keys(meta).length === 0 ? [] : [['_meta', JSON.stringify(meta)] as const])];
    const body = `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(question.method)},"params":{${params.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}}`;
    let isOver = false;
    const { mayHaveRun } = deadline; // with an earlier request of the same call
    let sent = false;
    let answer: HttpAnswer | undefined;
    try {
      answer = await this.#send('POST', body, { ...channel.headers(question), ...trace.headers }, deadline.signal, (may) => {
        sent = may;
        deadline.mayHaveRun = mayHaveRun || may;
      });
      const circumstances = { httpStatus: answer.status, retryAfter: retryAfterOf(answer, this.#options.surroundings.nowMs), traceId: trace.traceId };
      const messages = readMessages(answer, { bytesMax: this.#options.answerBytesMax, traceId: trace.traceId, nowMs: this.#options.surroundings.nowMs });
      for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
        const message = next.value;
        if (typeof message['method'] === 'string') {
          if (message['id'] === undefined) yield message;
          else channel.onRequest(message);
        } else if (isResponse(message, id)) {
          isOver = true;
          void this.#readToEnd(messages, deadline);
          if (!('result' in message) || 'error' in message) {
            deadline.mayHaveRun = mayHaveRun; // of a refusal only what has not run is asked again
            throw errorOf(message, circumstances, channel.isSession);
          }
          return finished(message['result'], trace.traceId, answer);
        }
      }
      throw new TransportError(`The answer (HTTP ${answer.status}) ended without a response.`, { kind: isStream(answer) ? 'connection' : 'status', mayHaveRun: true, httpStatus: answer.status, traceId: trace.traceId });
    } catch (error) {
      if (!isOver) answer?.close();
      isOver = !deadline.signal.aborted;
      throw this.#explained(error, deadline, sent, trace);
    } finally {
      if (!isOver) {
        deadline.abandon();
        if (sent) channel.onGivenUp(id);
      }
    }
  }

  /** Behind the response comes only the stream's end: a hang-up before it would look like a cancelled call, and cost the connection. */
  async #readToEnd(messages: AsyncGenerator<JsonObject, void, undefined>, deadline: Deadline): Promise<void> {
    const stop = this.#options.surroundings.limit(END_MS_MAX, () => deadline.abandon());
    try {
      while ((await messages.next()).done !== true);
    } catch {
      // The answer was there.
    } finally {
      stop();
    }
  }

  /** What asks for no answer: a notification, an answer to the server, the end of a session. */
  async tell(method: 'POST' | 'DELETE', message: unknown, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<number> {
    const { headers: trace } = await this.trace();
    const answer = await this.#send(method, message === undefined ? undefined : JSON.stringify(message), { ...headers, ...trace }, signal);
    await drain(answer);
    return answer.status;
  }

  /** A stream of what the server says by itself. */
  async listen(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    const { headers: trace } = await this.trace();
    return this.#send('GET', undefined, { ...headers, ...trace, accept: 'text/event-stream' }, signal);
  }

  async #send(method: 'POST' | 'GET' | 'DELETE', body: string | undefined, headers: Readonly<Record<string, string>>, signal: AbortSignal, mayRun: HttpRequest['mayRun'] = () => undefined): Promise<HttpAnswer> {
    const { url, transport, credentials } = this.#options;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    return transport.send({ method, url, headers: { accept: ACCEPT_BOTH, ...type, ...headers, ...(await credentials.headers(signal)) }, body, signal, mayRun });
  }

  /** The words of a socket may name what was sent; only its code is told. */
  #explained(error: unknown, { signal, mayHaveRun }: Deadline, sent: boolean, { traceId }: Trace): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof PrecinctError) return error;
    const code = faultCode(error) ?? 'no reason given';
    const what = sent ? 'The connection was lost before the answer was whole' : 'The gateway cannot be reached';
    return new TransportError(`${what} (${code}): ${this.#options.url.origin}`, { kind: 'connection', mayHaveRun, traceId });
  }
}

/** What could not be read is refused without an id, or with null. */
function isResponse(message: JsonObject, id: number): boolean {
  if ('result' in message) return message['id'] === id;
  return ('error' in message || isEnvelope(message)) && (message['id'] === id || message['id'] === undefined || message['id'] === null);
}

function finished(result: unknown, traceId: string, answer: HttpAnswer): Answer {
  if (!isObject(result)) throw new TransportError('The result of the answer is no object.', { kind: 'answer', mayHaveRun: true, httpStatus: answer.status, traceId });
  if (result['resultType'] === 'input_required') throw new InputRequiredError({ inputRequests: objectOf(result['inputRequests']), requestState: textOf(result['requestState']), traceId });
  return { result, traceId, header: (name) => answer.header(name) };
}
