// A gateway between two scripted tool servers, one of each era; importing it starts both before the file's tests and ends them after.
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { openSession, startInProcessGateway, toolText, type InProcessGateway, type InProcessOptions } from '../../support/gateway-in-process.js';
import type { Posted, RecordedReply } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';

export let modern: ScriptedServer;
export let legacy: ScriptedServer;
let running: InProcessGateway | undefined;
beforeAll(async () => {
  [modern, legacy] = await Promise.all([startScriptedServer([]), startScriptedServer([])]);
});
afterAll(() => Promise.all([modern.close(), legacy.close()]));
beforeEach(() => {
  for (const server of [modern, legacy]) {
    Object.assign(server, { seen: [], tools: [toolText(server === modern ? 'new' : 'old')], modernOnly: server === modern ? { tools: {}, logging: {}, prompts: {} } : undefined, hangUps: 0 });
    server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  }
});
afterEach(() => running?.close());

export async function start(more: Partial<InProcessOptions> = {}): Promise<InProcessGateway> {
  running = await startInProcessGateway({ tools: [{ name: 'new', url: modern.url }, { name: 'old', url: legacy.url }], ...more });
  for (const server of [modern, legacy]) server.seen.length = 0;
  return running;
}
export const opened = (gateway: InProcessGateway, capabilities: unknown = {}): Promise<Posted> => openSession(gateway, { capabilities, name: 'old client' });
export const sent = (server: ScriptedServer, method = 'tools/call') => server.of(method).map(({ body }) => JSON.parse(body) as { id: unknown; params: Record<string, unknown> });
export const events = (reply: RecordedReply) => reply.events as { id?: unknown; method?: string; params?: unknown; result?: unknown; error?: { data?: { code?: string; reason_code?: string } } }[];
