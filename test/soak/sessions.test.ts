// kill -9 while sessions are opened, used and ended on two threads, again and again over one state folder: what a client was told of its session holds after it.
// SESSION_ROUNDS sets the rounds; make soak has the long form.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLER, permitAll, startGateway, type GatewayProcess } from '../support/gateway-process.js';
import { resultFor, jsonAnswer, startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { call, eventually, openSession, registration, toolText } from '../wire/calls.js';

const ROUNDS = Number(process.env['SESSION_ROUNDS'] ?? 2);
const CLIENTS = 6;
const OPENED_EACH_ROUND = 40;
const PLENTY = 10_000;
const OTHER = 'spiffe://poc.local/agents/mcp-client/other/dev';

type Session = Record<string, string>;
let server: ScriptedServer;
let gateway: GatewayProcess;
/** By what the clients were told. Of one whose DELETE was not answered nothing is known. */
const open = new Set<Session>();
const ended = new Set<Session>();

beforeAll(async () => {
  server = await startScriptedServer([toolText('echo')]);
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  gateway = await startGateway({
    config: { threads: { gateway: 2 }, rate_limit: { per_minute: 100_000_000, burst: 100_000_000 }, session: { mcp_sessions_per_caller_max: PLENTY } },
    policies: { 'all.rego': permitAll(), 'other.rego': permitAll(OTHER) }, tools: [registration('echo', server.url)], identities: { default: CALLER, identities: [CALLER, OTHER].map((spiffe_id) => ({ spiffe_id })) },
  });
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});

const end = (session: Session): Promise<number> => gateway.http('DELETE', '/', { 'x-spiffe-id': CALLER, ...session }).then(({ status }) => status);
const use = async (session: Session, caller = CALLER): Promise<number> => (await gateway.post(call('echo'), { ...session, 'x-spiffe-id': caller })).status;
/** Some at a time: a thousand connections at once would say more of this machine than of sessions. */
async function all(sessions: readonly Session[], ask: (session: Session) => Promise<number>): Promise<Set<number>> {
  const left = [...sessions];
  const statuses = new Set<number>();
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) statuses.add(await ask(next));
  };
  await Promise.all(Array.from({ length: CLIENTS }, worker));
  return statuses;
}

/** Opens sessions and uses them, and ends every third, until the gateway is gone. */
async function client(): Promise<void> {
  for (let turn = 0; ; turn++) {
    const session = await openSession(gateway);
    if (session['mcp-session-id']?.length !== 48) throw new Error('no session was opened');
    open.add(session);
    if (turn % 2 === 0) await use(session);
    if (turn % 3 !== 0) continue;
    open.delete(session);
    if (await end(session) === 204) ended.add(session);
  }
}

describe('sessions of a gateway killed under load', () => {
  it(`are what their clients were told in ${ROUNDS} rounds`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const before = open.size;
      const clients = Array.from({ length: CLIENTS }, () => client().catch(() => undefined));
      expect(await eventually(() => open.size >= before + OPENED_EACH_ROUND)).toBe(true);
      await gateway.kill9();
      await Promise.all(clients);
      await gateway.restart();
      const sessions = [...open];
      expect(await all(sessions.slice(0, OPENED_EACH_ROUND), (session) => use(session, OTHER))).toEqual(new Set([404]));
      expect(await all([...ended], use)).toEqual(new Set([404]));
      expect(await all(sessions, use)).toEqual(new Set([200]));
      // Each is open once, on one thread, and none that nobody was told of took its place.
      const { mcp_sessions: here, mcp_sessions_kept: kept } = (await gateway.control('GET', '/v1/status')).json;
      expect(here).toBe(sessions.length);
      expect(kept).toBeGreaterThanOrEqual(sessions.length);
    }
    console.log(`sessions over kill -9: ${ROUNDS} rounds, ${open.size} go on, ${ended.size} stay ended`);
  }, 120_000 + ROUNDS * 60_000);
});
