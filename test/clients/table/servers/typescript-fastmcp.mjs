// A server on fastmcp (TypeScript), which is installed apart: `node test/clients/table/servers/typescript-fastmcp.mjs FOLDER PORT`.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [, , folder = '', port = '0'] = process.argv;
const { resolve } = createRequire(join(folder, 'package.json'));
const { FastMCP, UserError } = await import(pathToFileURL(resolve('fastmcp')).href);
const { z } = await import(pathToFileURL(resolve('zod')).href);

const server = new FastMCP({ name: 'precinct-fastmcp', version: '1.0.0' });
server.addTool({ name: 'add', description: 'Adds two numbers', parameters: z.object({ a: z.number(), b: z.number() }), execute: async ({ a, b }) => String(a + b) });
server.addTool({ name: 'fail', description: 'Fails', parameters: z.object({}), execute: async () => { throw new UserError('this tool fails'); } });
server.addTool({
  name: 'count',
  description: 'Counts, and tells its progress',
  parameters: z.object({ steps: z.number(), pause_ms: z.number() }),
  execute: async ({ steps, pause_ms: pauseMs }, { reportProgress }) => {
    for (let step = 1; step <= steps; step++) {
      await sleep(pauseMs);
      await reportProgress({ progress: step, total: steps });
    }
    return `counted to ${steps}`;
  },
});
await server.start({ transportType: 'httpStream', httpStream: { port: Number(port), host: '127.0.0.1', endpoint: '/mcp' } });
process.stdout.write(`listening on ${port}\n`);
