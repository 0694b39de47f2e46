// Tool servers by the number, in one process: each listens on a port of its own and serves one tool, `echo_<n>`. They speak both eras of MCP, and answer any call alike.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../wire/servers.mjs';

export const DESCRIPTION = 'Return the given text';
export const SCHEMA = '{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}';

/** Starts `count` of them, on one core if that is given; resolves to their ports. */
export function startServers(core, count) {
  const own = [process.execPath, fileURLToPath(import.meta.url), '--serve', String(count)];
  const [command, ...args] = core === undefined ? own : ['taskset', '-c', String(core), ...own];
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the servers ended with ${code}`)));
    child.once('message', (ports) => resolve({ ports, stop: () => { if (child.exitCode === null) child.kill('SIGTERM'); } }));
  });
}

function serve(n) {
  const results = {
    initialize: '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}',
    'server/discover': `{"supportedVersions":["${VERSION}"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":60000,"cacheScope":"public"}`,
    'tools/list': `{"tools":[{"name":"echo_${n}","description":"${DESCRIPTION}","inputSchema":${SCHEMA}}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}`,
    'tools/call': `{"content":[{"type":"text","text":"${'lorem ipsum '.repeat(29)}"}],"resultType":"complete"}`,
  };
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('latin1').on('data', (part) => { text += part; }).on('end', () => {
      const { id, method } = text === '' ? {} : JSON.parse(text);
      if (id === undefined) response.writeHead(202).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${results[method]}}`);
    });
  });
  server.keepAliveTimeout = 0;
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

if (process.argv[2] === '--serve') {
  const ports = [];
  for (let n = 0; n < Number(process.argv[3]); n++) ports.push(await serve(n));
  process.send(ports);
}
