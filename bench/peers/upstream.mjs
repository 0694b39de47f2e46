// The tool server of the peers bench: one tool, fixed text, both eras of MCP, sessions given but not kept. One program for every target of a run.
//   node bench/peers/upstream.mjs PORT ANSWER_BYTES CACHE_FOLDER
import { randomUUID } from 'node:crypto';
import { toolText } from '../support/echo-tool.mjs';
import { VERSION } from '../wire/servers.mjs';
import { loadUws } from '../../dist/front/load-uws.js';
import { KEY_ARRIVED, KEY_SIGN } from './call.mjs';

const LEGACY_VERSIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];
const [port, answerBytes, cacheDir] = process.argv.slice(2);
const { uws } = loadUws(cacheDir);

const text = 'lorem ipsum '.repeat(Math.ceil(Number(answerBytes) / 12)).slice(0, Number(answerBytes));
const callResult = (said) => `"result":{"content":[{"type":"text","text":"${said}"}],"resultType":"complete"}}`;
const CALL_RESULT = callResult(text);
const LIST_RESULT = `"result":{"tools":[${toolText()}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}}`;
const DISCOVER_RESULT = `"result":{"supportedVersions":["${VERSION}",${LEGACY_VERSIONS.map((version) => `"${version}"`).join(',')}],"capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"},"resultType":"complete","ttlMs":60000,"cacheScope":"public"}}`;

uws.App()
  .post('/*', (res) => {
    let body = '';
    res.onAborted(() => undefined);
    res.onData((chunk, last) => {
      body += Buffer.from(chunk).toString('latin1');
      if (last) res.cork(() => answer(res, body));
    });
  })
  .any('/*', (res) => {
    res.writeStatus('405 Method Not Allowed').end(); // no stream of its own, no session to end
  })
  .listen('127.0.0.1', Number(port), (socket) => {
    if (socket === false || socket === null) process.exit(1);
    process.stdout.write('listening\n');
  });

/** What is sent decides alone; only a handshake, which is rare, is parsed. */
function answer(res, body) {
  const id = /"id":\s*("[^"]*"|\d+)/.exec(body)?.[1];
  if (id === undefined) {
    res.writeStatus('202 Accepted').endWithoutBody(0);
    return;
  }
  const head = `{"jsonrpc":"2.0","id":${id},`;
  if (body.includes('"tools/call"')) json(res, head + (body.includes(`${KEY_SIGN}AKIA`) ? callResult(KEY_ARRIVED) : CALL_RESULT));
  else if (body.includes('"initialize"')) initialize(res, head, JSON.parse(body).params.protocolVersion);
  else if (body.includes('"tools/list"')) json(res, head + LIST_RESULT);
  else if (body.includes('"server/discover"')) json(res, head + DISCOVER_RESULT);
  else if (body.includes('"ping"')) json(res, `${head}"result":{}}`);
  else json(res, `${head}"error":{"code":-32601,"message":"Method not found"}}`);
}

function initialize(res, head, asked) {
  const version = LEGACY_VERSIONS.includes(asked) ? asked : LEGACY_VERSIONS.at(-1);
  res.writeHeader('Mcp-Session-Id', randomUUID());
  json(res, `${head}"result":{"protocolVersion":"${version}","capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}}`);
}

function json(res, text) {
  res.writeHeader('Content-Type', 'application/json').end(text);
}
