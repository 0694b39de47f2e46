// What the pages show exists and works: commands parse, links lead somewhere, keys and codes are known, every block is what it says it is.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ENVIRONMENT_VARIABLES } from '../../src/base/config/environment.js';
import { parseGatewayConfig } from '../../src/base/config/load.js';
import { gatewayConfigSchema } from '../../src/base/config/schema.js';
import { ERRORS, LAYER_NAMES } from '../../src/base/errors/table.js';
import { COMMANDS, GROUPS } from '../../src/cli/index.js';
import { buildProgram } from '../../src/cli/program.js';
import { buildMatcher } from '../../src/base/matcher/choose.js';
import { parseRules } from '../../src/engines/dlp/rule-file.js';
import { createDlpScanner, toPatterns } from '../../src/engines/dlp/scanner.js';
import { parseIdentities } from '../../src/engines/identity/identity-table.js';
import { loadPolicySet } from '../../src/engines/policy/policy-set.js';
import { runPolicyTests } from '../../src/engines/policy/rego-tests.js';
import { parseRegistry } from '../../src/engines/registry/registry-file.js';
import { parseChains } from '../../src/engines/session-risk/chains.js';
import { parseDestinations } from '../../src/engines/step-up/destinations.js';
import { parseThresholds } from '../../src/engines/step-up/thresholds.js';
import { buildLayers, type Engines } from '../../src/layers/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'bench/README.md', 'native/rego/README.md', 'sdk/README.md', 'sdk/behaviour/README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('docs', name)).sort(),
];
const FENCE = /^```(\w*)([^\n]*)\n([\s\S]*?)^```$/gm;
const HEREDOC = /<<'([A-Z]+)'\n([\s\S]*?)\n\1$/gm;
const LANGUAGES = ['', 'sh', 'yaml', 'rego', 'json', 'ts', 'python', 'go', 'js', 'nginx'];
const POLICY_OPTIONS = { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1_000_000, clock: { nowMs: () => 0, monotonicMs: () => 0 } };
/** `secrets.enc` is a file, not a key. */
const FILE_ENDINGS = new Set(['enc', 'key', 'sock', 'yaml', 'pid', 'log', 'sqlite']);

/** The word behind `yaml` says which of the gateway's files a block is. */
const YAML_FILES: Readonly<Record<string, (text: string, file: string) => unknown>> = {
  gateway: parseGatewayConfig,
  registry: parseRegistry,
  identities: (text, file) => parseIdentities(text, file, 'poc.local'),
  rules: parseRules,
  thresholds: parseThresholds,
  destinations: parseDestinations,
  chains: parseChains,
};

interface Block {
  readonly language: string;
  readonly word: string;
  readonly text: string;
}

function text(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** Fenced blocks, and what the shell blocks write to files. */
function blocks(page: string): Block[] {
  const fenced = [...text(page).matchAll(FENCE)].map(([, language = '', word = '', body = '']) => ({ language, word: word.trim(), text: body }));
  const written = fenced.filter(({ language }) => language === 'sh').flatMap((block) => [...block.text.matchAll(HEREDOC)].map(([, name = '', body = '']) => ({ language: name.toLowerCase(), word: '', text: `${body}\n` })));
  return [...fenced, ...written.filter(({ language }) => LANGUAGES.includes(language))];
}

const of = (page: string, language: string): Block[] => blocks(page).filter((block) => block.language === language);

/** Every `agw …` of a shell text: at the start of a line, behind a pipe, within `$(…)`. */
function commandsIn(shell: string): string[][] {
  const lines = shell.replace(HEREDOC, '').replaceAll('\\\n', ' ').split('\n').map((line) => line.replace(/(^|\s)#.*$/, ''));
  return lines.flatMap((line) => [...line.matchAll(/(?:^\s*|[|&;(]\s*)agw( (?:"(?:\$\([^)]*\)|[^"])*"|'[^']*'|[^|;&<>()"'])*|$)/g)].map((match) => wordsOf(match[1] ?? '')));
}

function wordsOf(command: string): string[] {
  return [...command.matchAll(/"((?:\$\([^)]*\)|[^"])*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** In running text: what a person would type. `agw audit …`, `agw a|b` and usage lines with [brackets] are not; a command's bare name is a name. */
function inlineCommands(page: string): string[][] {
  const prose = text(page).replace(FENCE, '');
  return [...prose.matchAll(/`agw( [^`|…[\]]+)`/g)].map((match) => wordsOf(match[1] ?? '')).filter((words) => !COMMANDS.some(({ path }) => path === words.join(' ')));
}

/** What the command line would say to these words; undefined = it would run them. */
async function complaint(words: readonly string[]): Promise<string | undefined> {
  const isFamily = words.length === 1 && GROUPS.some(({ name }) => name === words[0]);
  if (isFamily) return undefined;
  const program = buildProgram(COMMANDS, GROUPS, () => Promise.resolve(0), { out: () => undefined, err: () => undefined }, () => undefined);
  const alone = GROUPS.find(({ name }) => name === words[0])?.alone;
  const whole = alone !== undefined && (words[1] ?? '-').startsWith('-') ? [...alone.split(' '), ...words.slice(1)] : words;
  try {
    await program.parseAsync([...whole], { from: 'user' });
    return undefined;
  } catch (error) {
    return `agw ${words.join(' ')}: ${error instanceof Error ? error.message : 'refused'}`;
  }
}

/** What the compiler says to these files (name → text) as if they were in the tree. */
function compilerSays(files: ReadonlyMap<string, string>): string[] {
  const { options } = ts.parseJsonConfigFileContent(ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  const shown = (path: string): string | undefined => files.get(relative(ROOT, path));
  host.fileExists = (path) => shown(path) !== undefined || fileExists.call(host, path);
  host.getSourceFile = (path, ...rest) => {
    const text = shown(path);
    return text === undefined ? getSourceFile.call(host, path, ...rest) : ts.createSourceFile(path, text, ts.ScriptTarget.ES2023);
  };
  const program = ts.createProgram([...files.keys()].map((name) => join(ROOT, name)), options, host);
  return [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(join(ROOT, name));
    return source === undefined ? [`${name}: not compiled`] : [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((one) => `${name}: ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`);
  });
}

/** Of headings as GitHub makes them (lower case, spaces to dashes, without punctuation), and those that are written. */
function anchorsOf(page: string): Set<string> {
  const body = text(page).replace(FENCE, '');
  const headings = [...body.matchAll(/^#{1,6} (.*)$/gm)].map((match) => (match[1] ?? '').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'));
  return new Set([...headings, ...[...body.matchAll(/<a id="([\w-]+)"><\/a>/g)].map((match) => match[1] ?? '')]);
}

describe('the check of commands', () => {
  it('finds them at line starts, behind pipes, in substitutions, and not in heredocs', () => {
    const shell = 'agw status # really\nprintf x | agw secret put n --owner "a b"\nagw audit explain "$(agw audit search --last 1 | jq -r .decision_id)"\ncat <<\'YAML\'\nagw nothing\nYAML\n';
    expect(commandsIn(shell)).toEqual([['status'], ['secret', 'put', 'n', '--owner', 'a b'], ['audit', 'explain', '$(agw audit search --last 1 | jq -r .decision_id)']]);
  });

  it.each([['polcy', 'reload'], ['audit', 'search', '--lst', '1'], ['policy', 'eval', '--tool', 'x'], ['approvals', 'approve'], ['audit', 'search', '--decision', 'MAYBE'], ['status', 'now', 'please']])('complains of agw %s %s', async (...words) => {
    expect(await complaint(words)).toBeDefined();
  });
});

describe.each(PAGES)('%s', (page) => {
  it('shows only commands that the command line would run', async () => {
    const shown = [...of(page, 'sh').flatMap((block) => commandsIn(block.text)), ...inlineCommands(page)];
    const complaints = await Promise.all(shown.map(complaint));
    expect(complaints.filter((one) => one !== undefined)).toEqual([]);
  });

  it('links only to files and headings that exist', () => {
    const links = [...text(page).replace(FENCE, '').matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const dead = links.filter(([, file = '', anchor]) => {
      const target = file === '' ? page : join(dirname(page), file);
      return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(target).has(anchor));
    });
    expect(dead.map(([whole]) => whole)).toEqual([]);
  });

  it('names only files and settings that exist', () => {
    const paths = [...text(page).matchAll(/(?:`|^(?:npx vitest run|node) )((?:src|test|config|scripts|native|policies|examples|bench|docs|sdk)\/[\w./-]+)/gm)].map((match) => match[1] ?? '');
    const written = blocks(page).flatMap((block) => [...block.text.matchAll(/> ?((?:config|policies)\/\S+)/g)].map((match) => match[1] ?? ''));
    expect(paths.filter((path) => !/[…*]|NN-|\/a\/b\./.test(path) && !written.includes(path) && !existsSync(join(ROOT, path)) && !existsSync(join(ROOT, dirname(page), path)))).toEqual([]);
    const schema = gatewayConfigSchema.parse({}) as Record<string, unknown>;
    const keys = [...text(page).matchAll(/`([a-z_]+)\.([a-z_]+)`/g)].filter(([, section = '', key = '']) => typeof schema[section] === 'object' && !FILE_ENDINGS.has(key));
    expect(keys.filter(([, section = '', key = '']) => !Object.hasOwn(schema[section] as object, key)).map(([whole]) => whole)).toEqual([]);
    const sections = [...text(page).matchAll(/`([a-z_]+)\.\*`/g)].map((match) => match[1] ?? '').filter((name) => !/^(time|rand|uuid|crypto|graphql|net)$/.test(name));
    expect(sections.filter((name) => typeof schema[name] !== 'object')).toEqual([]);
  });

  it('names only error codes of the table', () => {
    const codes = [...text(page).matchAll(/`((?:authz|auth|dlp|registry|stepup|deepscan|ratelimit|circuit|token|mcp|response|audit|session|exfiltration|request|origin|gateway)_[a-z_]+)`/g)].map((match) => match[1] ?? '');
    const settings = Object.values(gatewayConfigSchema.parse({}) as Record<string, unknown>).flatMap((section) => (typeof section === 'object' && section !== null ? Object.keys(section) : []));
    const known = new Set([...Object.keys(ERRORS), ...LAYER_NAMES, ...settings, 'auth_method', 'response_firewall', 'mcp_transport', 'mcp_gateway_sdk', 'request_state', 'request_id', 'session_id']);
    expect(codes.filter((code) => !known.has(code))).toEqual([]);
  });

  it('has blocks of known kinds only, each closed', () => {
    expect(blocks(page).map(({ language }) => language).filter((language) => !LANGUAGES.includes(language))).toEqual([]);
    expect((text(page).match(/^```/gm) ?? []).length % 2).toBe(0);
  });

  it('shows YAML that its reader takes, and JSON that parses', () => {
    for (const { word, text: body } of of(page, 'yaml')) {
      const read = YAML_FILES[word];
      if (word !== '') expect(Object.keys(YAML_FILES)).toContain(word);
      expect(() => (read === undefined ? parse(body) as unknown : read(body, `${page} (${word})`))).not.toThrow();
    }
    for (const { text: body } of of(page, 'json')) expect(() => JSON.parse(body) as unknown).not.toThrow();
  });

  it('shows rules that find their hits and leave their near misses', () => {
    for (const { text: body } of of(page, 'yaml').filter(({ word }) => word === 'rules')) {
      const rules = parseRules(body, page);
      const matcher = buildMatcher(toPatterns(rules), { engine: 're2' });
      const scanner = createDlpScanner({ rules, actions: { credentials: 'flag', injection: 'flag', pii: 'flag' }, matcher, pool: undefined, inlineBytesMax: 1_000_000, findingsMax: 10 });
      const found = (sample: string, id: string): boolean => scanner.scanText(sample, '$').some(({ rule }) => rule === id);
      for (const { id, hits, misses } of rules) expect([hits.filter((hit) => !found(hit, id)), misses.filter((miss) => found(miss, id)), hits.length > 1, misses.length > 1]).toEqual([[], [], true, true]);
      matcher.close();
    }
  });

  it('shows Rego that loads, and tests that pass', () => {
    const shown = of(page, 'rego').map((block, at) => ({ file: `${page}-${at}.rego`, text: block.text }));
    const tests = shown.filter((source) => /^test_/m.test(source.text));
    const policies = shown.filter((source) => !tests.includes(source));
    for (const source of policies) expect(() => loadPolicySet([source], POLICY_OPTIONS).close()).not.toThrow();
    if (tests.length > 0) expect(runPolicyTests(policies, tests).filter((result) => !result.passed)).toEqual([]);
  });
});

describe('the pages together', () => {
  const named = PAGES.map(text).join('\n');

  it('describe each layer', () => {
    expect(LAYER_NAMES.filter((name) => !text('docs/layers.md').includes(`## ${LAYER_NAMES.indexOf(name) + 1}. ${name}`))).toEqual([]);
  });

  it('say for each code of a layer where it comes from', () => {
    const codes = Object.entries(ERRORS).filter(([, row]) => row.step <= 14).map(([code]) => code);
    expect(codes.filter((code) => !text('docs/layers.md').includes(`\`${code}\``))).toEqual([]);
  });

  it('show TypeScript that compiles where it says it stands', { timeout: 60_000 }, () => {
    const files = new Map(PAGES.flatMap((page) => of(page, 'ts').map((block) => [block.word, block.text] as const)));
    expect([...files.keys()].filter((name) => !/^(?:src|test)\/[\w/-]+\.ts$/.test(name) || existsSync(join(ROOT, name)))).toEqual([]);
    expect(compilerSays(files)).toEqual([]);
    expect(compilerSays(new Map([['src/layers/wrong.ts', 'import { PASS } from "../chain/verdict.js";\nexport const wrong: number = PASS;\n']]))).toHaveLength(1);
  });

  it('name the code that a fault of each layer gives', () => {
    // Nothing of an engine is touched when a layer is made.
    const { layers } = buildLayers({} as unknown as Engines);
    const rows = new Map([...text('docs/layers.md').matchAll(/^\| [\d–]+ \| `(\w+)` \|.*\| `(\w+)` \|$/gm)].map(([, name = '', code = '']) => [name, code]));
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(layers.map(({ name, onFault }) => [name, onFault.code])));
  });

  it('are all reachable from the README or the index', () => {
    const linked = new Set(PAGES.flatMap((page) => [...text(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => join(dirname(page), match[1] ?? '').replace(/\/$/, ''))));
    const adrs = PAGES.filter((page) => page.startsWith('docs/adr/'));
    expect(PAGES.filter((page) => page !== 'README.md' && page !== 'native/rego/README.md' && page !== 'docs/README.md' && !linked.has(page))).toEqual([]);
    expect(adrs.length).toBeGreaterThan(7);
  });

  it('name only environment variables that the command line reads', () => {
    const known = new Set<string>(ENVIRONMENT_VARIABLES.map(([name]) => name));
    expect([...named.matchAll(/\b(AGW_[A-Z_]+)\b/g)].map((match) => match[1] ?? '').filter((name) => !known.has(name))).toEqual([]);
  });
});
