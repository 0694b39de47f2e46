// A real stdio tool server of a few lines, without a library: each of its tools does one thing that a process may do to whoever runs it.
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const options = new Set(process.argv.slice(2).filter((one) => one.startsWith('--')));
const valueOf = (name) => process.argv.find((one) => one.startsWith(`--${name}=`))?.slice(name.length + 3);
if (valueOf('starts') !== undefined) appendFileSync(valueOf('starts'), `${process.pid}\n`);
if (valueOf('exit') !== undefined) process.exit(Number(valueOf('exit')));
if (options.has('--garbage')) process.stdout.write('Welcome to the server!\n{"jsonrpc":"2.0"\n[]\n\n\u0000\n');
if (options.has('--ignore-end')) {
  process.on('SIGTERM', () => undefined);
  setInterval(() => undefined, 1000);
}
if (options.has('--ignore-eof')) setInterval(() => undefined, 1000);

const say = (text) => process.stdout.write(`${text}\n`);
const result = (id, value) => say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(value)}}`);
const text = (id, words) => result(id, { content: [{ type: 'text', text: words }] });
const names = ['echo', 'self', 'die', 'hang', 'big', 'deep', 'ask', 'progress', 'log', 'change', 'flood', 'split', 'leave', 'babble'];
const WRITER = "process.stdout.on('error', () => { require('node:fs').writeFileSync(process.argv[1], ''); process.exit(); }); setInterval(() => process.stdout.write('{}\\n'), 5); setTimeout(() => process.exit(), 20_000);";
const schema = { type: 'object' };
let tools = names.map((name) => ({ name, description: 'Tool of the tests', inputSchema: schema }));
const cancelled = [];
let calls = 0;
let hanging = 0;
let initialized = 0;
const waiting = new Map();

function call(id, { name, arguments: args = {}, _meta: meta = {} }) {
  calls += 1;
  switch (name) {
    case 'echo': return text(id, String(args.text ?? ''));
    case 'self': return text(id, JSON.stringify({ pid: process.pid, cwd: process.cwd(), env: process.env, files: openFiles(), calls, hanging, cancelled, initialized, argv: process.argv.slice(2) }));
    case 'die': return process.exit(3);
    case 'last': return process.stderr.write(args.text, () => process.exit(3));
    case 'silence': return closeSync(1);
    case 'hang': return void (hanging += 1);
    case 'big': return text(id, 'x'.repeat(args.bytes));
    case 'deep': return say(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"deep":${'['.repeat(args.depth)}${']'.repeat(args.depth)}}}`);
    case 'ask':
      waiting.set(`q${calls}`, (answer) => text(id, JSON.stringify(answer)));
      return say(`{"jsonrpc":"2.0","id":"q${calls}","method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`);
    case 'progress':
      for (const progress of [1, 2]) say(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: meta.progressToken, progress } }));
      return text(id, JSON.stringify(meta));
    case 'log':
      say(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: `for ${args.text}` } }));
      return text(id, 'logged');
    case 'change':
      tools = tools.filter((tool) => tool.name !== 'split');
      say('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
      return text(id, 'changed');
    case 'flood':
      for (let n = 0; n < args.lines; n += 1) process.stderr.write(`line ${n} ${process.env.SECRET ?? ''}\n`);
      return text(id, 'flooded');
    case 'babble':
      process.stdout.write(args.line === undefined ? '' : `${args.line}\n`.repeat(args.lines));
      process.stdout.write(args.bytes === undefined ? '' : `${'x'.repeat(args.bytes)}\n`);
      return text(id, 'babbled');
    case 'leave':
      // As a daemon does: out of the group, with these pipes. It writes until nobody reads, which it notes, and not for ever.
      spawn(process.execPath, ['-e', WRITER, args.mark], { detached: true, stdio: ['ignore', 'inherit', 'inherit'] }).unref();
      return text(id, 'left');
    case 'split': {
      const line = `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","text":"grün"}]}}\r\n`;
      const bytes = Buffer.from(line);
      const cut = bytes.indexOf(0xc3) + 1;
      process.stdout.write(bytes.subarray(0, cut));
      return setImmediate(() => process.stdout.write(bytes.subarray(cut)));
    }
    default: return say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":{"code":-32602,"message":"no such tool"}}`);
  }
}

function openFiles() {
  try {
    return readdirSync('/proc/self/fd').map((fd) => [Number(fd), readlinkSync(`/proc/self/fd/${fd}`)]).filter(([fd]) => fd > 2);
  } catch {
    return [];
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params = {}, result: answered, error } = JSON.parse(line);
  if (valueOf('seen') !== undefined) appendFileSync(valueOf('seen'), `${line}\n`);
  switch (method) {
    case 'initialize':
      if (options.has('--mute')) return undefined;
      if (options.has('--refuse')) return say(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32602,"message":"no"}}`);
      if (options.has('--chatty')) say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}');
      return result(id, { protocolVersion: '2025-11-25', capabilities: { tools: { listChanged: true } }, serverInfo: { name: 'stdio', version: '1' }, _meta: { asked: params.clientInfo?.name } });
    case 'notifications/initialized': return void (initialized += 1);
    case 'notifications/cancelled': return void cancelled.push(params.requestId);
    case 'tools/list': return result(id, { tools });
    case 'tools/call': return call(id, params);
    case undefined: return waiting.get(id)?.(answered ?? error);
    default: return id === undefined ? undefined : say(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":{"code":-32601,"message":"Method not found"}}`);
  }
});
if (valueOf('ready') !== undefined) writeFileSync(valueOf('ready'), 'ready');
