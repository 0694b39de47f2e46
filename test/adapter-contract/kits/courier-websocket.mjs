// How the contract speaks Courier over WebSocket.
import { CourierSocket } from '../../../examples/adapter/client/courier-socket.mjs';
import { everyPage, outcomeOf, refusalOf, startCourierAdapter } from './courier.mjs';

/** A pending event comes before the answer; whoever waits for one must not wait for the other. */
function withPending(asked, pending) {
  const answered = asked.answer.then(outcomeOf, refusalOf);
  return Promise.race([answered, pending.then(({ approval }) => ({ kind: 'pending', requestId: approval.request_id, command: approval.command, decided: () => answered }))]);
}

export default {
  name: 'Courier over WebSocket',
  cannot: {},
  start: startCourierAdapter,
  async connect(adapter, { key }, { onCatalogueChange } = {}) {
    const client = new CourierSocket({ url: `${adapter.url.replace(/^http/, 'ws')}/v1/session`, key, onCatalogueChange });
    await client.connect().catch((error) => { throw refusalOf(error); });
    const malformed = (data) => async () => {
      const refused = client.nextError();
      client.sendRaw(data);
      return { kind: 'refusal', ...(await refused) };
    };
    return {
      list: (pageSize) => everyPage(client, pageSize).then((pages) => pages.flat().map(({ action }) => action), (error) => { throw refusalOf(error); }),
      call(action, input, { onEvent, traceparent } = {}) {
        let tellPending;
        const pending = new Promise((resolve) => { tellPending = resolve; });
        const asked = client.invoke(action, input, { traceparent, onEvent: (event) => (event.event === 'pending' ? tellPending(event) : event.event === 'progress' ? onEvent?.(event) : undefined) });
        const outcome = withPending(asked, pending);
        void outcome.catch(() => undefined);
        return { outcome, cancel: () => client.cancel(asked.id) };
      },
      stopReading: () => client.stopReading(),
      read: () => client.read(),
      loseConnection: () => client.loseConnection(),
      malformed: {
        'no JSON': malformed('{"kind":'),
        'no object': malformed('[1]'),
        'no kind': malformed('{"id":"x"}'),
        'no id': malformed('{"kind":"request","op":"list"}'),
        'a number as id': malformed('{"kind":"request","id":1,"op":"list"}'),
        'a second connect': malformed(JSON.stringify({ kind: 'connect', key })),
      },
      close: () => client.close(),
    };
  },
};
