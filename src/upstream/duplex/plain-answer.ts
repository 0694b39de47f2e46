// An answer that needs no tool server: what an HTTP server would say at once.
import { JSON_TYPE } from '../../mcp/media-types.js';
import type { UpstreamCall, UpstreamSink } from '../types.js';

export const ACCEPTED = 202;
export const NO_CONTENT = 204;
export const BAD_REQUEST = 400;
export const NOT_FOUND = 404;
export const TOO_MANY = 429;
/** As the official SDKs say it. */
export const SESSION_NOT_FOUND = -32001;

/** Its sink hears of it after `send` has returned, as with every other call. */
export class PlainAnswer implements UpstreamCall {
  #done = false;

  constructor(sink: UpstreamSink, status: number, body: string | Buffer = '', headers: Readonly<Record<string, string>> = {}) {
    process.nextTick(() => {
      if (this.#done) return;
      sink.onHead(status, { ...(body.length === 0 ? {} : { 'content-type': JSON_TYPE }), ...headers });
      if (!this.#done && body.length > 0) sink.onData(Buffer.from(body));
      if (!this.#done) sink.onEnd();
    });
  }

  abort(): void { this.#done = true; }
  pause(): void { /* it is short */ }
  resume(): void { /* nothing waits */ }
}

export function errorText(idText: string, code: number, message: string): string {
  return `{"jsonrpc":"2.0","id":${idText},"error":{"code":${code},"message":${JSON.stringify(message)}}}`;
}
