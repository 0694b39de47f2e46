// How the contract speaks Courier over HTTP.
import { request } from 'node:http';
import { CourierHttp } from '../../../examples/adapter/client/courier-http.mjs';
import { everyPage, outcomeOf, refusalOf, startCourierAdapter } from './courier.mjs';

const POLL_MS = 20;

/** Bytes as they are, whatever they are. */
function post(url, key, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(new URL('/v1/actions', url), { method: 'POST', headers: { 'courier-key': key, 'content-type': 'application/json', ...headers } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve({ kind: 'refusal', status: response.statusCode, ...JSON.parse(text).error }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

async function decided(client, id) {
  for (;;) {
    const document = await client.look(id);
    if (document.status === 'error') return { kind: 'refusal', ...document.error, decisionId: document.error.decision_id };
    if (document.status !== 'pending' && document.status !== 'running') return outcomeOf(document);
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

export default {
  name: 'Courier over HTTP',
  cannot: { resume: 'a request lives as long as its connection', catalogue: 'HTTP brings no events; the list is asked for' },
  start: startCourierAdapter,
  async connect(adapter, { key }) {
    const client = new CourierHttp({ url: adapter.url, key });
    const stops = new Set();
    let reading = Promise.resolve();
    let read = () => undefined;
    return {
      list: (pageSize) => everyPage(client, pageSize).then((pages) => pages.flat().map(({ action }) => action), (error) => { throw refusalOf(error); }),
      call(action, input, { onEvent, traceparent } = {}) {
        const stop = new AbortController();
        let id;
        const taking = async (event) => {
          if (event.event === 'accepted') id = event.id;
          await reading;
          if (event.event === 'progress') onEvent?.(event);
        };
        const on = { signal: stop.signal, traceparent };
        const asked = onEvent === undefined ? client.invoke(action, input, on) : client.invokeWithEvents(action, input, { ...on, onEvent: taking });
        const outcome = asked.then((document) => {
          if (document.status !== 'pending') return outcomeOf(document);
          return { kind: 'pending', requestId: document.approval.request_id, command: document.approval.command, decided: () => decided(client, document.id) };
        }).catch((error) => (stop.signal.aborted ? { kind: 'cancelled' } : refusalOf(error)));
        stops.add(stop);
        void outcome.catch(() => undefined).then(() => stops.delete(stop));
        return {
          outcome,
          async cancel() {
            if (id === undefined) stop.abort();
            else await client.cancel(id);
          },
        };
      },
      stopReading() {
        reading = new Promise((resolve) => { read = () => resolve(undefined); });
      },
      read: () => read(),
      malformed: {
        'no JSON': () => post(adapter.url, key, '{"action":'),
        'no object': () => post(adapter.url, key, '[1]'),
        'no action': () => post(adapter.url, key, '{"input":{}}'),
        'an input that is no object': () => post(adapter.url, key, '{"action":"echo","input":"text"}'),
        'bytes that are no text': () => post(adapter.url, key, Buffer.from([0x7b, 0xff, 0xfe, 0x7d])),
      },
      close() {
        for (const stop of stops) stop.abort();
      },
    };
  },
};
