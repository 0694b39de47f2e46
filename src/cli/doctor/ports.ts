// Checks of the ports: the gateway's own, and who has them otherwise.
import { execFileSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { bad, note, ok, type CheckResult } from './check.js';

const CONNECT_TIMEOUT_MS = 1_000;

export interface WantedPort {
  readonly what: string;
  readonly host: string;
  readonly port: number;
}

/** `gatewayRuns`: then its ports must answer; else they must be free. */
export async function checkPorts(wanted: readonly WantedPort[], gatewayRuns: boolean): Promise<CheckResult[]> {
  return Promise.all(wanted.map(async ({ what, host, port }) => {
    if (port === 0) return ok(what, 'a free port is taken at the start');
    const answers = await isOpen(host, port);
    if (gatewayRuns) return answers ? ok(what, `${host}:${port}`) : bad(what, `${host}:${port} does not answer, though the gateway runs`, 'See .precinct/gateway.log');
    if (!answers) return note(what, `${host}:${port} is free: the gateway does not run`, 'make up');
    return bad(what, `${host}:${port} is taken by ${holderOf(port) ?? 'another process'}`, 'Stop it, or choose another front.port.');
  }));
}

export function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: host === '0.0.0.0' ? '127.0.0.1' : host, port, timeout: CONNECT_TIMEOUT_MS });
    const settle = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}

/** `node (pid 123)`, by ss or lsof; undefined when neither may say. */
export function holderOf(port: number): string | undefined {
  const bySs = /users:\(\("([^"]+)",pid=(\d+)/.exec(output('ss', ['-Hltnp', `sport = :${port}`]));
  if (bySs !== null) return `${bySs[1] ?? ''} (pid ${bySs[2] ?? ''})`;
  const byLsof = /^p(\d+)\nc(.+)$/m.exec(output('lsof', ['-nP', '-F', 'pc', `-iTCP:${port}`, '-sTCP:LISTEN']));
  return byLsof === null ? undefined : `${byLsof[2] ?? ''} (pid ${byLsof[1] ?? ''})`;
}

function output(command: string, words: readonly string[]): string {
  try {
    return execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 });
  } catch {
    return '';
  }
}
