// The README's programs in Python, Go and TypeScript, as they stand there, each with its package installed from file in a place of its own, against the gateway as make up starts it.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProjectCopy, ROOT } from './project-copy.js';

interface Install {
  readonly installSdkTools: () => Promise<Readonly<Record<string, string | undefined>>>;
  readonly pythonProgram: () => string;
  readonly wheelsFolder: () => string;
}

const { installSdkTools, pythonProgram, wheelsFolder } = (await import(pathToFileURL(join(ROOT, 'test', 'sdk', 'install.mjs')).href)) as Install;
const missing = await installSdkTools();

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const PRINTS = 'my_tool looked at: hello\n';
const GO_MODULE = 'precinct.example/sdk/go';
const LONG_MS = 180_000;
/** What the gateway's contract says of them, word for word; `…` stands for anything. */
const LITERALS: Readonly<Record<string, readonly string[]>> = {
  python: ['from mcp_gateway_sdk import GatewayClient', 'GatewayClient(gateway_url=…, spiffe_id=…)', 'await client.call_tool("my_tool", {…})'],
  go: ['client, err := mcpgateway.NewClient("http://localhost:9090", mcpgateway.WithSPIFFEID("…"))', 'client.CallTool(…, "my_tool", map[string]any{…})'],
  js: ['import { GatewayClient } from \'@precinct/sdk\';', 'new GatewayClient({ gatewayUrl: …, spiffeId: … })', 'await client.callTool(\'my_tool\', {…})'],
};

let project: ProjectCopy;
let dir = '';

/** What the README shows in one language. */
function program(language: string): string {
  return new RegExp(`^\`\`\`${language} sdk\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(README)?.[1] ?? '';
}

/** What the walk writes to a file. */
function written(word: string): string {
  return new RegExp(`<<'${word}'\\n([\\s\\S]*?)^${word}$`, 'm').exec(README)?.[1] ?? '';
}

/** An SDK as a clone has it: what is tracked, and nothing that was built. */
function clean(language: string): string {
  const made = join(dir, 'clean', language);
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', `sdk/${language}`], { cwd: ROOT, encoding: 'utf8' }).split('\0').filter((file) => file !== '' && existsSync(join(ROOT, file)));
  for (const file of files) {
    const to = join(made, file.slice(`sdk/${language}/`.length));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(ROOT, file), to);
  }
  return made;
}

function typed(command: string, words: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, words, { cwd, encoding: 'utf8', timeout: LONG_MS, env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`${basename(command)} ${words.join(' ')}:\n${stdout}${stderr}${error?.message ?? ''}`);
  return stdout;
}

function folder(name: string): string {
  const made = join(dir, name);
  mkdirSync(made, { recursive: true });
  return made;
}

function test(kind: string, name: string, run: () => void): void {
  const why = missing[kind];
  if (why === undefined) it(name, run, LONG_MS);
  else it.skip(`${name} (missing: ${why})`, run);
}

beforeAll(async () => {
  project = await ProjectCopy.make('precinct sdk ');
  dir = project.dir;
  // As after the walk's steps 3 and 4.
  mkdirSync(join(dir, 'config', 'opa', 'policies'), { recursive: true });
  writeFileSync(join(dir, 'config', 'opa', 'policies', 'my_agent.rego'), written('REGO'));
  const registered = project.onOurPorts(written('YAML'));
  project.edit('config/capability-registry-v2.yaml', (text) => text.replace(registered, '') + registered);
  await project.start();
}, LONG_MS);

afterAll(() => project.stop());

describe('the README\'s programs', () => {
  it.each(Object.keys(LITERALS))('say what the contract says, in %s', (language) => {
    const shown = program(language);
    const asPattern = (literal: string): RegExp => new RegExp(literal.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^\\n]+?'));
    expect((LITERALS[language] ?? []).filter((literal) => !asPattern(literal).test(shown))).toEqual([]);
  });

  test('python', 'run in Python, in a fresh environment with the wheel, which brings httpx and nothing else', () => {
    const wheels = folder('wheel');
    typed(pythonProgram(), ['-m', 'hatchling', 'build', '-t', 'wheel', '-d', wheels], clean('python'));
    const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl')) ?? '';
    const fresh = join(dir, 'fresh python');
    typed('python3', ['-m', 'venv', fresh], dir);
    typed(join(fresh, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-index', '--find-links', wheelsFolder(), join(wheels, wheel)], dir);
    writeFileSync(join(fresh, 'program.py'), project.onOurPorts(program('python')));
    expect(typed(join(fresh, 'bin', 'python'), ['program.py'], fresh)).toBe(PRINTS);
    const needs = typed(join(fresh, 'bin', 'python'), ['-c', 'import importlib.metadata as m; print("\\n".join(r for r in m.requires("mcp-gateway-sdk") if "extra ==" not in r))'], fresh);
    expect(needs.trim().split('\n').map((line) => /^[\w-]+/.exec(line)?.[0])).toEqual(['httpx']);
  });

  test('go', 'run in Go, in a fresh module that is pointed at the SDK\'s folder, which needs go-spiffe, with its gRPC, and nothing else', () => {
    const fresh = folder('fresh go');
    const sdk = clean('go');
    const offline = { GOPROXY: 'off', GOSUMDB: 'off', GOFLAGS: '-mod=mod', GOWORK: 'off' }; // what it needs is in the module cache
    writeFileSync(join(fresh, 'main.go'), project.onOurPorts(program('go')));
    typed('go', ['mod', 'init', 'example.com/program'], fresh, offline);
    typed('go', ['mod', 'edit', '-require', `${GO_MODULE}@v0.1.0`, '-replace', `${GO_MODULE}@v0.1.0=${sdk}`], fresh, offline);
    expect(typed('go', ['run', '.'], fresh, offline)).toBe(PRINTS);
    const foreign = typed('go', ['list', '-f', '{{join .Imports "\\n"}}', './mcpgateway'], sdk).split('\n').filter((path) => path.split('/', 1)[0]?.includes('.') === true);
    expect(foreign.filter((path) => !/^(github\.com\/spiffe\/go-spiffe|google\.golang\.org\/grpc)\//.test(path))).toEqual([]);
  });

  test('typescript', 'run in Node, in an empty folder with the tarball, which brings nothing else', () => {
    const packed = folder('tarball');
    typed('npm', ['pack', '--silent', '--pack-destination', packed], join(ROOT, 'sdk', 'typescript'));
    const tarball = readdirSync(packed).find((name) => name.endsWith('.tgz')) ?? '';
    const fresh = folder('fresh node');
    writeFileSync(join(fresh, 'package.json'), '{"type":"module","private":true}');
    typed('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', join(packed, tarball)], fresh);
    writeFileSync(join(fresh, 'program.js'), project.onOurPorts(program('js')));
    expect(typed(process.execPath, ['program.js'], fresh)).toBe(PRINTS);
    expect(readdirSync(join(fresh, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['@precinct']);
    expect(readdirSync(join(fresh, 'node_modules', '@precinct'))).toEqual(['sdk']);
  });
});
