// A call that never began.
import type { UpstreamCall, UpstreamFault, UpstreamSink } from './types.js';

/** Its sink hears of it after `send` returned, as with every other call. */
export class RefusedCall implements UpstreamCall {
  #done = false;

  constructor(sink: UpstreamSink, fault: UpstreamFault) {
    process.nextTick(() => { if (!this.#done) sink.onFault(fault); });
  }

  abort(): void { this.#done = true; }
  pause(): void { /* nothing flows */ }
  resume(): void { /* nothing flows */ }
}
