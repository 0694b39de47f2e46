// Definitions that nest deeper than a request may: layer 5 knows them, and so they are listed.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { rpc, startInProcessGateway, toolCall, toolText } from '../../support/gateway-in-process.js';
import { startScriptedServer } from '../../support/scripted-server.js';

const nested = (levels: number): string => `{"name":"deep","description":"d","inputSchema":{"type":"object","x":${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}}}`;

it('a tool whose schema layer 5 has verified is listed, and hides none of its server\'s', async () => {
  const deep = nested(100);
  const server = await startScriptedServer([toolText('echo'), deep]);
  const entry = (name: string, text: string): string => `\n  - name: ${name}\n    upstream: ${server.url}\n    hash: ${createHash('sha256').update(text).digest('hex')}\n    risk_level: low`;
  const gateway = await startInProcessGateway({ tools: [], registry: `tools:${entry('echo', toolText('echo'))}${entry('deep', deep)}\n` });
  try {
    expect((await gateway.ask(toolCall('deep', {}, 1))).json).toMatchObject({ result: { content: [{ text: 'fine' }] } });
    const reply = await gateway.ask(rpc('tools/list', {}, 2));
    expect(reply.json).toMatchObject({ result: { tools: [{ name: 'echo' }, { name: 'deep' }] } });
    expect(reply.text).toContain(deep);
  } finally {
    await gateway.close();
    await server.close();
  }
});
