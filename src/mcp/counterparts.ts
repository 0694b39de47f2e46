// What a client's own era has in place of a method of the other one: the remedy of its refusal.

const COUNTERPARTS: ReadonlyMap<string, string> = new Map([
  // Of a client of 2026-07-28.
  ['initialize', 'Leave it out: params._meta of each request says who asks, and server/discover what is offered.'],
  ['ping', 'Send server/discover: who answers it is there.'],
  ['resources/subscribe', 'Name the resource in resourceSubscriptions of subscriptions/listen.'],
  ['resources/unsubscribe', 'Close the stream of subscriptions/listen, and open another without the resource.'],
  ['logging/setLevel', 'Say the level in each request: io.modelcontextprotocol/logLevel in params._meta.'],
  ['tasks/result', 'Send tasks/get: a task that is done carries its result.'],
  ['tasks/list', 'Keep the id of each task that an answer has made, and ask for it with tasks/get.'],
  // Of a client with a handshake.
  ['subscriptions/listen', 'Open your session\'s stream with GET, and name resources with resources/subscribe.'],
  ['tasks/update', 'Send tasks/result: the server\'s questions come with its answer, and are answered as they are.'],
]);

/** Undefined = there is none, or both eras have the method. */
export function counterpartOf(method: string): string | undefined {
  return COUNTERPARTS.get(method);
}
