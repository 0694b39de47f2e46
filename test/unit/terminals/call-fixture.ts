// One gateway in process and one scripted tool server for the tests of a call; importing it starts both before the file's tests and ends them after.
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { AuditAppender } from '../../../src/audit/types.js';
import { openSession as openSessionOf, startInProcessGateway, toolCall, toolText, type InProcessGateway } from '../../support/gateway-in-process.js';
import { MCP_ACCEPT, type Posted } from '../../support/inbound-reply.js';
import { jsonAnswer, resultFor, startScriptedServer, type ScriptedServer } from '../../support/scripted-server.js';

export const CREDENTIAL = 'AKIA'.concat('AB'.repeat(8)); // an AWS key id of no account
export const CLIENT: Posted = { headers: { accept: MCP_ACCEPT } };

export let server: ScriptedServer;
export let running: InProcessGateway;
let hold: ((release: () => void) => void) | undefined;

/** Holds audit lines back until each is released; undefined, and after each test, no longer. */
export function holdLines(by: typeof hold): void {
  hold = by;
}

const holding = (appender: AuditAppender): AuditAppender => ({
  get healthy() { return appender.healthy; },
  get because() { return appender.because; },
  append: (line, done) => (hold === undefined ? appender.append(line, done) : hold(() => appender.append(line, done))),
  appendRequest: (facts, done) => (hold === undefined ? appender.appendRequest(facts, done) : hold(() => appender.appendRequest(facts, done))),
  close: () => appender.close(),
});

export async function start(...config: string[]): Promise<InProcessGateway> {
  return startInProcessGateway({
    tools: [{ name: 'plain', url: server.url }, { name: 'classified', url: server.url, more: ['classification: sensitive'] }], config, change: (parts) => ({ appender: holding(parts.appender) }),
  });
}
beforeAll(async () => {
  server = await startScriptedServer([toolText('plain'), toolText('classified')]);
  running = await start();
});
afterAll(async () => {
  await running.close();
  await server.close();
});
beforeEach(() => {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  server.seen.length = 0;
  server.hangUps = 0;
});
afterEach(() => {
  hold = undefined;
});

export const calls = () => server.of('tools/call');
export const openSession = (on = running): Promise<Posted> => openSessionOf(on);
export const lastLines = (count: number) => running.lines().slice(-count);

export async function resetBreaker(): Promise<void> {
  server.script = ({ idText }, response) => jsonAnswer(response, resultFor(idText, 'fine'));
  await running.ask(toolCall('plain'));
}

export const event = (data: string, more = ''): string => `${more}data: ${data}\n\n`;
export const note = (text: string): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${JSON.stringify(text)}}}`;
