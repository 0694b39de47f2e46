// What the pages show exists: commands and their options, links, config keys, error codes, policies that compile.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ERRORS, LAYER_NAMES } from '../../src/base/errors/table.js';
import { gatewayConfigSchema } from '../../src/base/config/schema.js';
import { COMMANDS, GROUPS } from '../../src/cli/index.js';
import { loadPolicySet } from '../../src/engines/policy/policy-set.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md', ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('docs', name))];
/** `secrets.enc` is a file, not a key. */
const FILE_ENDINGS = new Set(['enc', 'key', 'sock', 'yaml', 'pid', 'log']);
const GLOBAL = new Set(['--json', '--gateway', '--config', '--help', '--last', '-h']);

function text(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

function blocks(page: string, kind: string): string[] {
  return [...text(page).matchAll(new RegExp(`^\`\`\`${kind}\\b[^\\n]*\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '');
}

/** Every `agw …` of shell blocks and of inline code, cut at pipes, comments and redirections. */
function shownCommands(page: string): string[] {
  const inline = [...text(page).matchAll(/`(agw [^`]+)`/g)].map((match) => match[1] ?? '');
  const lines = blocks(page, 'sh').flatMap((block) => block.split('\n')).filter((line) => /^agw /.test(line));
  return [...inline, ...lines].map((line) => line.split(/ [|#>]| \|\|/, 1)[0]?.trim() ?? '');
}

function specOf(words: readonly string[]) {
  return COMMANDS.find((spec) => spec.path === words.slice(0, 2).join(' ')) ?? COMMANDS.find((spec) => spec.path === words[0]);
}

describe.each(PAGES)('%s', (page) => {
  it('shows only commands and options that exist', () => {
    const wrong = shownCommands(page).filter((command) => {
      const words = command.split(/\s+/).slice(1);
      if (words.length === 0 || words[0]?.startsWith('-') === true || words.some((word) => /^[a-z]+\|/.test(word) || word === '…')) return false;
      const spec = specOf(words);
      if (spec === undefined) return !GROUPS.some((group) => group.name === words[0] && words.length === 1);
      const flags = new Set([...GLOBAL, ...(spec.options ?? []).flatMap((option) => option.flags.split(/[ ,]+/).filter((flag) => flag.startsWith('-')))]);
      return words.some((word) => word.startsWith('-') && !flags.has(word));
    });
    expect(wrong).toEqual([]);
  });

  it('links only to files that exist', () => {
    const links = [...text(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(page), link)))).toEqual([]);
  });

  it('names only tests, sources and settings that exist', () => {
    const paths = [...text(page).matchAll(/`((?:src|test|config|scripts|native|policies|examples)\/[\w./-]+)`/g)].map((match) => match[1] ?? '');
    expect(paths.filter((path) => !/[…*]/.test(path) && !existsSync(join(ROOT, path)))).toEqual([]);
    const schema = gatewayConfigSchema.parse({}) as Record<string, unknown>;
    const sections = Object.keys(schema).filter((key) => typeof schema[key] === 'object');
    const keys = [...text(page).matchAll(/`([a-z_]+)\.([a-z_]+)`/g)].filter((match) => sections.includes(match[1] ?? '') && !FILE_ENDINGS.has(match[2] ?? ''));
    expect(keys.filter(([, section, key]) => !Object.hasOwn(schema[section ?? ''] as object, key ?? '')).map(([whole]) => whole)).toEqual([]);
  });

  it('names only error codes of the table', () => {
    const codes = [...text(page).matchAll(/`((?:authz|auth|dlp|registry|stepup|deepscan|ratelimit|circuit|token|mcp|response|audit|session|exfiltration|request|origin|gateway)_[a-z_]+)`/g)].map((match) => match[1] ?? '');
    const settings = Object.values(gatewayConfigSchema.parse({}) as Record<string, unknown>).flatMap((section) => (typeof section === 'object' && section !== null ? Object.keys(section) : []));
    const known = new Set([...Object.keys(ERRORS), ...LAYER_NAMES, ...settings, 'auth_method', 'response_firewall', 'mcp_transport']);
    expect(codes.filter((code) => !known.has(code))).toEqual([]);
  });

  it('shows YAML that parses and Rego that compiles', () => {
    for (const block of blocks(page, 'yaml')) expect(() => parse(block) as unknown).not.toThrow();
    for (const block of [...blocks(page, 'rego'), ...[...text(page).matchAll(/<<'REGO'\n([\s\S]*?)^REGO/gm)].map((match) => match[1] ?? '')]) {
      const options = { cacheEntries: 0, timeoutMs: 1000, sourceBytesMax: 1_000_000, clock: { nowMs: () => 0, monotonicMs: () => 0 } };
      loadPolicySet([{ file: 'page.rego', text: block }], options).close();
    }
  });
});
