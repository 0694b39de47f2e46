// agw rules: what is taken over of a gitleaks.toml, what is left out and why, and that the written file is one the gateway loads.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readGitleaks } from '../../../src/cli/rules/gitleaks.js';
import { stringifyRules } from '../../../src/cli/rules/rule-text.js';
import { parseRules } from '../../../src/engines/dlp/rule-file.js';
import { shippedScanner } from '../engines/dlp/shipped-rules.js';
import { openBench, type Bench } from './cli-fixture.js';

const FILE = fileURLToPath(new URL('../../../../shared/data/secrets/gitleaks.toml', import.meta.url));
const TOML = `title = "x"
[[rules]]
id = "acme-token"
description = "Acme's token"
regex = '''\\b(acme_[a-z0-9]{12})(?:[\\x60'"\\s;]|\\\\[nr]|$)'''
entropy = 2
keywords = ["acme_"]
[[rules]]
id = "Acme_Loose"
regex = '''(?i)acme-key-[a-z]+.[0-9]*x'''
keywords = ["acme-key-"]
[[rules]]
id = "acme-file"
path = '''\\.p12$'''
[[rules]]
id = "acme-of-files"
regex = '''abc'''
path = '''x'''
[[rules]]
id = "acme-excepted"
regex = '''abc[0-9]{4}'''
[[rules.allowlists]]
stopwords = ["abc0000"]
[[rules]]
id = "acme-second"
regex = '''(a)(b)'''
secretGroup = 2
[[rules]]
id = "acme-negated"
regex = '''[^a]bc'''
[[rules]]
id = "acme-part"
skipReport = true
regex = '''abcd'''
[[rules]]
id = "acme-token"
regex = '''acme'''
`;

const scannerOf = (text: string): ReturnType<typeof shippedScanner> => shippedScanner({ rules: parseRules(stringifyRules(readGitleaks(text).rules), 'gitleaks.yaml') });
const found = (text: string, sample: string): string[] => scannerOf(text).scanText(sample, '$').map(({ rule }) => rule);

describe('rules of a gitleaks.toml', () => {
  it('find what they found there', () => {
    expect(found(TOML, 'token: "acme_a1b2c3d4e5f6"')).toEqual(['gitleaks-acme-token']);
    expect(found(TOML, 'acme_aaaaaaaaaaaa')).toEqual([]); // too little entropy
    expect(found(TOML, 'ACME-KEY-abc:123x')).toEqual(['gitleaks-acme-loose']);
    const rule = (regex: string): string => `[[rules]]\nid = "a"\nregex = '''${regex}'''\n`;
    expect(found(rule('\\b([a-f0-9]{32})(?:["\\s]|\\z)'), `${'0a1b'.repeat(16)}`)).toEqual([]); // a longer one is another thing
    expect(found(rule('\\b([a-f0-9]{32})(?:["\\s]|\\z)'), `x ${'0a1b'.repeat(8)}`)).toEqual(['gitleaks-a']);
    expect(found(rule('acme[#|$)]{2}x'), 'acme$)x')).toEqual(['gitleaks-a']);
    expect(found(rule('acme\\x5F\\x60[\\x60z]'), 'acme_``')).toEqual(['gitleaks-a']);
    expect(readGitleaks(rule('^acme$')).leftOut).toEqual([{ id: 'a', reason: expect.stringContaining('no anchors') as unknown }]);
  });

  it('are left out where they would mean something else here, each with its reason', () => {
    expect(Object.fromEntries(readGitleaks(TOML).leftOut.map(({ id, reason }) => [id, reason]))).toMatchObject({
      'acme-file': expect.stringContaining('names of files alone') as unknown, 'acme-of-files': expect.stringContaining('files of certain names') as unknown, 'acme-excepted': expect.stringContaining('list of exceptions') as unknown,
      'acme-second': expect.stringContaining('first group') as unknown, 'acme-negated': expect.stringContaining('no negated class') as unknown, 'acme-part': expect.stringContaining('a part of another rule') as unknown, 'acme-token': 'another rule has this id',
    });
  });

  it.skipIf(!existsSync(FILE))('are nine of ten of gitleaks\' own (../shared/data)', () => {
    const { rules, leftOut, notes } = readGitleaks(readFileSync(FILE, 'utf8'));
    expect(rules.length + leftOut.length).toBe(222);
    expect(rules.length).toBeGreaterThanOrEqual(202);
    expect(leftOut.every(({ reason }) => reason !== '')).toBe(true);
    expect(notes).toEqual([expect.stringContaining('list of exceptions')]);
  });
});

describe('agw rules', () => {
  let bench: Bench;
  beforeEach(() => (bench = openBench()));
  afterEach(() => bench.close());

  it('imports, lists and imports again', async () => {
    const source = bench.file('gitleaks.toml', TOML);
    const written = join(bench.root, 'config/dlp/gitleaks.yaml');
    const dry = await bench.agw(['rules', 'import', source, '--dry-run']);
    expect([dry.code, dry.out.includes('2 rules of 9'), dry.out.includes('left out acme-negated'), existsSync(written)]).toEqual([0, true, true, false]);
    const ran = await bench.agw(['rules', 'import', source, '--yes']);
    expect([ran.code, ran.out]).toEqual([0, 'imported 2 rules (no gateway is running: active at its start)']);
    expect(parseRules(readFileSync(written, 'utf8'), 'gitleaks.yaml').map(({ id }) => id)).toEqual(['gitleaks-acme-token', 'gitleaks-acme-loose']);
    const listed = JSON.parse((await bench.agw(['rules', 'list', '--json'])).out) as { rules: { id: string; file: string }[] };
    expect(listed.rules.filter(({ file }) => file.endsWith('gitleaks.yaml')).map(({ id }) => id)).toEqual(['gitleaks-acme-token', 'gitleaks-acme-loose']);
    expect((await bench.agw(['rules', 'import', source])).err).toContain('as they are there'); // and asks nothing
    bench.file('config/dlp/mine.yaml', readFileSync(written, 'utf8'));
    rmSync(written);
    expect(await bench.agw(['rules', 'import', source, '--yes'])).toMatchObject({ code: 2, err: expect.stringContaining('is already defined in') as unknown });
    expect(existsSync(written)).toBe(false);
  });

  it('imports again, wherever the rules\' folder is', async () => {
    for (const dir of [join(bench.root, 'elsewhere'), './config/x/../dlp/']) {
      bench.file('config/gateway.yaml', `profile: dev\ndlp:\n  dir: ${JSON.stringify(dir)}\n`);
      for (const digits of [4, 5]) {
        const source = bench.file('gitleaks.toml', `[[rules]]\nid = "acme"\nregex = "acme[0-9]{${digits}}"\n`);
        expect([dir, await bench.agw(['rules', 'import', source, '--yes'])]).toMatchObject([dir, { code: 0, out: expect.stringContaining('imported 1 rule') as unknown }]);
      }
    }
  });

  it('says what is wrong with a file, and writes nothing', async () => {
    expect(await bench.agw(['rules', 'import', '/none.toml'])).toMatchObject({ code: 2, err: expect.stringContaining('no such file') as unknown });
    expect(await bench.agw(['rules', 'import', bench.file('a.toml', 'rules = [')])).toMatchObject({ code: 2, err: expect.stringContaining('no gitleaks.toml that can be read') as unknown });
    expect(await bench.agw(['rules', 'import', bench.file('b.toml', 'title = "x"')])).toMatchObject({ code: 2, err: expect.stringContaining('it has no [[rules]]') as unknown });
    expect(await bench.agw(['rules', 'import', bench.file('c.toml', '[[rules]]\nid = "a"\npath = "x"\n')])).toMatchObject({ code: 1, err: expect.stringContaining('none of its 1 rule can be taken over') as unknown });
    expect(existsSync(join(bench.root, 'config/dlp/gitleaks.yaml'))).toBe(false);
  });
});
