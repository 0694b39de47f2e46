// The behaviour table itself: its format, its reach over the gateway's codes, its numbers in the docs, and that its comparison can fail.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/base/errors/table.js';

interface Case {
  readonly id: string;
  readonly name: string;
  readonly given: readonly unknown[];
  readonly asks: readonly { readonly do?: string }[];
  readonly proxy?: readonly unknown[];
  readonly not_in?: Readonly<Record<string, string>>;
}

interface Topic {
  readonly topic: string;
  readonly about: string;
  readonly cases: readonly Case[];
}

interface Kept {
  readonly topics: readonly { readonly topic: string; readonly about: string; readonly cases: number; readonly passed: Readonly<Record<string, number>> }[];
  readonly cases: number;
  readonly passed: number;
}

const SDK = join(import.meta.dirname, '..', '..', 'sdk', 'behaviour');
const load = async <T>(name: string): Promise<T> => (await import(pathToFileURL(join(SDK, 'runner', name)).href)) as T;
const { readTable, isFor } = await load<{ readonly readTable: () => readonly Topic[]; readonly isFor: (one: Case, language: string) => boolean }>('table.mjs');
const { topicSchema } = await load<{ readonly topicSchema: { readonly safeParse: (value: unknown) => { readonly success: boolean } } }>('format.mjs');
const { schemaText, SCHEMA, RESULTS } = await load<{ readonly schemaText: () => string; readonly SCHEMA: string; readonly RESULTS: string }>('report.mjs');
const { PAGE, parts } = await load<{ readonly PAGE: string; readonly parts: () => Readonly<Record<string, string>> }>('page.mjs');
const { differences } = await load<{ readonly differences: (expected: unknown, actual: unknown, kept: Map<string, unknown>) => readonly string[] }>('compare.mjs');
const { LANGUAGES } = await load<{ readonly LANGUAGES: Readonly<Record<string, unknown>> }>('languages.mjs');
const languages = Object.keys(LANGUAGES);
const topics = readTable();
const cases = topics.flatMap((one) => one.cases);
const kept = JSON.parse(readFileSync(RESULTS, 'utf8')) as Kept;

describe('the behaviour table', () => {
  it('has topics and cases that are each named once', () => {
    expect(new Set(topics.map(({ topic }) => topic)).size).toBe(topics.length);
    expect(topics.flatMap(({ cases: own }) => own.map(({ name }) => name).filter((name, n, all) => all.indexOf(name) !== n))).toEqual([]);
  });

  it('expects an outcome of every ask', () => {
    expect(cases.filter(({ asks, given }) => asks.filter((ask) => ask.do === undefined).length !== given.length).map(({ id }) => id)).toEqual([]);
  });

  it('has a case for every code that a client can get', () => {
    const told = JSON.stringify(cases);
    expect(Object.keys(ERRORS).filter((code) => code !== 'client_disconnected' && !told.includes(`"${code}"`))).toEqual([]);
  });

  it('provokes at the gateway what a socket can provoke', () => {
    const errors = topics.find(({ topic }) => topic === 'errors')?.cases ?? [];
    const played = errors.filter(({ proxy }) => JSON.stringify(proxy ?? []).includes('"refusal"')).map(({ name }) => name.split(':', 1)[0]);
    expect(played.sort()).toEqual([
      'audit_unavailable_fail_closed', 'circuit_unavailable_fail_closed', 'dlp_unavailable_fail_closed', 'gateway_fault', 'gateway_overloaded', 'ratelimit_unavailable_fail_closed', 'session_unavailable_fail_closed',
    ]);
  });

  it('says why a case is not for a language', () => {
    expect(cases.flatMap(({ not_in: not = {} }) => Object.entries(not)).filter(([language, why]) => !languages.includes(language) || why.length < 10)).toEqual([]);
  });

  it('refuses a word that is not of its format', () => {
    const good = { topic: 'a', about: 'b', cases: [{ name: 'c', ask: { operation: 'ping' }, gives: {} }] };
    expect(topicSchema.safeParse(good).success).toBe(true);
    for (const bad of [{ ...good, more: 1 }, { ...good, cases: [{ ...good.cases[0], wires: [] }] }, { ...good, cases: [{ name: 'c', ask: {} }] }, { ...good, cases: [{ ...good.cases[0], proxy: [{ cut: 'sometimes' }] }] }]) {
      expect(topicSchema.safeParse(bad).success).toBe(false);
    }
  });

  it('has its format as a JSON schema (node sdk/behaviour/run.mjs --write)', () => {
    expect(readFileSync(SCHEMA, 'utf8')).toBe(schemaText());
  });
});

describe('the kept run', () => {
  it('is of this table, and nothing of it failed (node sdk/behaviour/run.mjs --write)', () => {
    const own = topics.map(({ topic, about, cases: all }) => ({ topic, about, cases: all.length, passed: Object.fromEntries(languages.map((language) => [language, all.filter((one) => isFor(one, language)).length])) }));
    expect(kept.topics).toEqual(own);
    expect(kept.cases).toBe(cases.length);
  });

  it.each(Object.entries(parts()))('is what docs/sdk.md shows, as it shows %s', (source, text) => {
    expect(readFileSync(PAGE, 'utf8')).toContain(`<!-- ${source} -->\n${text}\n<!-- end -->`);
  });
});

describe('the comparison', () => {
  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: 1, b: 2 }], [{ a: null }, {}], [{ a: null }, { a: null }], [[{ a: 1 }], [{ a: 1, b: 2 }]], [{ $match: '^x' }, 'xy'], [{ $any: true }, 0], [{ $lacks: 'z' }, ['xy']], [{ $holds: 'y"' }, { a: 'xy"' }], [{ $least: 2 }, 2],
    [{ $has: [{ a: 1 }, { a: 3 }] }, [{ a: 1 }, { a: 2 }, { a: 3 }]], [{ $length: 1 }, [0]], ['{{name}}', 'Ada'], ['${ab*2}', 'abab'],
  ])('finds nothing between %j and %j', (expected, actual) => {
    expect(differences(expected, actual, new Map([['name', 'Ada']]))).toEqual([]);
  });

  it.each<[unknown, unknown]>([
    [{ a: 1 }, { a: '1' }], [{ a: 1 }, {}], [{ a: 1 }, undefined], [{ a: null }, { a: 0 }], [[1], [1, 1]], [[1], 1], [[], undefined], [{ $match: '^x' }, 'yx'], [{ $match: '^x' }, 1], [{ $any: true }, null], [{ $lacks: 'y"' }, { a: 'xy"' }], [{ $holds: 'z' }, 'xy'],
    [{ $least: 2 }, 1], [{ $least: 2 }, '3'], [{ $has: [{ a: 3 }, { a: 1 }] }, [{ a: 1 }, { a: 3 }]], [{ $length: 1 }, []], ['{{name}}', 'Eve'], [{ $unknown: 1 }, 1],
  ])('finds a difference between %j and %j', (expected, actual) => {
    expect(differences(expected, actual, new Map([['name', 'Ada']])).length).toBeGreaterThan(0);
  });

  it('holds to what it kept', () => {
    const both = [{ $match: '^(?<id>\\d+)$' }, { $match: '^(?<id>\\d+)$' }, '{{id}}'];
    expect(differences(both, ['7', '7', '7'], new Map())).toEqual([]);
    expect(differences(both, ['7', '8', '7'], new Map())).toHaveLength(1);
    expect(differences(both, ['7', '7', '8'], new Map())).toHaveLength(1);
    expect(differences([{ $keep: 'x' }, { $keep: 'x' }], [1, 2], new Map())).toHaveLength(1);
  });
});
