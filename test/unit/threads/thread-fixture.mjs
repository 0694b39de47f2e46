// A gateway thread that opens nothing: it answers the control thread's messages as its instructions in `root` say.
import { setTimeout as sleep } from 'node:timers/promises';
import { workerData } from 'node:worker_threads';

const { control, audit, beats, index, root, sources, peers } = workerData;
const script = JSON.parse(root);
const heard = sources.version === 0 ? [] : [`started with ${sources.version}`];
for (const { port } of peers) port.close();
audit.port.close();
let wasDeaf = false;
const MEET_WAIT_MS = 20_000;
/** Whether so many threads are here at once. */
function meets(count) {
  const met = new Int32Array(beats);
  Atomics.add(met, 0, 1);
  Atomics.notify(met, 0);
  for (let here = Atomics.load(met, 0); here < count; here = Atomics.load(met, 0)) if (Atomics.wait(met, 0, here, MEET_WAIT_MS) === 'timed-out') return false;
  return true;
}
if (script.failAt === index || (index > 0 && script.meeting !== undefined && !meets(script.meeting))) {
  control.postMessage({ kind: 'failed', error: { message: 'port taken', remedy: 'free it' } });
  control.close();
} else if (script.dieAt === index) {
  throw new Error('no engine');
} else {
  control.on('message', async (message) => {
    heard.push(message.version ?? message.sources?.version ?? message.kind);
    const done = (value, error) => control.postMessage({ kind: 'done', call: message.call, value, error });
    switch (message.kind) {
      case 'prepare':
        if (message.sources.version === script.badVersion && index === script.refuseAt) return done(undefined, { message: 'a rule is wrong', file: 'a.rego', line: 3, column: 7, remedy: undefined });
        if (message.sources.version === script.slowVersion) await sleep(30);
        if (message.sources.version === script.fatalVersion && sources.version === 0) return process.exit(3);
        if (message.sources.version === script.deadlyVersion) return process.exit(3);
        return done({ policy: `p${message.sources.version}` });
      case 'commit':
        if (message.version === script.lastVersion) return process.exit(3);
        return done({ policy: `p${message.version}` });
      case 'stats':
        return done(heard);
      case 'identity':
        return process.exit(3);
      case 'peer':
        heard.pop();
        return message.line.port.close();
      case 'drain':
      case 'finish':
        heard.pop();
        if (index === script.deafAt && message.kind === 'drain' && !wasDeaf) {
          wasDeaf = true;
          return;
        }
        return done(undefined);
      case 'close':
        return control.close();
      case 'answer':
        return heard.push(message.error ?? message.value);
    }
  });
  control.postMessage({ kind: 'ready', listeners: [{ kind: 'http', address: '127.0.0.1:1', port: 1 }, { kind: 'http', address: `127.0.0.1:${script.ports ? index + 2 : 2}`, port: 2 }] });
  if (script.asks) {
    control.postMessage({ kind: 'ask', call: 1, question: { kind: 'consume', requestId: 'a', token: 't' } });
    control.postMessage({ kind: 'ask', call: 2, question: { kind: 'refresh', upstream: 'u' } });
    control.postMessage({ kind: 'release_grant', requestId: 'a', token: 't' });
    control.postMessage({ kind: 'grant_recorded', requestId: 'b' });
  }
}
