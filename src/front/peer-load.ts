// What one peer address has under way: no single address may take the room that all share.
import { Roster } from '../base/roster/roster.js';
import { sourceOf } from '../base/text/source-of.js';
import type { Load } from './admission.js';

export interface PeerLimits {
  readonly requestsPerIpMax: number;
  readonly bodyBytesPerIpMax: number;
}

export class PeerLoad {
  requests = 0;
  bytes = 0;
  /** Open WebSockets and streams of HTTP+SSE clients. */
  channels = 0;
  /** Which bound the last `takeBytes` that failed ran into. */
  full: 'inflight_body_bytes' | 'body_bytes_per_ip' = 'inflight_body_bytes';
  readonly #all: Load;
  readonly #limits: PeerLimits;

  constructor(all: Load, limits: PeerLimits) {
    this.#all = all;
    this.#limits = limits;
  }

  get crowded(): boolean {
    return this.requests >= this.#limits.requestsPerIpMax;
  }
  enter(): void {
    this.requests += 1;
    this.#all.requests += 1;
  }
  leave(): void {
    this.requests -= 1;
    this.#all.requests -= 1;
  }
  /** False = there is no room, and nothing was taken. */
  takeBytes(count: number): boolean {
    if (this.bytes + count > this.#limits.bodyBytesPerIpMax) {
      this.full = 'body_bytes_per_ip';
      return false;
    }
    if (!this.#all.takeBytes(count)) {
      this.full = 'inflight_body_bytes';
      return false;
    }
    this.bytes += count;
    return true;
  }
  giveBytes(count: number): void {
    this.bytes -= count;
    this.#all.bytes -= count;
  }
}

export interface Peers {
  of(ip: string): PeerLoad;
}

export function createPeers(all: Load, limits: PeerLimits): Peers {
  const roster = new Roster(() => new PeerLoad(all, limits), (peer) => peer.requests === 0 && peer.bytes === 0 && peer.channels === 0);
  return { of: (ip) => roster.of(sourceOf(ip)) };
}
