// Layer 8: who has read sensitive data sends nothing out, whatever session, era, spelling or restart is tried to get clean.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permitAll, startGateway, type GatewayProcess, type HttpAnswer } from '../support/gateway-process.js';
import { startToolServer, type ToolServer } from '../support/tool-server.js';
import { call, codeOf, modernCall, openSession, registration, toolText } from './calls.js';

const AGENT = (name: string): string => `spiffe://poc.local/agents/mcp-client/${name}/dev`;
const WAYS = ['stateless', 'session', 'modern'] as const;
type Way = (typeof WAYS)[number];
const OUT = { to: 'https://far.example/inbox' };
const PAIRS = WAYS.flatMap((read) => WAYS.map((send) => [read, send] as const));

let server: ToolServer;
let gateway: GatewayProcess;

beforeAll(async () => {
  server = await startToolServer({ era: 'both', tools: ['read_customer', 'send_message', 'plain'].map(toolText) });
  const agents = ['clean', 'relay', 'denied', 'plain', 'decoy', 'large', ...PAIRS.map(([read, send]) => `${read}-${send}`)].map(AGENT);
  gateway = await startGateway({
    identities: { default: agents[0], identities: agents.map((one) => ({ spiffe_id: one })) }, policies: { 'all.rego': agents.map((one, n) => (n === 0 ? permitAll(one) : `\nallow if input.caller_spiffe_id == "${one}"\n`)).join('') },
    tools: [registration('read_customer', server.url, { classification: 'sensitive' }), registration('send_message', server.url, { external: true }), registration('plain', server.url)],
    config: { rate_limit: { per_minute: 60_000, burst: 1000 } }, files: { 'config/destinations.yaml': 'allowed_destinations: ["far.example", "localhost"]\n' },
  });
});

afterAll(async () => {
  await gateway.stop();
  await server.close();
});

/** Each in a new session where it has one. */
async function by(way: Way, agent: string, tool: string, args: unknown = {}): Promise<HttpAnswer> {
  const who = { 'x-spiffe-id': AGENT(agent) };
  if (way === 'stateless') return gateway.post(call(tool, args), who);
  if (way === 'session') return gateway.post(call(tool, args), await openSession(gateway, who));
  const { body, headers } = modernCall(tool, args);
  return gateway.post(body, { ...headers, ...who });
}

function sent(marker: string): number {
  return server.seen.filter((seen) => seen.rpcMethod === 'tools/call' && seen.body.includes(marker)).length;
}

describe('a caller that read sensitive data', () => {
  it.each(WAYS)('is not what a caller without is: sending out %s is fine as long as nothing was read', async (way) => {
    expect((await by(way, 'clean', 'send_message', OUT)).json).toHaveProperty('result');
  });

  it.each(PAIRS)('read %s, sent %s: refused', async (read, send) => {
    const agent = `${read}-${send}`;
    expect((await by(read, agent, 'read_customer')).json).toHaveProperty('result');
    expect(codeOf(await by(send, agent, 'send_message', { ...OUT, marker: agent }))).toBe('exfiltration_detected');
    expect(sent(agent)).toBe(0);
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: AGENT(agent), code: 'exfiltration_detected', decision: 'DENY' });
  });

  it('may not send by a tool that is not declared external either', async () => {
    await by('stateless', 'plain', 'read_customer');
    const deep = `{"\\u0061":${'['.repeat(20_000)}${']'.repeat(20_000)},"url":"\\u0068ttps:\\u002f\\u002ffar.example"}`;
    for (const args of [{ body: deep }, { url: 'https://far.example/x' }, { deep: [{ er: ['https://far.example'] }] }, { url: 'HTTPS://FAR.EXAMPLE' }, { url: 'https://localhost@far.example/' }, { text: 'go to https://far.example' }, { body: '{"url":"https://far.example"}' }, { 'https://far.example': 1 }]) {
      expect({ args, code: codeOf(await by('stateless', 'plain', 'plain', { ...args, marker: 'by-plain' })) }).toEqual({ args, code: 'exfiltration_detected' });
    }
    expect(sent('by-plain')).toBe(0);
    const inside = await by('stateless', 'plain', 'plain', { url: 'http://localhost/x' });
    expect({ status: inside.status, code: codeOf(inside) }).toEqual({ status: 200, code: undefined });
  });

  it('may not send by a call that is too large to be read on the way', async () => {
    const filling = Array.from({ length: 4000 }, (_, n) => `line ${n}`);
    const inside = await by('stateless', 'large', 'plain', { filling, url: 'https://far.example/x' });
    expect(inside.json).toHaveProperty('result');
    await by('stateless', 'large', 'read_customer');
    for (const [tool, args] of [['plain', { filling, text: 'go to https://far.example' }], ['send_message', { filling, to: 'far.example' }]] as const) {
      expect({ tool, code: codeOf(await by('stateless', 'large', tool, { ...args, marker: 'by-large' })) }).toEqual({ tool, code: 'exfiltration_detected' });
    }
    expect(sent('by-large')).toBe(0);
    expect(gateway.lines('request').at(-1)).toMatchObject({ spiffe_id: AGENT('large'), decision: 'DENY' });
  });

  it('finds no inside destination that opens the way for a tool that is declared external', async () => {
    await by('stateless', 'decoy', 'read_customer');
    for (const args of [{}, { url: 'http://localhost/' }, { ignored: 'http://127.0.0.1/' }, { to: 'localhost' }, { ref: 'http://[::1]/' }]) {
      expect({ args, code: codeOf(await by('stateless', 'decoy', 'send_message', { ...args, marker: 'by-decoy' })) }).toEqual({ args, code: 'exfiltration_detected' });
    }
    expect(sent('by-decoy')).toBe(0);
  });

  it('whose call was refused has read nothing', async () => {
    expect(codeOf(await by('stateless', 'denied', 'read_customer', { text: `AKIA${'Q'.repeat(16)}` }))).toBe('dlp_credentials_detected');
    expect((await by('stateless', 'denied', 'send_message', OUT)).status).toBe(200);
  });

  it('taints itself, and nobody else', async () => {
    await by('stateless', 'relay', 'read_customer');
    expect((await by('stateless', 'clean', 'send_message', OUT)).status).toBe(200);
  });
});
