// What the contract runs in: a tool server, the built gateway before it, and somebody's adapter before that, started by its kit.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALPHA, BETA, startContractGateway } from './gateway.mjs';
import { startContractServer } from './tool-server.mjs';

export const LIMITS = { inputBytes: 65_536, callsAtOnce: 8, unreadBytes: 262_144 };
const LOOK_EVERY_MS = 5;
const WAITED_MS_MAX = 25_000;

/** Waits for what another process brings about. */
export async function until(what, holds) {
  const endMs = performance.now() + WAITED_MS_MAX;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`it never came: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS); });
  }
}

/** @param {any} kit */
export async function startSurroundings(kit) {
  const server = await startContractServer();
  const gateway = await startContractGateway(server.url);
  const folder = mkdtempSync(join(tmpdir(), 'precinct-kit-'));
  const agent = (name, spiffeId) => ({ name, spiffeId, key: `key-${name}-${randomBytes(16).toString('hex')}` });
  const agents = { alpha: agent('alpha', ALPHA), beta: agent('beta', BETA) };
  const start = () => kit.start({ gatewayUrl: gateway.url, folder, agents: Object.values(agents), limits: LIMITS });
  const leave = async () => {
    await gateway.stop();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  const sessions = new Set();
  let marks = 0;
  const context = { kit, server, gateway, agents, limits: LIMITS, adapter: await start().catch(async (fault) => { await leave(); throw fault; }), until };
  /** @param {'alpha' | 'beta'} name */
  const connect = async (name, on) => {
    const session = await kit.connect(context.adapter, agents[name], on);
    sessions.add(session);
    return session;
  };
  const close = async (session) => {
    sessions.delete(session);
    await session.close();
  };
  return Object.assign(context, {
    connect,
    /** Names a call, so that it is found at the tool server. */
    mark: (word) => `${word}-${(marks += 1)}`,
    /** Runs with a session that is closed again. */
    async within(name, work, on) {
      const session = await connect(name, on);
      try {
        return await work(session);
      } finally {
        await close(session);
      }
    },
    /** What a case that failed has left open. */
    closeSessions: () => Promise.allSettled([...sessions].map(close)),
    async restartAdapter() {
      const code = await context.adapter.stop();
      context.adapter = await start();
      return code;
    },
    async stop() {
      await context.adapter.stop();
      await leave();
    },
  });
}
