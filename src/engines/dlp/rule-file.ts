// Reads one file of config/dlp: detection rules as data, each with its own hits and near misses.
import * as z from 'zod';
import { ConfigFault } from '../../base/config/fault.js';
import { faultOfSchema, joinFaults } from '../../base/config/schema-faults.js';
import { parseYamlWithLines, type KeyPath, type YamlFile } from '../../base/config/yaml-lines.js';
import { isTriggerMissing, lintPattern as lintForEngines } from '../../base/matcher/lint.js';
import { EXCEPTIONS } from './names.js';
import { lintPattern } from './pattern-lint.js';
import { CHECKSUMS, type DlpCategory, type DlpRule } from './types.js';

/** Each rule costs compile time and memory on every thread. */
const RULES_MAX = 2000;
const SAMPLES_MIN = 2;
/** An expanded sample is scanned by the lint; more than this tests nothing further. */
const SAMPLE_LENGTH_MAX = 100_000;

const samples = (what: string) => z.array(z.string()).default([]).describe(what);

const RULE_CATEGORIES = ['credentials', 'injection', 'pii'] as const;

/** Categories without a rule: a rule file that is gone is no fault of any file, and what it was for passes. */
export function absentCategories(rules: readonly Pick<DlpRule, 'category'>[]): DlpCategory[] {
  return RULE_CATEGORIES.filter((category) => !rules.some((rule) => rule.category === category));
}

const ruleSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/).describe('Stable name, lower case and dashes: it stands in findings and audit records.'),
  category: z.enum(RULE_CATEGORIES).describe('credentials, injection or pii.'),
  description: z.string().min(1).describe('What it finds, for a person.'),
  pattern: z.string().min(1).describe('RE2 syntax; capture group 1, where there is one, is what is reported.'),
  trigger: z.string().min(1).optional().describe('A part that every match holds, cheaper to look for than the whole pattern.'),
  keywords: z.array(z.string().regex(/^[!-~ ]+$/)).default([]).describe('Every match holds at least one of these, whatever its case.'),
  flags: z.enum(['', 'i']).default('').describe('i = any case.'),
  checksum: z.enum(CHECKSUMS).optional().describe(`One of ${CHECKSUMS.join(', ')}.`),
  entropy: z.strictObject({
    min: z.number().min(0).max(8).describe('Least bits per character of what matched.'),
    kinds: z.number().int().min(1).max(4).default(1).describe('Least number of kinds of characters in it: lower, upper, digit, other.'),
  }).optional().describe('Tells a random value from a word.'),
  except: z.enum(EXCEPTIONS).optional().describe('What matched and is no finding: reference = what code reads a setting from (`config.apiKey`); path = any name a program has, outside quotes, and a file or route of words (`/run/secrets/vault_token`).'),
  imported_from: z.string().min(1).optional().describe('Whose rule it is. Such a rule may come without samples.'),
  hits: samples('At least two texts it finds.'),
  misses: samples('At least two texts that look alike and are none.'),
});

const fileSchema = z.strictObject({ rules: z.array(ruleSchema).max(RULES_MAX).describe('The rules of this file.') });

/** Throws ConfigFault with every fault of the file, each at its place. `file` is only named, not read. */
export function parseRules(text: string, file: string): DlpRule[] {
  const yaml = parseYamlWithLines(text, file);
  const parsed = fileSchema.safeParse(yaml.value);
  if (!parsed.success) throw faultOfSchema(yaml, fileSchema, parsed.error);
  const faults = parsed.data.rules.flatMap((rule, index) => faultsOf(yaml, rule, index, parsed.data.rules.findIndex((other) => other.id === rule.id)));
  if (faults.length > 0) throw joinFaults(faults);
  return parsed.data.rules.map((rule, index) => Object.freeze({
    id: rule.id,
    category: rule.category,
    description: rule.description,
    pattern: rule.pattern,
    trigger: rule.trigger,
    keywords: rule.keywords.map((word) => word.toLowerCase()),
    caseless: rule.flags === 'i',
    checksum: rule.checksum,
    entropy: rule.entropy,
    except: rule.except,
    hits: rule.hits.map(expandSample),
    misses: rule.misses.map(expandSample),
    file,
    line: yaml.placeOf(['rules', index]).line,
  }));
}

/** Rules of several files together; two rules of one name would make findings ambiguous. */
export function joinRules(files: readonly (readonly DlpRule[])[]): DlpRule[] {
  const byId = new Map<string, DlpRule>();
  for (const rule of files.flat()) {
    const other = byId.get(rule.id);
    if (other !== undefined) throw new ConfigFault(`rule ${rule.id} is already defined in ${other.file}:${other.line}.`, { file: rule.file, line: rule.line, column: 1, remedy: 'Give it another id.' });
    byId.set(rule.id, rule);
  }
  return [...byId.values()];
}

/** `${ab*20}` in a sample stands for `ab` twenty times, so that no file holds what a secret scanner would take for a live key. */
export function expandSample(sample: string): string {
  return sample.replace(/\$\{([^{}*]+)\*(\d{1,4})\}/g, (_all, part: string, times: string) => part.repeat(Number(times)).slice(0, SAMPLE_LENGTH_MAX));
}

type RawRule = z.infer<typeof ruleSchema>;

const SAMPLES_REMEDY = { hits: `Give at least ${SAMPLES_MIN} texts that it finds.`, misses: `Give at least ${SAMPLES_MIN} texts that look alike and are none.` } as const;

function faultsOf(yaml: YamlFile, rule: RawRule, index: number, firstIndex: number): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const blame = (path: KeyPath, cause: string, remedy: string, shift = 0): void => {
    const place = yaml.placeOf(['rules', index, ...path]);
    faults.push(new ConfigFault(`rule ${rule.id}: ${cause}.`, { file: yaml.file, line: place.line, column: place.column + shift, remedy }));
  };
  for (const kind of ['hits', 'misses'] as const) {
    if (rule.imported_from === undefined && rule[kind].length < SAMPLES_MIN) blame(rule[kind].length === 0 ? [] : [kind], `it has ${rule[kind].length === 0 ? 'no' : 'too few'} ${kind}`, SAMPLES_REMEDY[kind]);
  }
  if (firstIndex !== index) blame(['id'], 'this id is already taken in this file', 'Give it another id.');
  const lint = lintPattern(rule.pattern);
  // Counted from the pattern's opening quote; exact for patterns on one line.
  if (lint !== undefined) blame(['pattern'], `the pattern can't be used: ${lint.why}`, 'See CONTRIBUTING, detection rules.', lint.offset + 1);
  const engines = lint === undefined ? lintForEngines(rule.pattern) : undefined;
  if (engines !== undefined) blame(['pattern'], `the pattern can't be used: ${engines}`, 'Check brackets and repetitions.');
  const silent = rule.hits.findIndex((hit) => rule.keywords.length > 0 && !rule.keywords.some((word) => expandSample(hit).toLowerCase().includes(word.toLowerCase())));
  if (silent >= 0) blame(['hits', silent], 'no keyword of the rule is in this hit, so it would never be tried', 'Add a keyword that every match holds.');
  const { trigger } = rule;
  const triggerLint = trigger === undefined ? undefined : lintForEngines(trigger);
  if (triggerLint !== undefined) blame(['trigger'], `the trigger can't be used: ${triggerLint}`, 'Check brackets and repetitions.');
  if (trigger === undefined || triggerLint !== undefined || lint !== undefined || engines !== undefined) return faults;
  const missed = rule.hits.findIndex((hit) => isTriggerMissing(rule.pattern, trigger, rule.flags === 'i', expandSample(hit)));
  if (missed >= 0) blame(['hits', missed], 'its trigger is not in this hit, so it would never be tried', 'Make the trigger a part that every match holds.');
  return faults;
}
