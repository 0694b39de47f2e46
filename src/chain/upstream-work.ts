// What a request has under way at a tool server, as the exit may end it.

/**
 * What a terminal does upstream for one request. An object, not functions set as properties: V8 allocates a function literal that is assigned
 * to a property in old space, and everything it refers to then waits for a full collection (12 % of what a call allocates, measured).
 */
export interface UpstreamWork {
  /** The client hung up. */
  clientGone(): void;
  /** Nothing of it can be used any more, whether or not the client is still there. */
  giveUp(): void;
  /** The answer, or the stream's end, is decided: nothing can be cancelled any more. */
  decided(): void;
  /** Its last record is written, and a whole answer has gone out: nothing that is kept for it is needed. */
  left(): void;
}

export const NO_WORK: UpstreamWork = Object.freeze({ clientGone: () => undefined, giveUp: () => undefined, decided: () => undefined, left: () => undefined });
