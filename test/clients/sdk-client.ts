// What a client of the 1.x SDK does over any transport that stays open, and what must come of it.
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { expect } from 'vitest';
import type { GatewayProcess } from '../support/gateway-process.js';
import { eventually } from '../wire/calls.js';

export async function hearsProgress(client: Client): Promise<void> {
  const heard: number[] = [];
  // Where the last step comes in one segment with the answer, the SDK takes the answer first and no longer knows the step's token.
  client.onerror = ({ message }) => {
    const progress = /unknown token.*"progress":(\d+)/.exec(message)?.[1];
    if (progress !== undefined) heard.push(Number(progress));
  };
  const answer = await client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 0.3, steps: 3 } }, undefined, { onprogress: ({ progress }) => void heard.push(progress) });
  expect(answer).toHaveProperty('content');
  expect(await eventually(() => heard.length === 3)).toBe(true);
  expect(heard).toEqual([1, 2, 3]);
}

export async function cancelsAndGoesOn(client: Client, gateway: GatewayProcess): Promise<void> {
  const errors: Error[] = [];
  client.onerror = (error) => void errors.push(error);
  const giveUp = new AbortController();
  const call = client.callTool({ name: 'trigger-long-running-operation', arguments: { duration: 60, steps: 60 } }, undefined, { signal: giveUp.signal, onprogress: () => giveUp.abort('enough') });
  await expect(call).rejects.toThrow('enough');
  expect(await eventually(() => [...gateway.lines('request'), ...gateway.lines('stream_end')].some(({ code }) => code === 'client_disconnected'))).toBe(true);
  expect(await client.callTool({ name: 'echo', arguments: { message: 'after' } })).toMatchObject({ content: [{ text: 'Echo: after' }] });
  // Progress of a cancelled call may still be on its way; an answer to it may not.
  expect(errors.filter(({ message }) => !message.includes('progress'))).toEqual([]);
}

export async function callsAtOnce(client: Client, count: number): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, (_, n) => client.callTool({ name: 'echo', arguments: { message: `number ${n}` } })));
  answers.forEach((answer, n) => expect(answer).toMatchObject({ content: [{ text: `Echo: number ${n}` }] }));
}

/** The gateway's open sessions before its connection ended, and after. */
export async function endsItsSession(client: Client, gateway: GatewayProcess): Promise<void> {
  const sessions = async (): Promise<number> => Number((await gateway.control('GET', '/v1/status')).json['mcp_sessions']);
  const open = await sessions();
  await client.close();
  expect(await eventually(async () => await sessions() === open - 1)).toBe(true);
}
