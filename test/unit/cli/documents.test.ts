// Generated files are what their sources say now.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gatewayConfigSchema } from '../../../src/base/config/schema.js';
import { parseGatewayConfig } from '../../../src/base/config/load.js';
import { FAMILIES } from '../../../src/base/errors/families.js';
import { ERRORS, type ErrorCode } from '../../../src/base/errors/table.js';
import { generatedFiles } from '../../../src/cli/documents/all.js';
import { configSections } from '../../../src/cli/documents/config-keys.js';
import { gatewayYaml } from '../../../src/cli/documents/gateway-yaml.js';
import { COMMANDS, GROUPS } from '../../../src/cli/index.js';
import { envelopeOf } from '../../../src/mcp/errors.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const files = generatedFiles(COMMANDS, GROUPS);

describe('generated files', () => {
  it.each([...files.keys()])('%s is current (node scripts/generate-docs.mjs)', (path) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(files.get(path));
  });

  it('have every error code and every command', () => {
    for (const code of Object.keys(ERRORS)) expect(files.get('docs/error-codes.md')).toContain(`\`${code}\``);
    for (const { path } of COMMANDS) expect(files.get('docs/cli.md')).toContain(`## agw ${path}\n`);
  });
});

describe('the SDKs\' error tables', () => {
  const [neutral = '', ...languages] = [...files].filter(([path]) => path.startsWith('sdk/')).map(([, text]) => text);

  it('have a family for each code', () => {
    const { codes } = JSON.parse(neutral) as { codes: readonly { code: string; family: string; step: number }[] };
    expect(codes.map(({ code, step }) => [code, step])).toEqual(Object.entries(ERRORS).map(([code, { step }]) => [code, step]));
    expect(codes.filter(({ family, step }) => !FAMILIES.some(({ name, steps }) => name === family && (steps as readonly number[]).includes(step)))).toEqual([]);
  });

  it('name every code and every family in every language', () => {
    expect(languages).toHaveLength(5);
    for (const text of languages) {
      for (const name of [...Object.keys(ERRORS), ...FAMILIES.map((family) => family.name)]) expect(text).toContain(name);
    }
  });
});

describe('docs/error-codes.md', () => {
  it('has an anchor for every code, so that docs_url leads somewhere', () => {
    const anchors = [...(files.get('docs/error-codes.md') ?? '').matchAll(/<a id="(\w+)"><\/a>/g)].map((match) => match[1]);
    expect(anchors.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
    const urls = Object.keys(ERRORS).map((code) => envelopeOf({ code: code as ErrorCode }, { decisionId: 'd', traceId: 't' }).docs_url.split('#'));
    expect(urls.filter(([page = '', anchor]) => !files.has(page) || !anchors.includes(anchor))).toEqual([]);
  });

  it('hides no <word> as an HTML tag', () => {
    for (const [path, text] of files) if (path.endsWith('.md')) expect(text.replace(/`[^`]*`|<!--.*?-->|<a id="\w+"><\/a>|\\</g, '')).not.toMatch(/<\w/);
  });
});

describe('config/gateway.yaml', () => {
  const shipped = readFileSync(join(ROOT, 'config', 'gateway.yaml'), 'utf8');

  it('has every key of the schema, and each key a reason', () => {
    const value = parse(shipped) as Record<string, Record<string, unknown>>;
    for (const { name, keys } of configSections()) {
      for (const { key, reason } of keys) {
        expect(name === undefined ? value : value[name]).toHaveProperty(key);
        expect(reason, `${name ?? ''}.${key}`).not.toBe('');
      }
    }
  });

  it('has the reasons and defaults as comments, whatever values an operator has set (node scripts/generate-docs.mjs --gateway-yaml)', () => {
    const comments = (text: string): string[] => text.split('\n').filter((line) => line.trimStart().startsWith('#'));
    expect(comments(shipped)).toEqual(expect.arrayContaining(comments(gatewayYaml())));
  });

  it('is right, and as generated is the schema\'s defaults but for the dev profile', () => {
    expect(() => parseGatewayConfig(shipped, 'config/gateway.yaml')).not.toThrow();
    expect(parseGatewayConfig(gatewayYaml(), 'f')).toEqual({ ...gatewayConfigSchema.parse({}), profile: 'dev' });
  });
});
