// What both kits of the worked adapter share: how it is started, and what its documents and errors mean in the contract's neutral words.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/run-command.mjs';
import { CourierError } from '../../../examples/adapter/client/courier-http.mjs';

const READY_MS_MAX = 60_000; // a machine may be busy

/** @param {{ gatewayUrl: string, folder: string, agents: readonly { key: string, spiffeId: string }[], limits: { inputBytes: number, callsAtOnce: number, unreadBytes: number } }} given */
export async function startCourierAdapter({ gatewayUrl, folder, agents, limits }) {
  const agentsFile = join(folder, 'agents.json');
  const writeAgents = (known) => writeFileSync(agentsFile, JSON.stringify({ agents: known.map(({ key, spiffeId }) => ({ key_sha256: createHash('sha256').update(key).digest('hex'), spiffe_id: spiffeId, dev_header: true })) }));
  writeAgents(agents);
  const bounds = { body_bytes: limits.inputBytes, calls_per_agent: limits.callsAtOnce, calls_per_session: limits.callsAtOnce, window_bytes: limits.unreadBytes };
  writeFileSync(join(folder, 'adapter.json'), JSON.stringify({ listen: { port: 0 }, gateway_url: gatewayUrl, agents_file: agentsFile, bounds }));
  const child = spawn(process.execPath, [join(ROOT, 'examples', 'adapter', 'run.mjs'), '--config', join(folder, 'adapter.json')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (part) => { log += part; });
  const ended = new Promise((resolve) => { child.once('exit', (code) => resolve(code)); });
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the adapter was not ready:\n${log}`)), READY_MS_MAX);
    const look = () => {
      const listening = /"event":"listening","url":"([^"]+)"/.exec(log)?.[1];
      if (listening === undefined) return;
      clearTimeout(late);
      resolve(listening);
    };
    child.stderr.on('data', look);
    void ended.then((code) => reject(new Error(`the adapter ended with ${code}:\n${log}`)));
  });
  return {
    url,
    log: () => log,
    knowOnly: (...known) => writeAgents(known),
    /** @returns {Promise<number | null>} its exit code */
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

/** @param {{ list: (page: { limit: number, cursor: string | undefined }) => Promise<{ data: readonly any[], page: { next: string | null } }> }} client */
export async function everyPage(client, limit) {
  const pages = [];
  let cursor;
  do {
    const { data, page } = await client.list({ limit, cursor });
    pages.push(data);
    cursor = page.next;
  } while (cursor !== null);
  return pages;
}

export function outcomeOf(document) {
  return { kind: 'result', text: document.output.text, data: document.output.data, isError: document.status === 'failed', traceId: document.trace_id };
}

/** @param {unknown} error */
export function refusalOf(error) {
  if (!(error instanceof CourierError)) throw error;
  const { type, code, message, reason, remediation, decision_id: decisionId, trace_id: traceId, retryable, retry_after_ms: retryAfterMs } = error.body;
  if (type === 'cancelled') return { kind: 'cancelled' };
  return { kind: type === 'unauthorized' ? 'unauthorized' : 'refusal', code, message, reason, remediation, decisionId, traceId, retryable, retryAfterMs };
}
