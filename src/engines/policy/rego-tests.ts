// Runs the `test_*` rules of a set, judged as the gateway would: with the same engine, the same strictness.
import { systemClock } from '../../base/clock/clock.js';
import { placeText } from '../../base/config/fault.js';
import type { ParsedModule, ParsedRule } from './ast.js';
import { addAll, firstValue } from './evaluator.js';
import { policyErrorFrom } from './error-text.js';
import { parsedForm, refuseExhaustion } from './plan.js';
import { RegoInstance, RegoTrap } from './rego-instance.js';
import type { RegoAnswer } from './rego-instance.js';
import { compileRegoModule } from './rego-module.js';
import type { PolicyClock, PolicySource, PolicyTestResult } from './types.js';

export interface RegoTestOptions {
  readonly clock: PolicyClock;
  readonly timeoutMs: number;
  readonly module?: WebAssembly.Module;
}

/** Tests may loop over many cases; a request gets far less (policy.timeout_ms). */
const DEFAULT_OPTIONS: RegoTestOptions = { clock: systemClock, timeoutMs: 5000 };

interface TestRule {
  readonly module: ParsedModule;
  readonly rule: ParsedRule;
}

/** Throws PolicyError if the sources don't load; a test that fails or breaks is a result. */
export function runPolicyTests(sources: readonly PolicySource[], testSources: readonly PolicySource[], options: RegoTestOptions = DEFAULT_OPTIONS): PolicyTestResult[] {
  const all = [...sources, ...testSources];
  const module = options.module ?? compileRegoModule();
  const start = (): { instance: RegoInstance; engine: number } => {
    const nowNs = (): bigint => BigInt(options.clock.nowMs()) * 1_000_000n;
    const instance = new RegoInstance(module, { monotonicMs: () => options.clock.monotonicMs(), nowNs });
    return { instance, engine: addAll(instance, all) };
  };
  const file = all[0]?.file ?? 'policies';
  const [first, tests] = refuseExhaustion(file, () => {
    const begun = start();
    const analysed = begun.instance.evalQuery(begun.engine, 'true', '', options.timeoutMs);
    if (analysed.kind === 'error') throw policyErrorFrom(analysed.text, file);
    return [begun, findTests(parsedForm(begun.instance, begun.engine))] as const;
  });
  let running = first;
  return tests.map((test) => {
    try {
      return judge(test, firstValue(running.instance.evalQuery(running.engine, queryOf(test), '', options.timeoutMs)));
    } catch (fault) {
      if (!(fault instanceof RegoTrap)) throw fault;
      running = start();
      return judge(test, { kind: 'error', text: `error: the Rego engine gave up: ${fault.message}` });
    }
  });
}

// One result per name, at its first definition: several definitions of one rule are alternatives.
function findTests(modules: readonly ParsedModule[]): TestRule[] {
  const tests = new Map<string, TestRule>();
  for (const module of modules) {
    for (const rule of module.rules) {
      const key = `${module.packageName}\n${rule.name}`;
      if (rule.kind === 'complete' && !rule.isDefault && rule.name.startsWith('test_') && !tests.has(key)) tests.set(key, { module, rule });
    }
  }
  return [...tests.values()];
}

function queryOf({ module, rule }: TestRule): string {
  return `data.${module.packageName}.${rule.name}`;
}

function judge({ module, rule }: TestRule, answer: RegoAnswer): PolicyTestResult {
  const result = { name: `${module.packageName}.${rule.name}`, file: module.file, line: rule.span.line };
  switch (answer.kind) {
    case 'value':
      return answer.text === 'true' ? { ...result, passed: true } : { ...result, passed: false, error: `is ${answer.text}` };
    case 'undefined':
      return { ...result, passed: false, error: 'is undefined: a condition in it does not hold' };
    case 'timeout':
      return { ...result, passed: false, error: 'took longer than its time limit' };
    case 'error': {
      const fault = policyErrorFrom(answer.text, module.file);
      return { ...result, passed: false, error: `${placeText(fault)}: ${fault.message}` };
    }
  }
}
