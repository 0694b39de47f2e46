// Tool servers by the number, in one process: each listens on a port of its own and serves one tool, `echo_<n>`. They speak both eras of MCP, and answer any call alike.
import { createServer } from 'node:http';
import { VERSION } from '../wire/servers.mjs';
import { asked, serveAsked } from './asked-process.mjs';
import { answerPost, initializeResult, toolText } from './echo-tool.mjs';

/** Starts `count` of them, on one core if that is given; resolves to their ports. */
export async function startServers(core, count) {
  const { ask, stop } = asked(import.meta.url, core);
  return { ports: await ask('listen', count), stop };
}

function serve(n) {
  const results = {
    initialize: initializeResult(),
    'server/discover': `{"supportedVersions":["${VERSION}"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":60000,"cacheScope":"public"}`,
    'tools/list': `{"tools":[${toolText(`echo_${n}`)}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}`,
    'tools/call': `{"content":[{"type":"text","text":"${'lorem ipsum '.repeat(29)}"}],"resultType":"complete"}`,
  };
  const server = createServer((request, response) => answerPost(request, response, results));
  server.keepAliveTimeout = 0;
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

serveAsked(import.meta.url, {
  async listen(count) {
    const ports = [];
    for (let n = 0; n < count; n++) ports.push(await serve(n));
    return ports;
  },
});
