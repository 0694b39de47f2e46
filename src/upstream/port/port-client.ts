// The way to tool servers whose channels another thread owns: each call crosses over a port, and so do its answer's parts.
import type { MessagePort } from 'node:worker_threads';
import { RefusedCall } from '../refused-call.js';
import type { UpstreamCall, UpstreamClient, UpstreamSink } from '../types.js';
import type { FromOwner, ToOwner } from './messages.js';

const CALLS_MAX = 10_000; // as for an HTTP server
const TAKEN_STEP_BYTES = 256 * 1024; // told in steps: a message for each part would double them

export function createPortClient(port: MessagePort): UpstreamClient {
  const sinks = new Map<number, UpstreamSink>();
  let lastCall = 0;
  let closed = false;
  let taken = 0;
  const tell = (message: ToOwner): void => port.postMessage(message);
  const take = (message: FromOwner): void => {
    const sink = sinks.get(message.call);
    switch (message.kind) {
      case 'head': return sink?.onHead(message.status, message.headers);
      case 'data':
        taken += message.chunk.length;
        if (taken >= TAKEN_STEP_BYTES) {
          tell({ kind: 'taken', bytes: taken });
          taken = 0;
        }
        return sink?.onData(message.chunk);
      case 'end':
        sinks.delete(message.call);
        return sink?.onEnd();
      case 'fault':
        sinks.delete(message.call);
        return sink?.onFault(message.fault);
    }
  };
  port.on('message', (messages: readonly FromOwner[]) => {
    for (const message of messages) take(message);
  });
  port.on('close', () => {
    closed = true;
    const left = [...sinks.values()];
    sinks.clear();
    for (const sink of left) sink.onFault({ kind: 'transport', maybeSent: true, message: 'the owner of the server ended' });
  });

  return {
    send(request, sink): UpstreamCall {
      if (closed || sinks.size >= CALLS_MAX) return new RefusedCall(sink, { kind: 'transport', maybeSent: false, crowdedOut: !closed, message: closed ? 'the upstream client is closed' : 'too many calls wait for these servers' });
      const call = ++lastCall;
      sinks.set(call, sink);
      // Exactly its own bytes: a view of a larger buffer would be sent with all of it.
      tell({ kind: 'send', call, request: { ...request, body: request.body === undefined ? undefined : Uint8Array.from(request.body) } });
      return {
        abort: () => {
          if (sinks.delete(call)) tell({ kind: 'abort', call });
        },
        pause: () => tell({ kind: 'pause', call }),
        resume: () => tell({ kind: 'resume', call }),
      };
    },
    close() {
      closed = true;
      sinks.clear();
      port.close();
      return Promise.resolve();
    },
  };
}
