// The README's walk and the tour, block by block as typed, in a copy of the project on free ports: what a newcomer sees is what the tests see.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYER_NAMES } from '../../src/base/errors/table.js';
import { ProjectCopy, ROOT } from './project-copy.js';

const TYPED = ['bash', 'curl', 'jq', 'shasum'];
const CALLER = 'spiffe://poc.local/agents/mcp-client/my-agent/dev';
const MY_TOOL_HASH = 'bcc9258aeaf2af0999e181615b748e2855a53ab8cff8515491b3d7707900c9e4';

interface Block {
  readonly typed: string;
  /** What the README says it prints; '' where it says nothing. */
  readonly shows: string;
}

interface Shown {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RecordLine {
  readonly [member: string]: unknown;
  readonly layers_traversed: readonly { readonly step: number; readonly name: string; readonly verdict: string; readonly us: number }[];
  readonly prev_hash: string;
  readonly hash: string;
}

let project: ProjectCopy;
let dir = '';
/** What SPEC section 1, step 5 prints when it is typed before step 6, without --offline. */
let asked: Shown = { code: null, stdout: '', stderr: '' };
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const WALK = blocksOf(README, 'walk');
const TOUR = blocksOf(readFileSync(join(ROOT, 'docs', 'tour.md'), 'utf8'), 'tour');
const walked: Shown[] = [];
const toured: Shown[] = [];
/** The same blocks a second time, after their own undo. */
const again: Shown[] = [];
/** The registry around the first tour. */
let left = { before: '', after: '' };
const REGISTERED = /<<'YAML'\n([\s\S]*?)^YAML$/m.exec(README)?.[1] ?? '';

function blocksOf(page: string, word: string): readonly Block[] {
  const fences = new RegExp(`^\`\`\`sh ${word}\\n([\\s\\S]*?)^\`\`\`$(?:\\n\`\`\`\\n([\\s\\S]*?)^\`\`\`$)?`, 'gm');
  return [...page.matchAll(fences)].map(([, typed = '', shows = '']) => ({ typed, shows }));
}

/** One shell, as a newcomer has: what a block exports or defines is there for the next one, with the value it had then. Returns the shell's memory. */
function type(blocks: readonly Block[], remembered: string, heard: Shown[], before: (at: number, remembered: string) => void = () => undefined): string {
  let memory = remembered;
  for (const { typed } of blocks) {
    before(heard.length, memory);
    const script = project.onOurPorts(typed);
    heard.push(bash(`${memory}\n${script}\nexport -p > .exported`));
    memory = [...new Set([...memory.split('\n'), '. ./.exported', ...[...script.matchAll(/^\w+\(\) \{.*$/gm)].map((match) => match[0])])].join('\n');
  }
  return memory;
}

function bash(script: string): Shown {
  const { status, stdout, stderr } = spawnSync('bash', ['-eu', '-o', 'pipefail', '-c', script], { cwd: dir, encoding: 'utf8', timeout: 60_000 });
  return { code: status, stdout, stderr };
}

beforeAll(async () => {
  const missing = TYPED.filter((program) => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]).status !== 0);
  if (missing.length > 0) throw new Error(`the walk types ${missing.join(', ')}: make test installs what is missing`);
  project = await ProjectCopy.make('precinct walk ');
  dir = project.dir;
  // Whoever runs the tests may have walked already: what the walk wrote is taken back.
  rmSync(join(dir, 'config', 'opa'), { recursive: true, force: true });
  project.edit('config/capability-registry-v2.yaml', (text) => text.replace(project.onOurPorts(REGISTERED), ''));
  await project.start();
  const memory = type(WALK, '', walked, (at, remembered) => {
    if (at === 5) asked = bash(`${remembered}\nagw policy eval --caller "$ID" --tool my_tool --method tools/call --active`);
  });
  const before = readFileSync(join(dir, 'config', 'capability-registry-v2.yaml'), 'utf8');
  type(TOUR, memory, toured);
  left = { before, after: readFileSync(join(dir, 'config', 'capability-registry-v2.yaml'), 'utf8') };
  type(TOUR, memory, again);
}, 240_000);

afterAll(() => project.stop());

function step(n: number): Shown {
  const found = walked[n - 1];
  if (found === undefined) throw new RangeError(`the README's walk has no step ${n}`);
  return found;
}

function linesOf(output: string): string[] {
  return output.trim().split('\n');
}

function agw(...words: string[]): number | null {
  return spawnSync(join(dir, 'bin', 'agw'), words, { cwd: dir }).status;
}

function listed(words: string): unknown {
  return JSON.parse(spawnSync(join(dir, 'bin', 'agw'), [...words.split(' '), '--json'], { cwd: dir, encoding: 'utf8' }).stdout) as unknown;
}

/** Without what differs from run to run: hashes, then numbers. */
function lasting(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, 'H').replace(/[0-9a-f]{8}…[0-9a-f]{4}/g, 'h').replace(/\d+/g, 'N');
}

/** The parts of what a page shows that the block did not print, in the page's order; `…` stands for anything. */
function unprinted(shows: string, stdout: string): string[] {
  const printed = lasting(stdout);
  let at = 0;
  return linesOf(lasting(shows)).flatMap((line) => line.split('…')).map((part) => part.trim()).filter((part) => {
    const found = printed.indexOf(part, at);
    if (found >= 0) at = found + part.length;
    return found < 0;
  });
}

function lastRecord(): RecordLine {
  const text = step(10).stdout;
  return JSON.parse(text.slice(0, text.lastIndexOf('}') + 1)) as RecordLine;
}

function auditLines(): string[] {
  return linesOf(readFileSync(join(dir, '.precinct', 'audit', 'audit.jsonl'), 'utf8'));
}

describe('the newcomer\'s walk', () => {
  it('has a block for each of its ten steps, and each runs to its end', () => {
    expect(walked.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(new Array(10).fill(0));
    expect([...README.matchAll(/^\*\*(\d+)\. /gm)].map((match) => Number(match[1]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  // Step 8 shows what a terminal shows; here it is piped.
  it.each([1, 2, 3, 5, 6, 7, 9, 10])('%i: prints what the README shows', (n) => {
    const shows = WALK[n - 1]?.shows ?? '';
    expect(shows.trim()).not.toBe('');
    expect(unprinted(shows, step(n).stdout)).toEqual([]);
  });

  it('1: finds the gateway well', () => {
    expect(JSON.parse(step(1).stdout)).toMatchObject({ status: 'ok', profile: 'dev', audit: 'ok' });
  });

  it('2: lists the registered identity as the default', () => {
    expect(linesOf(step(2).stdout).find((line) => line.includes(CALLER))).toMatch(/\bdefault\b/);
  });

  it('3: gets the hash of the contract and lists the tool with hash, risk level and verification', () => {
    expect(linesOf(step(3).stdout)[0]?.split(' ')[0]).toBe(MY_TOOL_HASH);
    expect(linesOf(step(3).stdout).find((line) => line.startsWith('my_tool'))?.split(/\s+/).slice(0, 4)).toEqual(['my_tool', 'bcc9258a…c9e4', 'low', 'verified']);
  });

  it('5: answers for the files before they are loaded, and says where the gateway itself decides otherwise until then', () => {
    expect(linesOf(step(5).stdout)).toEqual(['ALLOW', 'DENY (no policy permits this combination)', 'exit code 1']);
    expect(linesOf(step(5).stderr).filter((line) => line.startsWith('note:'))).toEqual([expect.stringContaining('until agw policy reload the gateway says DENY')]);
  });

  it('5: the gateway denies what is not reloaded yet', () => {
    expect([asked.code, linesOf(asked.stdout)]).toEqual([1, ['DENY (no policy permits this combination)']]);
    expect(asked.stderr).not.toContain('note:');
    expect(step(6).stderr).not.toContain('agw policy reload');
  });

  it('6: allows my_tool and denies bash in the running gateway once the policies are reloaded', () => {
    expect(linesOf(step(6).stdout).slice(-3)).toEqual(['ALLOW', 'DENY (no policy permits this combination)', 'exit code 1']);
  });

  it('6: tells scripts by exit codes 0, 1 and 2, with the gateway and without', () => {
    const ask = ['policy', 'eval', '--caller', CALLER, '--method', 'tools/call', '--tool'];
    expect([agw(...ask, 'my_tool'), agw(...ask, 'bash'), agw('policy', 'eval', '--caller', 'nobody', '--tool', 'my_tool')]).toEqual([0, 1, 2]);
    expect([agw(...ask, 'my_tool', '--offline'), agw(...ask, 'bash', '--offline')]).toEqual([0, 1]);
  });

  it('7: serves an unmodified MCP client what it may call, and nothing else', () => {
    const [tools = '', answer = ''] = linesOf(step(7).stdout);
    expect(tools.split(' ').sort()).toEqual(['echo', 'get_time', 'my_tool', 'read_customer', 'send_message']);
    expect(JSON.parse(answer)).toEqual({ content: [{ type: 'text', text: 'my_tool looked at: hello' }] });
  });

  it('8: shows the call with ALLOW and all 13 layers, each with a verdict and a time', () => {
    const records = linesOf(step(8).stdout).map((line) => JSON.parse(line) as RecordLine);
    const call = records.find((record) => record['tool'] === 'my_tool' && record['method'] === 'tools/call');
    expect(call).toMatchObject({ decision: 'ALLOW', status: 200, spiffe_id: CALLER, auth_method: 'default_identity', code: null });
    expect(call?.layers_traversed.map(({ step: at, name }) => [at, name])).toEqual(LAYER_NAMES.map((name, i) => [i + 1, name]));
    expect(call?.layers_traversed.map(({ verdict }) => verdict)).toEqual(LAYER_NAMES.map((name) => (name === 'deep_scan' ? 'skipped' : 'pass')));
    expect(call?.layers_traversed.every(({ us }) => us >= 0)).toBe(true);
  });

  it('9: is refused with 403 and authz_policy_denied', () => {
    expect(JSON.parse(step(9).stdout)).toMatchObject({ code: 'authz_policy_denied', middleware: 'opa_policy', middleware_step: 6, jsonrpc: '2.0', id: 1, error: { code: 403, data: { code: 'authz_policy_denied' } } });
  });

  it('9: is an HTTP 403', async () => {
    const body = '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"bash","arguments":{"command":"whoami"}},"id":1}';
    const response = await fetch(`http://127.0.0.1:${project.gatewayPort}/`, { method: 'POST', headers: { 'content-type': 'application/json', 'x-spiffe-id': CALLER }, body });
    expect(response.status).toBe(403);
  });

  it('10: shows the record of that refusal', () => {
    const record = lastRecord();
    for (const member of ['decision_id', 'trace_id', 'spiffe_id', 'tool', 'decision', 'layers_traversed', 'timestamps', 'risk_score', 'prev_hash', 'hash']) expect(record).toHaveProperty(member);
    expect(record).toMatchObject({ tool: 'bash', decision: 'DENY', code: 'authz_policy_denied', decision_id: (JSON.parse(step(9).stdout) as RecordLine)['decision_id'] });
    expect(record.layers_traversed.map(({ verdict }) => verdict)).toEqual([...new Array<string>(5).fill('pass'), 'deny', ...new Array<string>(7).fill('not_reached')]);
  });

  it('10: has a chain that anybody can recompute', () => {
    let before = createHash('sha256').update('').digest('hex');
    for (const line of auditLines()) {
      const at = line.lastIndexOf(',"hash":"');
      const { prev_hash: linked, hash } = JSON.parse(line) as RecordLine;
      expect(linked).toBe(before);
      expect(createHash('sha256').update(`${line.slice(0, at)}}`).digest('hex')).toBe(hash);
      before = hash;
    }
    expect(agw('audit', 'verify')).toBe(0);
  });

  it('leaves every policy test passing: its own rules break none of the shipped ones', () => {
    const { status, stdout } = spawnSync(join(dir, 'bin', 'agw'), ['policy', 'test', '--json'], { cwd: dir, encoding: 'utf8' });
    const { passed, failed } = JSON.parse(stdout) as { passed: number; failed: number };
    expect({ status, failed, some: passed > 0, loaded: existsSync(join(dir, 'config', 'opa', 'policies', 'my_agent.rego')) }).toEqual({ status: 0, failed: 0, some: true, loaded: true });
  });

  it('10: notices a record that was changed', () => {
    const copy = join(dir, 'copy');
    cpSync(join(dir, '.precinct', 'audit'), join(copy, 'audit'), { recursive: true });
    const verify = (): number | null => spawnSync(join(dir, 'bin', 'agw'), ['audit', 'verify'], { cwd: dir, env: { ...process.env, AGW_STATE_DIR: copy } }).status;
    expect(verify()).toBe(0);
    const file = join(copy, 'audit', 'audit.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"decision":"DENY"', '"decision":"ALLOW"'));
    expect(verify()).toBe(1);
  });
});

describe('the tour', () => {
  it('runs each stop to its end, and again after its undo', () => {
    expect([...toured, ...again].map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual(new Array(16).fill(0));
  });

  it.each(TOUR.map(({ shows }, at) => [at, shows] as const).filter(([, shows]) => shows !== ''))('prints what the page shows at stop %i', (at, shows) => {
    for (const run of [toured, again]) expect(unprinted(shows, run[at]?.stdout ?? '')).toEqual([]);
  });

  it.each([['first', toured], ['second', again]])('meets the refusal of each layer it promises, in this order, the %s time', (_, run) => {
    const codes = run.map(({ stdout }) => linesOf(stdout).filter((line) => /^"[a-z_]+"$/.test(line)).map((line) => JSON.parse(line) as string));
    expect(codes).toEqual([[], ['dlp_credentials_detected'], ['stepup_approval_required', 'stepup_approval_required'], ['token_scope_failed'], ['registry_hash_mismatch', 'registry_hash_mismatch'], ['exfiltration_detected'], [], []]);
  });

  it('leaves neither the credential nor the secret in anything that was written', () => {
    const state = join(dir, '.precinct');
    const files = readdirSync(state, { recursive: true, encoding: 'utf8' }).map((name) => join(state, name)).filter((path) => statSync(path).isFile());
    const written = [...files.map((path) => readFileSync(path, 'latin1')), ...[...toured, ...again].flatMap(({ stdout, stderr }) => [stdout, stderr])];
    for (const value of ['AKIAIOSFODNN7', 's3cr3t-of-the-tour']) expect(written.filter((text) => text.includes(value))).toEqual([]);
  });

  it('has an intent line for the call with a secret and for the approved one', () => {
    const intents = auditLines().map((line) => JSON.parse(line) as RecordLine).filter((line) => line['type'] === 'intent');
    expect(intents.map((line) => line['tool'])).toEqual(['bash', 'my_tool', 'bash', 'my_tool']);
  });

  it('leaves nothing of its own behind', () => {
    expect(readFileSync(join(dir, 'config', 'identities.yaml'), 'utf8')).not.toContain('tester');
    expect(left.after).toBe(left.before);
    expect(readFileSync(join(dir, 'config', 'capability-registry-v2.yaml'), 'utf8')).toBe(left.before);
    expect(['approvals list', 'approver list', 'secret list'].map((words) => listed(words))).toEqual([{ approvals: [], total: 0 }, { approvers: [] }, { secrets: [], references: [] }]);
    expect(agw('policy', 'eval', '--caller', CALLER.replace('my-agent', 'tester-1'), '--tool', 'echo')).toBe(1);
    expect(agw('audit', 'verify')).toBe(0);
  });
});
