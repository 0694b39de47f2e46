// What carries a channel's messages to its client, and nothing of how: a WebSocket, or the stream of an HTTP+SSE client.
import type { WebSocket } from './uws-types.js';

/** Close codes (RFC 6455, section 7.4.1, and IANA's registry for 1013); `abnormal` is only ever heard of, from the library. A stream has none: its wire says the reason. */
export const CLOSE = { goingAway: 1001, unsupportedData: 1003, abnormal: 1006, policyViolation: 1008, tooBig: 1009, internalError: 1011, tryAgainLater: 1013 } as const;

export interface ChannelWire {
  /** What the client has not taken yet. */
  readonly bufferedBytes: number;
  /** One message. False = the client has not taken all of it yet. */
  send(message: Uint8Array | string): boolean;
  /** The channel has been told that it is closed when this returns. */
  end(code: number, reason: string): void;
}

/** Of an open WebSocket: a message is one text frame. */
export function webSocketWire(socket: WebSocket<unknown>): ChannelWire {
  return {
    get bufferedBytes() {
      return socket.getBufferedAmount();
    },
    send: (message) => socket.send(message, false, false) === 1,
    end: (code, reason) => socket.end(code, reason),
  };
}
