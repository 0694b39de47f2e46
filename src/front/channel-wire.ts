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

/** With more than that to take yet, a client that ends by its own doing is cut, for it takes nothing else either. */
const TOLD_BYTES_MAX = 64 * 1024;

/**
 * Of an open WebSocket: a message is one text frame. A close frame lies behind what the client has not taken, and until it takes that or its time is over the library
 * keeps both and says nothing of it: thousands of such clients would hold what no bound counts any more.
 */
export function webSocketWire(socket: WebSocket<unknown>): ChannelWire {
  return {
    get bufferedBytes() {
      return socket.getBufferedAmount();
    },
    send: (message) => socket.send(message, false, false) === 1,
    end: (code, reason) => {
      if (code !== CLOSE.goingAway && socket.getBufferedAmount() > TOLD_BYTES_MAX) socket.close();
      else socket.end(code, reason);
    },
  };
}
