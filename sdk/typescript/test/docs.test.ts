// README and docs/api.md say what the package has: every exported name and member, and code that compiles.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { CODES } from '../src/codes.js';
import { FAMILIES } from '../src/families.js';

const PACKAGE = dirname(import.meta.dirname);
const ROOT = join(PACKAGE, '..', '..');
const read = (name: string): string => readFileSync(join(PACKAGE, name), 'utf8');
const API = read('docs/api.md');
const README = read('README.md');
const ENTRIES = ['src/index.ts', 'src/ai.ts'].map((name) => join(PACKAGE, name));
/** Of an Error, or of every object. */
const INHERITED = new Set(['name', 'message', 'stack', 'cause', 'toString', 'prototype']);

const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (name) => readFileSync(name, 'utf8')) as { config: { compilerOptions: object } };
const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noUnusedLocals: false }, ROOT);
const blocks = [...README.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ''], n) => [join(PACKAGE, 'src', `readme-${n}.ts`), code] as const);
const program = programOf(new Map(blocks));
const checker = program.getTypeChecker();

/** The package's sources, and blocks beside them that are in no file. */
function programOf(extra: ReadonlyMap<string, string>): ts.Program {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) => (extra.has(name) ? ts.createSourceFile(name, extra.get(name) ?? '', ts.ScriptTarget.ES2023) : getSourceFile.call(host, name, ...rest));
  host.fileExists = (name) => extra.has(name) || fileExists.call(host, name);
  host.readFile = (name) => extra.get(name) ?? readFile.call(host, name);
  return ts.createProgram([...ENTRIES, ...extra.keys()], options, host);
}

function exported(): ts.Symbol[] {
  return ENTRIES.flatMap((name) => {
    const file = program.getSourceFile(name);
    const symbol = file === undefined ? undefined : checker.getSymbolAtLocation(file);
    return symbol === undefined ? [] : checker.getExportsOfModule(symbol).map((one) => ((one.flags & ts.SymbolFlags.Alias) === 0 ? one : checker.getAliasedSymbol(one)));
  });
}

/** What a user of the name can write behind a dot, of what the package itself declares. */
function members(symbol: ts.Symbol): string[] {
  if ((symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface)) === 0) return [];
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).filter((member) => {
    const [declaration] = member.declarations ?? [];
    const flags = declaration === undefined ? 0 : ts.getCombinedModifierFlags(declaration);
    const isOurs = declaration?.getSourceFile().fileName.startsWith(PACKAGE) === true;
    return isOurs && (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) === 0 && !/^(__|#)/.test(member.name) && !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
  }).map(({ name }) => name).filter((name) => !INHERITED.has(name));
}

/** Heading → what stands below it, up to the next that has text of its own. */
function sections(): Map<string, string> {
  const parts = API.split(/^### /m).slice(1).map((part) => [/^`(\w+)`/.exec(part)?.[1] ?? '', part] as const);
  return new Map(parts.map(([name, part], n) => [name, part.includes('\n\n') ? part : `${part}${parts.slice(n + 1).find(([, later]) => later.includes('\n\n'))?.[1] ?? ''}`]));
}

describe('docs/api.md', () => {
  const names = exported();

  it('has a heading for every exported name, and no other', () => {
    expect(names.length).toBeGreaterThan(50);
    expect([...sections().keys()].sort()).toEqual(names.map(({ name }) => name).sort());
  });

  it('has every member of what is exported', () => {
    const found = sections();
    // What is inherited stands with the class that has it.
    const inheritedBy = new Set([...Object.keys(FAMILIES), 'SessionExpiredError', 'ApprovalTimeoutError']);
    const lost = names.filter(({ name }) => !inheritedBy.has(name)).flatMap((symbol) => members(symbol).filter((member) => !documents(found, symbol.name, member)).map((member) => `${symbol.name}.${member}`));
    expect(lost).toEqual([]);
  });
});

const BASES: Readonly<Record<string, readonly string[]>> = { Refusal: ['GatewayError'], GatewaySession: ['GatewayClient'], CallOptions: ['RequestOptions'], GatewayToolsOptions: ['CallOptions'] };

function documents(found: ReadonlyMap<string, string>, name: string, member: string): boolean {
  return [name, 'PrecinctError', ...(BASES[name] ?? [])].some((of) => new RegExp(`\`${member}[(\`]`).test(found.get(of) ?? ''));
}

describe('the README', () => {
  it('has code that compiles', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
    const faults = blocks.flatMap(([name]) => {
      const file = program.getSourceFile(name);
      return file === undefined ? [`${name} is lost`] : [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    });
    expect(faults).toEqual([]);
  });

  it('names every error class, and reads every variable that it names', () => {
    const classes = exported().map(({ name }) => name).filter((name) => name.endsWith('Error'));
    expect(classes.filter((name) => !README.includes(`\`${name}\``))).toEqual([]);
    const sources = ['options.ts', 'identity/discover.ts'].map((name) => read(`src/${name}`)).join('');
    const named = [...README.matchAll(/`((?:PRECINCT|SPIFFE)_[A-Z_]+)`/g)].map(([, name = '']) => name);
    expect([...new Set(named)].sort()).toEqual([...new Set([...sources.matchAll(/'((?:PRECINCT|SPIFFE)_[A-Z_]+)'/g)].map(([, name = '']) => name))].sort());
  });
});

describe('the families', () => {
  it('are all exported', () => {
    const names = new Set(exported().map(({ name }) => name));
    expect(Object.keys(FAMILIES).filter((name) => !names.has(name))).toEqual([]);
    expect(Object.keys(CODES).length).toBeGreaterThan(40);
  });
});
