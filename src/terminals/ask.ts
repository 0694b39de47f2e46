// One question to a tool server, asked by the gateway itself: the answer is the final message, JSON or the last of a stream.
import type { GuardLimits, JsonGuard } from '../base/json/types.js';
import { deny, type Deny } from '../chain/verdict.js';
import { isJson, isSse } from '../mcp/media-types.js';
import { createSseSplitter, type SseSplitter } from '../upstream/sse.js';
import type { UpstreamClient, UpstreamRequest } from '../upstream/types.js';
import { accessRefusal, faultRefusal } from './answers.js';
import { readServerMessage } from './message.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** One valid JSON-RPC response; empty for a 202. */
  readonly bytes: Uint8Array;
}

export class AskRefused extends Error {
  readonly refusal: Deny;
  readonly status: number;
  constructor(refusal: Deny, status: number) {
    super(refusal.code);
    this.name = 'AskRefused';
    this.refusal = refusal;
    this.status = status;
  }
}

const ACCEPTED = 202;

export interface Asker {
  readonly client: UpstreamClient;
  readonly guard: JsonGuard;
  readonly limits: GuardLimits;
  readonly answerBytesMax: number;
}

/** Rejects with AskRefused; never with anything else. */
export function ask(asker: Asker, request: UpstreamRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let headers: Readonly<Record<string, string>> = {};
    let splitter: SseSplitter | undefined;
    let bytes = 0;
    const parts: Uint8Array[] = [];
    let settled = false;

    const fail = (refusal: Deny): void => {
      settled = true;
      call.abort();
      reject(new AskRefused(refusal, status));
    };
    const finish = (body: Uint8Array): void => {
      if (settled) return;
      if (status !== ACCEPTED && readServerMessage(body, asker.guard, asker.limits).kind !== 'response') {
        fail(accessRefusal(status) ?? deny('mcp_invalid_response', { reasonCode: 'not_the_answer', details: { upstream_status: status } }));
        return;
      }
      settled = true;
      resolve({ status, headers, bytes: body });
    };

    const call = asker.client.send(request, {
      onHead(head, fields) {
        status = head;
        headers = fields;
        if (!isSse(fields['content-type'] ?? '')) return;
        splitter = createSseSplitter(asker.answerBytesMax, (event) => {
          if (event.data === undefined || settled) return;
          if (readServerMessage(event.data, asker.guard, asker.limits).kind !== 'response') return;
          finish(Buffer.from(event.data));
          call.abort();
        });
      },
      onData(chunk) {
        if (settled) return;
        bytes += chunk.length;
        if (bytes > asker.answerBytesMax) fail(deny('mcp_invalid_response', { reasonCode: 'answer_too_large' }));
        else if (splitter !== undefined) splitter.push(chunk);
        else parts.push(Buffer.from(chunk));
      },
      onEnd() {
        if (settled) return;
        if (splitter !== undefined) fail(deny('mcp_invalid_response', { reasonCode: 'stream_ended_without_answer' }));
        else if (status === ACCEPTED) finish(new Uint8Array(0));
        else if (isJson(headers['content-type'] ?? '')) finish(Buffer.concat(parts));
        else fail(accessRefusal(status) ?? deny('mcp_request_failed', { reasonCode: 'not_json', details: { upstream_status: status } }));
      },
      onFault(fault) {
        if (!settled) fail(faultRefusal(fault));
      },
    });
  });
}
