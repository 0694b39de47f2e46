// Runs one case of the Rego yardstick (OPA's v1 suite as NDJSON) against the engine and says whether the answer is the wanted one.
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parseModules } from '../../../../src/engines/policy/ast.js';
import { checkDeclarations, collectFunctions } from '../../../../src/engines/policy/declarations.js';
import { PolicyError } from '../../../../src/engines/policy/types.js';
import type { RegoAnswer, RegoInstance } from '../../../../src/engines/policy/rego-instance.js';

export const CASES_FILE = new URL('../../../../../shared/data/rego/opa-v1-cases.ndjson.gz', import.meta.url);

const LIMIT_MS = 10_000;

export interface RegoCase {
  /** File and note; the second of the same name in a file has ` #2` behind. */
  readonly label: string;
  readonly note: string;
  readonly file: string;
  readonly query: string;
  readonly modules?: readonly string[];
  readonly data?: unknown;
  readonly input?: unknown;
  readonly input_term?: string;
  readonly want_result?: readonly unknown[];
  readonly want_error?: string;
  readonly want_error_code?: string;
  readonly strict_error?: boolean;
  readonly sort_bindings?: boolean;
}

export interface CaseOutcome {
  readonly passed: boolean;
  /** What the engine said instead, short. */
  readonly detail: string;
}

/** Undefined where the yardstick isn't beside the checkout. */
export function readCases(): RegoCase[] | undefined {
  if (!existsSync(CASES_FILE)) return undefined;
  const seen = new Map<string, number>();
  return gunzipSync(readFileSync(CASES_FILE)).toString('utf8').trim().split('\n').map((line) => {
    const regoCase = JSON.parse(line) as Omit<RegoCase, 'label'>;
    const name = `${regoCase.file}: ${regoCase.note}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return { ...regoCase, label: count === 1 ? name : `${name} #${count}` };
  });
}

/** Throws RegoTrap if the engine gives up; the instance is of no use then. */
export function runCase(instance: RegoInstance, regoCase: RegoCase): CaseOutcome {
  const engine = instance.newEngine(regoCase.strict_error === true);
  const answer = evaluate(instance, engine, regoCase);
  // A case about a builtin the engine lacks is not passed by the error that says so.
  const missing = findMissingFunction(instance, engine);
  const outcome = missing === undefined ? judge(regoCase, answer) : { passed: false, detail: missing };
  instance.freeEngine(engine);
  return outcome;
}

function findMissingFunction(instance: RegoInstance, engine: number): string | undefined {
  const parsed = instance.parsedForm(engine);
  if (parsed.kind !== 'value') return undefined;
  const modules = parseModules(parsed.text);
  try {
    checkDeclarations(modules, collectFunctions(modules, instance.builtins()));
    return undefined;
  } catch (fault) {
    if (fault instanceof PolicyError && fault.message.startsWith('no function ')) return fault.message.split(':')[0];
    if (fault instanceof PolicyError) return undefined;
    throw fault;
  }
}

function evaluate(instance: RegoInstance, engine: number, regoCase: RegoCase): RegoAnswer {
  if (regoCase.data !== undefined) {
    const added = instance.addData(engine, JSON.stringify(regoCase.data));
    if (added.kind === 'error') return added;
  }
  for (const [i, text] of (regoCase.modules ?? []).entries()) {
    const added = instance.addPolicy(engine, `rego${i}.rego`, text);
    if (added.kind === 'error') return added;
  }
  if (regoCase.input_term !== undefined) return instance.evalQuery(engine, regoCase.query, regoCase.input_term, LIMIT_MS, 'term');
  return instance.evalQuery(engine, regoCase.query, regoCase.input === undefined ? '' : JSON.stringify(regoCase.input), LIMIT_MS);
}

function judge(regoCase: RegoCase, answer: RegoAnswer): CaseOutcome {
  const wantsError = regoCase.want_error !== undefined || regoCase.want_error_code !== undefined;
  if (answer.kind === 'error') return { passed: wantsError, detail: answer.text.trim().split('\n').at(-1) ?? '' };
  if (answer.kind !== 'value') return { passed: false, detail: answer.kind };
  const actual = canonical(collect(answer.text), regoCase.sort_bindings === true);
  if (wantsError && regoCase.want_result === undefined) return { passed: false, detail: `no error, but ${actual}` };
  const wanted = canonical(regoCase.want_result ?? [], regoCase.sort_bindings === true);
  return { passed: actual === wanted, detail: `${actual.slice(0, 120)} instead of ${wanted.slice(0, 120)}` };
}

function collect(json: string): unknown[] {
  const results = JSON.parse(json) as { result?: { bindings?: Record<string, unknown>; expressions?: { value?: unknown }[] }[] };
  return (results.result ?? []).map((result) => result.bindings ?? result.expressions?.at(-1)?.value);
}

// The order of results means nothing; the order within a list only where the case doesn't say so.
function canonical(results: readonly unknown[], sortBindings: boolean): string {
  const texts = results.map((result) => {
    if (!sortBindings || typeof result !== 'object' || result === null) return order(result);
    return order(Object.fromEntries(Object.entries(result).map(([name, value]) => [name, Array.isArray(value) ? sortItems(value) : value])));
  });
  return `[${texts.sort().join(',')}]`;
}

function sortItems(items: readonly unknown[]): unknown[] {
  return [...items].sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function order(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(order).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${order(item)}`).join(',')}}`;
}
