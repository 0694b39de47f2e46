// Answers that are no MCP: probes, wrong paths and methods, broken framing.
import type { HeaderPairs } from './types.js';
import type { HttpResponse } from './uws-types.js';
import { NO_OWNER, UwsReply } from './write-outbound.js';

export interface PlainAnswer {
  readonly status: number;
  readonly headers?: HeaderPairs;
  readonly json?: unknown;
  /** The request was a HEAD: the length of the body, without it. */
  readonly head?: boolean;
  readonly close?: boolean;
}

export function answerPlain(response: HttpResponse, answer: PlainAnswer): void {
  const reply = new UwsReply(response, NO_OWNER, []);
  reply.closeAfter = answer.close ?? false;
  const body = answer.json === undefined ? '' : JSON.stringify(answer.json);
  const headers: HeaderPairs = answer.json === undefined ? answer.headers ?? [] : [['content-type', 'application/json'], ...(answer.headers ?? [])];
  const write = () => (answer.head === true ? reply.sendHead(answer.status, headers, Buffer.byteLength(body)) : reply.send(answer.status, headers, body));
  // Answered inside the handler, uWebSockets.js would forget the close and go on with what is pipelined behind this request. While an
  // answer is pending it ends such a connection instead: nothing behind a broken frame is ever taken for a request.
  if (answer.close === true) setImmediate(write);
  else write();
}
