// What an agent does over Courier, written for the server it has always spoken to: the same words against the native server and against the adapter. Prints nothing; returns what it saw, without ids.
import { CourierError, CourierHttp } from '../../examples/adapter/client/courier-http.mjs';
import { CourierSocket } from '../../examples/adapter/client/courier-socket.mjs';
import { everyPage } from './kits/courier.mjs';

const PAGE = 2;

const without = (record, ...names) => Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
/** What differs from run to run is left out. */
const plain = (record) => without(record, 'id', 'trace_id', 'seq');
const said = (asked) => asked.then(plain, (error) => {
  if (!(error instanceof CourierError)) throw error;
  const { type, code, retryable } = error.body;
  return { error: { type, code, retryable } };
});

/** @param {string} url @param {string} key */
export async function overHttp(url, key) {
  const client = new CourierHttp({ url, key });
  const events = [];
  const seen = {
    pages: await everyPage(client, PAGE),
    echo: await said(client.invoke('echo', { text: 'ä€😀', nested: [1, { two: null }] })),
    data: await said(client.invoke('data', {})),
    broken: await said(client.invoke('broken', {})),
    counted: await said(client.invokeWithEvents('count', { to: 3 }, { onEvent: (event) => void events.push(plain(event)) })),
    events,
    noAction: await said(client.invoke('', {})),
    wrongKey: await said(new CourierHttp({ url, key: 'wrong' }).invoke('echo', {})),
  };
  const stop = new AbortController();
  const held = client.invokeWithEvents('hold', {}, { signal: stop.signal, onEvent: ({ event }) => { if (event === 'progress') stop.abort(); } }).then(() => 'answered', (error) => error.name);
  return { ...seen, held: await held };
}

/** @param {string} url @param {string} key */
export async function overWebSocket(url, key) {
  const at = `${url.replace(/^http/, 'ws')}/v1/session`;
  const client = new CourierSocket({ url: at, key });
  const welcome = without(await client.connect(), 'session', 'limits');
  const events = [];
  const invoked = (action, input, on) => said(client.invoke(action, input, on).answer);
  const seen = {
    welcome,
    pages: await everyPage(client, PAGE),
    atOnce: await Promise.all([invoked('echo', { n: 1 }), invoked('data', {}), invoked('broken', {}), invoked('echo', { n: 2 })]),
    counted: await invoked('count', { to: 40 }, { onEvent: (event) => {
      events.push(plain(event));
      if (event.done === 20) client.loseConnection();
    } }),
    events,
    noAction: await invoked('', {}),
  };
  let holds;
  const holding = new Promise((resolve) => { holds = resolve; });
  const held = client.invoke('hold', {}, { onEvent: () => holds() });
  await holding;
  const cancelled = await client.cancel(held.id);
  const outcome = await said(held.answer);
  client.close();
  const wrongKey = await said(new CourierSocket({ url: at, key: 'wrong' }).connect());
  return { ...seen, cancelled, outcome, wrongKey };
}
