// The engine's module: what it may import, that its memory stays flat, that its clock is the caller's, that it can be shared.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, rmSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PolicyEvaluator } from '../../../../src/engines/policy/evaluator.js';
import { RegoInstance, RegoTrap } from '../../../../src/engines/policy/rego-instance.js';
import { compileRegoModule } from '../../../../src/engines/policy/rego-module.js';
import { BASE, facts, load, steppingClock } from './facts.js';

const CRATE = new URL('../../../../native/rego', import.meta.url).pathname;
const newInstance = (): RegoInstance => new RegoInstance(compileRegoModule(), { monotonicMs: () => 0, nowNs: () => 5n });

describe('the engine module', () => {
  it('is the artefact its recipe names, and a changed input or artefact is found', () => {
    execFileSync(process.execPath, [join(CRATE, 'check.mjs')]);
    const copy = mkdtempSync(join(tmpdir(), 'rego-'));
    try {
      for (const name of ['Cargo.toml', 'Cargo.lock', 'build.sh', 'check.mjs', 'recipe.json', 'precinct_rego.wasm']) copyFileSync(join(CRATE, name), join(copy, name));
      cpSync(join(CRATE, 'src'), join(copy, 'src'), { recursive: true });
      const check = (): unknown => execFileSync(process.execPath, [join(copy, 'check.mjs')], { stdio: 'pipe' });
      check();
      appendFileSync(join(copy, 'src/lib.rs'), '\n');
      expect(check).toThrow();
      copyFileSync(join(CRATE, 'src/lib.rs'), join(copy, 'src/lib.rs'));
      check();
      appendFileSync(join(copy, 'precinct_rego.wasm'), '\0');
      expect(check).toThrow();
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('imports clocks, randomness and an error output, but no file and no network', () => {
    const imports = WebAssembly.Module.imports(compileRegoModule()).map(({ module, name }) => `${module}.${name}`);
    expect(imports.sort()).toEqual(['clock_time_get', 'environ_get', 'environ_sizes_get', 'fd_write', 'proc_exit', 'random_get', 'sched_yield'].map((name) => `wasi_snapshot_preview1.${name}`));
    expect(newInstance().builtins().has('http.send')).toBe(false);
    expect(newInstance().builtins().get('count')).toBe(1);
  });

  it('takes the time from its caller', () => {
    const instance = newInstance();
    expect(instance.evalQuery(instance.newEngine(true), 'time.now_ns() == 5', '', 1000)).toMatchObject({ text: expect.stringContaining('"value":true') });
  });

  it('says what a panic was, and is given up then', () => {
    const instance = newInstance();
    const engine = instance.newEngine(true);
    expect(() => instance.evalQuery(engine, 'strings.count("", "")', '', 1000)).toThrow(RegoTrap);
    expect(() => instance.evalQuery(engine, '1 == 1', '', 1000)).toThrow(RegoTrap);
  });

  it('can be handed to another thread compiled', async () => {
    const worker = new Worker('const { parentPort, workerData } = require("node:worker_threads"); parentPort.postMessage(WebAssembly.Module.exports(workerData).length)', { eval: true, workerData: compileRegoModule() });
    const answer = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(answer).toBeGreaterThan(5);
    await worker.terminate();
  });
});

describe('the memory', () => {
  it('does not grow over 100,000 evaluations', () => {
    const text = `${BASE}default allow := false\nallow if {\n  some x in input.arguments.list\n  regex.match("^[a-c]+$", x.name)\n  x.name == sprintf("%s", [input.tool])\n}`;
    const evaluator = new PolicyEvaluator([{ file: 'p.rego', text }], { module: compileRegoModule(), clock: steppingClock(), timeoutMs: 1000 });
    const ask = (i: number): void => {
      const answer = evaluator.evaluate(`{"tool":"t${i}","arguments":{"list":[{"name":"abc${i % 7}"},{"name":"bca"}]}}`, BigInt(i));
      if (answer.kind !== 'value') throw new Error(answer.kind);
    };
    for (let i = 0; i < 5000; i++) ask(i);
    const before = evaluator.instance.memoryBytes;
    for (let i = 0; i < 95_000; i++) ask(i);
    expect(evaluator.instance.memoryBytes - before).toBeLessThanOrEqual(1 << 20);
    expect(evaluator.replaced).toBe(0);
  }, 120_000);

  it('of an evaluation that took much is given back with its instance, and the next answer is right', () => {
    const evaluator = new PolicyEvaluator([{ file: 'p.rego', text: `${BASE}allow if count(numbers.range(1, input.arguments.n)) > 3` }], { module: compileRegoModule(), clock: steppingClock(), timeoutMs: 1000 });
    const before = evaluator.instance.memoryBytes;
    expect(evaluator.evaluate('{"arguments":{"n":6000000}}', 0n)).toEqual({ kind: 'value', text: 'true' });
    expect(evaluator.replaced).toBe(1);
    expect(evaluator.instance.memoryBytes).toBeLessThanOrEqual(before);
    expect(evaluator.evaluate('{"arguments":{"n":1}}', 0n)).toEqual({ kind: 'undefined' });
  });

  it('has an end: an evaluation that wants more is a fault, and the next one is answered', () => {
    const set = load(`${BASE}allow if count(numbers.range(1, input.arguments.n)) > 3`, { cacheEntries: 0, timeoutMs: 10_000 });
    expect(set.decide(facts({ arguments: '{"n":100000000}' }))).toMatchObject({ kind: 'fault' });
    expect(set.decide(facts({ arguments: '{"n":5}' }))).toMatchObject({ kind: 'allow' });
  });
});
