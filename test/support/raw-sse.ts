// A client of HTTP+SSE by hand, for what no library sends: other headers with each POST, another's id, a stream that is not read.
import { request, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as secureRequest } from 'node:https';

export interface RawSseOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly localAddress?: string;
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface PostOptions extends RawSseOptions {
  readonly method?: string;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RawSseEnd {
  /** The answer came to its end; else its connection was cut. */
  readonly whole: boolean;
  /** The last comment. */
  readonly comment: string;
}

export interface RawSse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly response: IncomingMessage;
  /** What the first event named. */
  readonly endpoint: string;
  readonly messages: string[];
  /** All that came. */
  text(): string;
  post(body: string | Uint8Array, options?: PostOptions): Promise<PostAnswer>;
  /** The nth message, once it is there; undefined if the stream ends before. */
  message(index: number): Promise<string | undefined>;
  answer(id: number | string): Promise<Record<string, unknown>>;
  readonly closed: Promise<RawSseEnd>;
  destroy(): void;
}

function dial(port: number, { path, headers = {}, localAddress = '127.0.0.1', tls }: RawSseOptions, method: string): ClientRequest {
  const common = { host: '127.0.0.1', port, path, method, headers: { host: 'localhost', ...headers }, localAddress, agent: false as const };
  return tls === undefined ? request(common) : secureRequest({ ...common, ...tls, checkServerIdentity: () => undefined });
}

/** Every POST on a connection of its own: it may come to any thread. */
export function postMessage(port: number, body: string | Uint8Array, { method = 'POST', ...options }: PostOptions): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const sent = dial(port, { ...options, headers: { 'content-type': 'application/json', connection: 'close', ...options.headers } }, method);
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.on('data', (part: Buffer) => { text += part.toString(); });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.end(body);
  });
}

/** Resolves once the first event is there, or the answer is none of a stream. */
export async function openRawSse(port: number, options: RawSseOptions = {}): Promise<RawSse> {
  const sent = dial(port, { path: '/sse', ...options, headers: { accept: 'text/event-stream', ...options.headers } }, 'GET');
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', resolve);
    sent.end();
  });
  const messages: string[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => { for (const go of [...waiting]) go(); };
  let text = '';
  let read = 0;
  let endpoint = '';
  let comment = '';
  let ended = false;
  const take = (block: string): void => {
    const lines = block.split('\n');
    const of = (name: string): string => lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join('\n');
    if (of('event') === 'endpoint') endpoint = of('data');
    else if (of('event') === 'message') messages.push(of('data'));
    comment = lines.findLast((line) => line.startsWith(': '))?.slice(2) ?? comment;
  };
  response.on('data', (part: Buffer) => {
    text += part.toString();
    for (let end = text.indexOf('\n\n', read); end >= 0; end = text.indexOf('\n\n', read)) {
      take(text.slice(read, end));
      read = end + 2;
    }
    wake();
  });
  response.on('error', () => undefined);
  const closed = new Promise<RawSseEnd>((resolve) => response.on('close', () => {
    ended = true;
    wake();
    resolve({ whole: response.complete, comment });
  }));
  const until = async (met: () => boolean): Promise<void> => {
    while (!met() && !ended) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          waiting.delete(go);
          resolve();
        };
        waiting.add(go);
      });
    }
  };
  await until(() => endpoint !== '');
  const idOf = (message: string): unknown => (JSON.parse(message) as { id?: unknown }).id;
  return {
    status: response.statusCode ?? 0, headers: response.headers, response, endpoint, messages, closed,
    text: () => text,
    post: (body, more = {}) => postMessage(port, body, { path: endpoint, ...(options.tls === undefined ? {} : { tls: options.tls }), ...more, headers: { ...options.headers, ...more.headers } }),
    async message(index) {
      await until(() => messages.length > index);
      return messages[index];
    },
    async answer(id) {
      await until(() => messages.some((message) => idOf(message) === id));
      const found = messages.find((message) => idOf(message) === id);
      if (found === undefined) throw new Error(`the stream ended (${comment}) without the answer ${id}`);
      return JSON.parse(found) as Record<string, unknown>;
    },
    destroy: () => void sent.destroy(),
  };
}
