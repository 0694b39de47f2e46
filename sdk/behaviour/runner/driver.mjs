// A driver process of one language: a JSON line in, a JSON line out, one at a time.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const LINE_TIMEOUT_MS = 60_000; // an SDK that answers nothing at all
const SAID_CHARS = 4_000;
/** What would name an identity or a gateway: cases say these. */
const WITHHELD = /^(PRECINCT_|SPIFFE_|OTEL_|HTTPS?_PROXY$|https?_proxy$|ALL_PROXY$|all_proxy$)/;

/** @param {{ command: string, words: readonly string[], cwd: string }} program */
export function startDriver({ command, words, cwd }) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !WITHHELD.test(name)));
  const child = spawn(command, words, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  let lastId = 0;
  /** @type {{ id: number, resolve: (answer: any) => void } | undefined} */
  let waiting;
  const give = (answer) => {
    waiting?.resolve(answer);
    waiting = undefined;
  };
  const fault = (message) => give({ error: { class: 'DriverError', message: `${message}${said === '' ? '' : `: ${said.slice(-SAID_CHARS)}`}` } });
  child.stderr.on('data', (part) => { said = (said + part.toString()).slice(-SAID_CHARS); });
  child.stdin.on('error', () => undefined);
  child.on('error', (error) => { said += error.message; });
  const ended = new Promise((resolve) => child.once('close', resolve));
  void ended.then(() => fault('the driver ended'));
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      const answer = JSON.parse(line);
      if (answer.id === waiting?.id) give(answer);
    } catch {
      fault(`the driver wrote no JSON: ${line.slice(0, 200)}`);
    }
  });
  return {
    /** @param {object} step @returns {Promise<any>} */
    ask(step) {
      const id = ++lastId;
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve({ error: { class: 'DriverError', message: `the driver has ended: ${said}` } });
      return new Promise((resolve) => {
        const timer = setTimeout(() => fault('the driver did not answer'), LINE_TIMEOUT_MS);
        waiting = { id, resolve: (answer) => { clearTimeout(timer); resolve(answer); } };
        child.stdin.write(`${JSON.stringify({ id, ...step })}\n`);
      });
    },
    async close() {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
