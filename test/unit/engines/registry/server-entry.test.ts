// Entries of `servers`: what they become, what is refused and where, and that an edit keeps the rest of the file.
import { describe, expect, it } from 'vitest';
import { ConfigFault } from '../../../../src/base/config/fault.js';
import { setServer } from '../../../../src/engines/registry/registry-edit.js';
import { parseRegistry } from '../../../../src/engines/registry/registry-file.js';

const FILE = 'config/capability-registry-v2.yaml';
const HASH = 'bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4';
const toolOf = (upstream: string): string => `tools:\n  # by hand\n  - {name: my_tool, upstream: '${upstream}', hash: ${HASH}, risk_level: low}\n`;

function faultsOf(text: string): { message: string; line: number; remedy: string }[] {
  try {
    parseRegistry(text, FILE);
  } catch (fault) {
    if (!(fault instanceof ConfigFault)) throw fault;
    return [fault, ...fault.others].map(({ message, line, remedy }) => ({ message, line, remedy: remedy ?? '' }));
  }
  return [];
}

describe('an entry of servers', () => {
  it('is read with its defaults', () => {
    const { servers } = parseRegistry(`${toolOf('stdio:files')}servers:\n  - upstream: stdio:files\n    command: npx\n    args: [-y, some-server, /data]\n  - {upstream: 'http://127.0.0.1:1/sse', transport: sse}\n  - {upstream: 'http://127.0.0.1:2/mcp'}\n`, FILE);
    expect([...servers.values()]).toEqual([
      { upstream: 'stdio:files', prefix: '', line: 5, transport: { kind: 'stdio', program: { command: 'npx', args: ['-y', 'some-server', '/data'], env: {}, cwd: undefined, instance: 'shared' } } },
      { upstream: 'http://127.0.0.1:1/sse', prefix: '', line: 8, transport: { kind: 'sse' } }, { upstream: 'http://127.0.0.1:2/mcp', prefix: '', line: 9, transport: { kind: 'streamable_http' } },
    ]);
  });

  it('keeps the headers of a URL as they are written', () => {
    const { servers } = parseRegistry(`tools: []\nservers:\n  - upstream: https://h/mcp\n    headers: {Authorization: 'Bearer $ENV{KEY}', X-Team: ''}\n`, FILE);
    expect(servers.get('https://h/mcp')?.transport).toEqual({ kind: 'streamable_http', headers: { Authorization: 'Bearer $ENV{KEY}', 'X-Team': '' } });
  });

  it.each([
    ['a tool of a process without an entry', toolOf('stdio:files'), 3, 'stdio:files has no entry in servers'],
    ['a process without a command', `tools: []\nservers:\n  - upstream: stdio:files\n`, 3, 'has no command'],
    ['a command for a URL', `tools: []\nservers:\n  - upstream: http://127.0.0.1:1/mcp\n    command: npx\n`, 4, 'does not run'],
    ['an environment for a URL', `tools: []\nservers:\n  - upstream: http://127.0.0.1:1/mcp\n    env: {A: b}\n`, 4, 'does not run'],
    ['a transport for a process', `tools: []\nservers:\n  - upstream: stdio:files\n    command: npx\n    transport: sse\n`, 5, 'over its pipes'],
    ['two entries for one server', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: x}\n  - {upstream: 'stdio:a', command: y}\n`, 4, 'listed twice'],
    ['a name that is none', `tools: []\nservers:\n  - {upstream: 'stdio:../a', command: x}\n`, 3, 'stdio: with the name'],
    ['an unknown key', `tools: []\nservers:\n  - {upstream: 'stdio:a', comand: x}\n`, 3, 'unknown key'],
    ['a variable that is none', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: x, env: {'A=B': c}}\n`, 3, 'env'],
    ['a variable within a text', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: x, env: {A: 'x$ENV{B}'}}\n`, 3, 'must be $ENV{NAME} alone'],
    ['a caller\'s secret', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: x, env: {A: '$SPIKE{ref:x}'}}\n`, 3, '$SPIKE'],
    ['an argument that is no text', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: x, args: [1]}\n`, 3, 'args[0]'],
    ['headers for a process', `tools: []\nservers:\n  - upstream: stdio:a\n    command: x\n    headers: {A: b}\n`, 5, 'over its pipes'],
    ['a header that is none', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {'A B': c}}\n`, 3, 'must be the name of a header'],
    ['a header of the framing', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {Content-Length: '3'}}\n`, 3, 'the gateway\'s own'],
    ['a header of MCP', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {Mcp-Session-Id: x}}\n`, 3, 'the gateway\'s own'],
    ['a header of the trace', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {TraceParent: x}}\n`, 3, 'the gateway\'s own'],
    ['a header twice', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {A: b, a: c}}\n`, 3, 'must not name a header twice'],
    ['headers as a list', `tools: []\nservers:\n  - upstream: http://h/mcp\n    headers:\n      - A: b\n`, 5, 'must be NAME: VALUE, one to a line'],
    ['headers without a colon', `tools: []\nservers:\n  - upstream: http://h/mcp\n    headers:\n      Authorization Bearer\n`, 5, 'must be NAME: VALUE, one to a line'],
    ['a header of two lines', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {A: "b\\r\\nC: d"}}\n`, 3, 'must be one line'],
    ['a header beyond Latin-1', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {A: "\\u20ac"}}\n`, 3, 'must be one line'],
    ['a header with a variable that is none', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {A: 'Bearer $ENV{A-B}'}}\n`, 3, 'must write a variable as $ENV{NAME}'],
    ['a header with a caller\'s secret', `tools: []\nservers:\n  - {upstream: 'http://h/mcp', headers: {A: '$SPIKE{ref:x}'}}\n`, 3, '$SPIKE'],
    ['a zero byte', `tools: []\nservers:\n  - {upstream: 'stdio:a', command: "x\\0y"}\n`, 3, 'zero byte'],
  ])('that is %s is refused at its line', (_what, text, line, words) => {
    const faults = faultsOf(text);
    expect(faults.map((fault) => [fault.line, fault.message.includes(words)])).toContainEqual([line, true]);
    if (!/^(env|args|must|the gateway's own|\$SPIKE)/.test(words)) expect(faults.every(({ remedy }) => remedy !== '')).toBe(true);
  });

  it('missing for many tools is one fault', () => {
    expect(faultsOf(`tools:\n  - {name: a, upstream: 'stdio:files', hash: ${HASH}, risk_level: low}\n  - {name: b, upstream: 'stdio:files', hash: ${HASH}, risk_level: low}\n`)).toHaveLength(1);
  });
});

describe('adding one', () => {
  const entry = { upstream: 'stdio:files', command: 'npx', args: ['-y', 'x'] };

  it('puts servers before the tools, to which people append, and leaves every other line as it was', () => {
    const before = toolOf('http://127.0.0.1:1/mcp');
    const after = setServer(before, entry, FILE);
    expect(after.endsWith(before)).toBe(true);
    expect(parseRegistry(after, FILE).servers.get('stdio:files')?.transport).toMatchObject({ kind: 'stdio', program: { command: 'npx', args: ['-y', 'x'] } });
  });

  it('goes behind the last entry, wherever servers stand', () => {
    const before = `servers:\n  - {upstream: 'stdio:a', command: a} # the first\n${toolOf('stdio:a')}`;
    const after = setServer(before, entry, FILE);
    expect(after.replace(/\n {2}- upstream: stdio:files\n(?: {4}.*\n)+/, '')).toBe(before);
    expect([...parseRegistry(after, FILE).servers.keys()]).toEqual(['stdio:a', 'stdio:files']);
  });

  it('sets the members of one that is there, and keeps the others', () => {
    const after = setServer(`servers:\n  - upstream: stdio:files\n    command: old\n    cwd: /srv\ntools: []\n`, entry, FILE);
    expect(parseRegistry(after, FILE).servers.get('stdio:files')?.transport).toMatchObject({ program: { command: 'npx', cwd: '/srv' } });
  });
});
