// A two-way stream of JSON-RPC messages to one tool server: the pipes of a process, or the two connections of HTTP+SSE.
import type { UpstreamFault } from '../types.js';

export interface Channel {
  /** One whole message. `failed`: it was not taken, or not by the server; told later, at most once. `told`: nobody answers it, and no request that is sent after it may overtake it. */
  send(message: Uint8Array, failed: (fault: UpstreamFault) => void, told?: boolean): void;
  /** What belongs to it ends, and no event comes after it. */
  close(): void;
}

export interface ChannelEvents {
  /** One whole message, or what the server wrote in the place of one. The bytes are the receiver's to keep. True: it is for a call, or for who listens. */
  onMessage(bytes: Buffer): boolean;
  /** The last event, unless the channel was closed from this side. */
  onClosed(fault: UpstreamFault): void;
}

export type OpenChannel = (events: ChannelEvents) => Channel;
