// The tree's own rules (DESIGN sections 1 and 5): what may import what, what a file looks like, which words and doors are closed.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { ERRORS, LAYER_NAMES } from '../src/base/errors/table.js';
import { buildLayers, LAYER_REASONS, type Engines } from '../src/layers/index.js';

const TRACKED = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0').filter((file) => file !== '' && existsSync(file));
const TYPESCRIPT = TRACKED.filter((file) => file.endsWith('.ts'));
const SOURCES = TYPESCRIPT.filter((file) => file.startsWith('src/'));

const text = (file: string): string => readFileSync(file, 'utf8');
const parsed = new Map(TYPESCRIPT.map((file) => [file, ts.createSourceFile(file, text(file), ts.ScriptTarget.ES2023, true)]));
const tree = (file: string): ts.SourceFile => parsed.get(file) ?? ts.createSourceFile(file, '', ts.ScriptTarget.ES2023);

function visit(file: string, look: (node: ts.Node) => void): void {
  const walk = (node: ts.Node): void => {
    look(node);
    ts.forEachChild(node, walk);
  };
  walk(tree(file));
}
const placeOf = (file: string, node: ts.Node): string => `${file}:${tree(file).getLineAndCharacterOfPosition(node.getStart()).line + 1}`;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  visit(file, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ from: file, to: node.moduleSpecifier.text, typeOnly: isTypeOnly(node) });
    }
    if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || /^require(\.resolve)?$/.test(node.expression.getText()))) {
      const [first] = node.arguments;
      if (first !== undefined && ts.isStringLiteral(first)) found.push({ from: file, to: first.text, typeOnly: false });
    }
  });
  return found;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  return clause.name === undefined && bindings !== undefined && ts.isNamedImports(bindings) && bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
}

const LEVELS: Readonly<Record<string, number>> = {
  base: 0, mcp: 0, engines: 1, upstream: 1, audit: 1, chain: 2, layers: 3, response: 3, terminals: 3, front: 4, control: 4, jobs: 4, compliance: 4, 'gateway.ts': 5, 'main.ts': 6, threads: 6, cli: 6,
};
/** Contracts that lie above who speaks them; types only. */
const CONTRACTS: Readonly<Record<string, string>> = {
  'src/front/types.ts': 'what enters and leaves: the chain speaks Inbound and Reply, and must not know who serves them',
  'src/threads/messages.ts': 'what the control plane reports is what the threads tell',
};
/** Values across one line of the ladder, in this direction only. */
const NEIGHBOURS: Readonly<Record<string, string>> = {
  'terminals>response': 'what a tool server says crosses the firewall within the terminal that asked it',
  'mcp>base': 'the error table and the JSON spans are base',
  'main.ts>threads': 'the process starts its threads',
};

function roomOf(file: string): string {
  const [, top = '', second = ''] = file.split('/');
  return top === 'engines' ? `engines/${second}` : top;
}
const levelOf = (room: string): number => LEVELS[room.split('/', 1)[0] ?? ''] ?? Number.NaN;

/** Undefined = allowed. */
function ladderFault(from: string, target: string, typeOnly: boolean): string | undefined {
  const [room, other] = [roomOf(from), roomOf(target)];
  if (room === other) return undefined;
  if (typeOnly && (CONTRACTS[target] !== undefined || other.startsWith('engines/'))) return levelOf(room) === 0 ? `${room} knows nothing of ${other}` : undefined;
  if (room === 'chain' && other.startsWith('engines/')) return 'the chain takes types from engines, never values';
  if (levelOf(other) < levelOf(room) || NEIGHBOURS[`${room}>${other}`] !== undefined) return undefined;
  return `${room} may not import ${other}`;
}

describe('the import ladder', () => {
  it('knows the level of every room', () => {
    expect(SOURCES.map(roomOf).filter((room) => Number.isNaN(levelOf(room)))).toEqual([]);
  });

  it('goes down only', () => {
    const faults = SOURCES.flatMap(importsOf).filter(({ to }) => to.startsWith('.')).flatMap(({ from, to, typeOnly }) => {
      const target = join(dirname(from), to).replace(/\.js$/, '.ts');
      const fault = target.startsWith('src/') ? ladderFault(from, target, typeOnly) : undefined;
      return fault === undefined ? [] : [`${from} → ${target}: ${fault}`];
    });
    expect(faults).toEqual([]);
  });

  it.each([
    ['src/engines/dlp/scanner.ts', 'src/engines/guard/guard.ts', false], ['src/base/clock/clock.ts', 'src/engines/dlp/types.ts', true], ['src/layers/01-request-size-limit.ts', 'src/front/inbound.ts', false],
    ['src/chain/run.ts', 'src/engines/dlp/scanner.ts', false], ['src/audit/writer.ts', 'src/upstream/sse.ts', false], ['src/response/index.ts', 'src/terminals/call.ts', false], ['src/layers/index.ts', 'src/gateway.ts', true],
  ])('would refuse %s → %s', (from, target, typeOnly) => {
    expect(ladderFault(from, target, typeOnly)).toBeDefined();
  });

  it('keeps the front free of layers', () => {
    expect(SOURCES.filter((file) => file.startsWith('src/front/')).flatMap(importsOf).filter(({ to }) => /\/(layers|terminals|gateway)/.test(to)).map(({ from }) => from)).toEqual([]);
  });

  it('lets every import end in .js and reach a file', () => {
    const lost = SOURCES.flatMap(importsOf).filter(({ from, to }) => to.startsWith('.') && !(to.endsWith('.js') && existsSync(join(dirname(from), to).replace(/\.js$/, '.ts'))));
    expect(lost.map(({ from, to }) => `${from}: ${to}`)).toEqual([]);
  });
});

/** Foreign things stop at the door: package → the folders that may know it. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  'uWebSockets.js': ['src/front/'],
  re2: ['src/base/matcher/'],
  undici: ['src/upstream/', 'src/base/http-client/'],
  // Approvals are its tables; the other two borrow its file lock, which the kernel gives up with the process.
  'better-sqlite3': ['src/base/sqlite/'],
  '@grpc/grpc-js': ['src/base/workload-api/'],
  piscina: ['src/base/workers/'],
  pino: ['src/base/telemetry/'],
  '@opentelemetry/api': ['src/base/telemetry/'],
  '@opentelemetry/exporter-trace-otlp-proto': ['src/base/telemetry/'],
  '@opentelemetry/resources': ['src/base/telemetry/'],
  '@opentelemetry/sdk-trace': ['src/base/telemetry/'],
  'prom-client': ['src/control/'],
  jose: ['src/engines/identity/'],
  commander: ['src/cli/'],
  picocolors: ['src/cli/'],
  'cli-table3': ['src/cli/'],
};

describe('foreign packages', () => {
  it.each(Object.entries(DOORS))('%s is known only behind %j', (name, folders) => {
    const knowing = SOURCES.flatMap(importsOf).filter(({ to }) => to === name || to.startsWith(`${name}/`)).map(({ from }) => from);
    expect(knowing.filter((file) => !folders.some((folder) => file.startsWith(folder)))).toEqual([]);
  });

  it('are named in package.json, and those of the product not only for development', () => {
    const { dependencies } = JSON.parse(text('package.json')) as { dependencies: Record<string, string> };
    const foreign = SOURCES.flatMap(importsOf).filter(({ to, typeOnly }) => !typeOnly && !to.startsWith('.') && !to.startsWith('node:'));
    const names = new Set(foreign.map(({ to }) => (to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : to.split('/', 1)[0] ?? '')));
    expect([...names].filter((name) => dependencies[name] === undefined)).toEqual([]);
  });

  it('that are native load behind few doors', () => {
    const loading = SOURCES.filter((file) => /\bprocess\.dlopen|\.node['"`)]/.test(text(file)));
    expect(loading.filter((file) => !/^src\/(base\/(matcher|json|native)|front)\//.test(file))).toEqual([]);
  });
});

describe('a source file', () => {
  it('begins with a comment that says what it is for', () => {
    expect([...SOURCES, ...TYPESCRIPT.filter((file) => /^(test|bench)\//.test(file))].filter((file) => !/^\/[/*]/.test(text(file)))).toEqual([]);
  });

  it('has no any, no non-null assertion, no default export, no state at import time', () => {
    const faults: string[] = [];
    // One compiled, immutable WebAssembly module for all policy sets of a thread: 30 ms each otherwise.
    const remembering = new Set(['src/engines/policy/rego-module.ts']);
    for (const file of SOURCES) {
      visit(file, (node) => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) faults.push(`${placeOf(file, node)}: any`);
        if (ts.isNonNullExpression(node)) faults.push(`${placeOf(file, node)}: !`);
        if (ts.isExportAssignment(node)) faults.push(`${placeOf(file, node)}: default export`);
        if (ts.isVariableStatement(node) && node.parent === tree(file) && (node.declarationList.flags & ts.NodeFlags.Const) === 0 && !remembering.has(file)) faults.push(`${placeOf(file, node)}: state at import time`);
      });
      if (/@ts-(ignore|nocheck|expect-error)/.test(text(file))) faults.push(`${file}: silences the compiler`);
    }
    expect(faults).toEqual([]);
  });

  it('reads the environment only in base/config', () => {
    expect(SOURCES.filter((file) => !file.startsWith('src/base/config/') && /\bprocess\s*\.\s*env\b|\bprocess\[['"]env/.test(text(file)))).toEqual([]);
  });

  it('takes clock and chance as arguments', () => {
    const allowed: Readonly<Record<string, string>> = {
      'src/audit/spawn-writer.ts': 'names the writer\'s real surroundings, which are passed in',
    };
    const taking = SOURCES.filter((file) => !file.startsWith('src/base/') && /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.(now|timeOrigin)\b/.test(text(file)));
    expect(taking.filter((file) => allowed[file] === undefined)).toEqual([]);
  });

  it('has a name that says what it holds', () => {
    const banned = /(^|[-./])(utils?|helpers?|managers?|common|misc)([-./]|$)/i;
    expect(TRACKED.filter((file) => /^(src|test|bench|scripts|native|policies|examples)\//.test(file) && banned.test(file))).toEqual([]);
  });

  it('declares no vague names', () => {
    const faults: string[] = [];
    for (const file of SOURCES) {
      visit(file, (node) => {
        const name = (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isVariableDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isMethodDeclaration(node)) && node.name !== undefined && ts.isIdentifier(node.name) ? node.name.text : '';
        if (name.split(/_|(?<=[a-z0-9])(?=[A-Z])/).some((word) => /^(utils?|helpers?|manager|common|misc|stuff)$/i.test(word))) faults.push(`${placeOf(file, node)}: ${name}`);
      });
    }
    expect(faults).toEqual([]);
  });
});

describe('the list of layers', () => {
  // Nothing of an engine is touched when a layer is made.
  const { layers } = buildLayers({} as unknown as Engines);
  const numbered = layers.filter((layer) => layer.unnumbered !== true);
  const index = text('src/layers/index.ts');

  it('has the thirteen in the order of the contract', () => {
    expect(numbered.map(({ step, name }) => [step, name])).toEqual(LAYER_NAMES.map((name, i) => [i + 1, name]));
  });

  it('has one file for each, its number and name in the file\'s', () => {
    const files = TRACKED.filter((file) => /^src\/layers\/\d\d-/.test(file)).map((file) => basename(file)).sort();
    expect(files).toEqual(LAYER_NAMES.map((name, i) => `${String(i + 1).padStart(2, '0')}-${name.replaceAll('_', '-')}.ts`));
    for (const [i, file] of files.entries()) expect(text(`src/layers/${file}`)).toContain(`step: ${i + 1},\n`);
  });

  it('says at each line why the layer sits there', () => {
    expect(index.split('\n').filter((line) => /^\s+\.push\(/.test(line)).filter((line) => !/ \/\/ .{10,}/.test(line))).toEqual([]);
    expect(LAYER_REASONS).toHaveLength(LAYER_NAMES.length);
  });

  it('agrees with the error table: a layer\'s fault carries a code of its own step', () => {
    const foreign = layers.filter(({ step, onFault }) => ERRORS[onFault.code].step !== step).map(({ name }) => name);
    expect(foreign).toEqual(['bind_session']); // step 0's code: the client must initialize again
    for (const { step, middleware } of Object.values(ERRORS)) if (step >= 1 && step <= LAYER_NAMES.length) expect(middleware).toBe(LAYER_NAMES[step - 1]);
  });

  it('has no layer that knows sockets', () => {
    expect(SOURCES.filter((file) => file.startsWith('src/layers/')).flatMap(importsOf).filter(({ to, typeOnly }) => !typeOnly && /\/front\/|uWebSockets/.test(to)).map(({ from }) => from)).toEqual([]);
  });
});

describe('tests', () => {
  const tests = TYPESCRIPT.filter((file) => file.endsWith('.test.ts') && file !== 'test/tidy.test.ts');

  it('are never left out silently or run alone', () => {
    // A test that can't run here says what is missing in its name.
    const silent = /\b(it|test|describe)(\.\w+)*\.(only\b|todo\b|skip\((?!['"`][^'"`]*\b(not built|absent|missing|not installed)))/;
    expect(tests.filter((file) => silent.test(text(file)))).toEqual([]);
  });

  it('replace no module', () => {
    expect(tests.filter((file) => /\bvi\.(mock|doMock|stubGlobal)\(/.test(text(file)))).toEqual([]);
  });

  it('that mirror the tree have something to mirror', () => {
    const mirrored = tests.filter((file) => /^test\/unit\/\w+\//.test(file)).map((file) => file.replace(/^test\/unit\//, 'src/').replace(/\.test\.ts$/, '.ts'));
    const lost = mirrored.filter((file) => !existsSync(file) && !existsSync(dirname(file)));
    expect(lost).toEqual([]);
    const bare = SOURCES.filter((file) => !/(^|\/)(types|uws-types|messages|protocol|parts|services|scanned)\.ts$/.test(file) && !existsSync(file.replace(/^src\//, 'test/unit/').replace(/\.ts$/, '.test.ts')));
    console.log(`modules without a unit test of their own: ${bare.length} of ${SOURCES.length}`);
  });
});

describe('tracked files', () => {
  const small = TRACKED.filter((file) => statSync(file).size < 1 << 20 && !text(file).includes('\0'));

  it('name no machine', () => {
    const own = [process.cwd(), homedir()].filter((path) => path.split('/').length > 2);
    const machine = /(^|[\s"'`(=])\/(home|Users)\/[a-z][\w.-]*\/|(^|[\s"'`(=])\/root\/[\w.]/m;
    expect(small.filter((file) => file !== 'test/tidy.test.ts' && (machine.test(text(file)) || own.some((path) => text(file).includes(path))))).toEqual([]);
  });

  it('name no package registry', () => {
    const registry = /\bregistry\.[a-z0-9-]+\.(org|com|io|net)\b/i;
    expect(small.filter((file) => file !== 'test/tidy.test.ts' && registry.test(text(file)))).toEqual([]);
    expect(text('package-lock.json')).not.toMatch(/"resolved": "(?!sdk\/typescript")/); // what is linked lies in this tree
  });
});

describe('sizes', () => {
  it('are measured at every run', () => {
    const lines = SOURCES.map((file) => text(file).split('\n').length - 1).sort((a, b) => a - b);
    const at = (share: number): number => lines[Math.min(lines.length - 1, Math.floor(lines.length * share))] ?? 0;
    const large = SOURCES.map((file) => [text(file).split('\n').length - 1, file] as const).filter(([count]) => count > 300).sort(([a], [b]) => b - a);
    console.log(`src: ${lines.length} modules, median ${at(0.5)} lines (aim ≈100), p90 ${at(0.9)} (aim ≤220), largest ${lines.at(-1)}${large.map(([count, file]) => `\n  ${count} ${file}`).join('')}`);
    expect(lines.length).toBeGreaterThan(100);
  });
});
