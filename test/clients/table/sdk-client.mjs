// The official SDK's clients in this process, over whatever transport.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ROOT } from '../../../scripts/run-command.mjs';
import { drive, driven } from './drive.mjs';

const WHO = { name: 'precinct-table', version: '1' };
const require = createRequire(join(ROOT, 'package.json'));

export const versionOf = (name) => require(join(ROOT, 'node_modules', name, 'package.json')).version;

/** @param {{ url: string, plan: import('./plans.mjs').Plan, client: '1.x' | '1.x sse' | '2.x' | '2.x auto' }} how */
export async function driveSdk({ url, plan, client: which }) {
  const isV1 = which === '1.x' || which === '1.x sse';
  const transportOf = (at) => (which === '1.x sse' ? new SSEClientTransport(at) : isV1 ? new TransportV1(at) : new TransportV2(at));
  const client = isV1 ? new ClientV1(WHO) : new ClientV2(WHO, which === '2.x' ? {} : { versionNegotiation: { mode: 'auto' } });
  await client.connect(transportOf(new URL(url)));
  try {
    return await drive(driven(client, isV1), plan);
  } finally {
    await client.close();
  }
}

/** The 1.x client over a program that is an MCP server on stdio. @param {{ command: string, args: readonly string[], plan: import('./plans.mjs').Plan }} how */
export async function driveProgram({ command, args, plan }) {
  const client = new ClientV1(WHO);
  await client.connect(new StdioClientTransport({ command, args: [...args], stderr: 'ignore' }));
  try {
    return await drive(driven(client, true), plan);
  } finally {
    await client.close();
  }
}
