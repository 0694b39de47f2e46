// A load generator that sends exactly so many calls, each when the one before on its connection was answered: what they cost together is then known to the call.
// Runs as a process of its own (`startLoad`), so that the bench's own work takes none of its time.
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { asked, serveAsked } from './asked-process.mjs';

const HEAD_END = '\r\n\r\n';
/** What each call replaces by one of `fills`. */
export const FILL = '<fill>';
/** Of the run before. */
let requests = [];

/** A generator, on one core if that is given: `send` takes countedLoad's options and resolves to its answer. */
export function startLoad(core) {
  const { ask, stop } = asked(import.meta.url, core);
  return { send: (options) => ask('countedLoad', options), stop };
}

/**
 * `head` and `body` of a request up to its lengths; where `fills` are given, FILL in both is each of them in turn. Without a `body` the requests of the run before are sent again: ten
 * megabytes on their way here are work that would be measured, too. `everyMs`: a connection rests that long between an answer and its next call. `tls`: of node:tls. Resolves to the latencies in ms, sorted, and of each status but 200 the beginning of one answer.
 */
export async function countedLoad({ port, head, body, fills = [''], connections = 1, calls, everyMs = 0, tls }) {
  if (body !== undefined) {
    requests = fills.map((fill) => {
      const whole = body.replace(FILL, () => fill);
      return Buffer.from(`${head.replaceAll(FILL, fill)}Content-Length: ${Buffer.byteLength(whole)}${HEAD_END}${whole}`);
    });
  }
  const found = { latenciesMs: [], wrong: {} };
  let left = calls;
  await Promise.all(Array.from({ length: connections }, () => new Promise((resolve, reject) => {
    const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ ...tls, port, host: '127.0.0.1' });
    let text = '';
    let sentMs = 0;
    const next = () => {
      if (left <= 0) {
        socket.destroy();
        resolve();
        return;
      }
      left -= 1;
      sentMs = performance.now();
      socket.write(requests[left % requests.length]);
    };
    socket.setNoDelay(true).setEncoding('latin1').on(tls === undefined ? 'connect' : 'secureConnect', next).on('error', reject).on('close', () => reject(new Error(`the gateway cut a connection; ${JSON.stringify(found.wrong)}`)));
    socket.on('data', (part) => {
      text += part;
      const end = text.indexOf(HEAD_END);
      if (end === -1 || text.length < end + HEAD_END.length + Number(/content-length: (\d+)/i.exec(text.slice(0, end))?.[1] ?? 0)) return;
      const status = text.slice(9, 12);
      if (status === '200') found.latenciesMs.push(performance.now() - sentMs);
      else found.wrong[status] = text.slice(end + HEAD_END.length, end + 600); // one of each is enough to see why
      text = '';
      if (everyMs === 0) next();
      else setTimeout(next, everyMs);
    });
  })));
  found.latenciesMs.sort((a, b) => a - b);
  return found;
}

serveAsked(import.meta.url, { countedLoad });
