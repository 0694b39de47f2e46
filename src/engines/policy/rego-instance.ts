// One instance of the Rego engine: typed calls over its two shared byte buffers (native/rego/src/lib.rs).
import { createWasiHost } from './wasi-host.js';
import type { HostClocks, WasiHost } from './wasi-host.js';

export type RegoAnswer =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'undefined' }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'timeout' };

/** A panic or trap: the instance is unusable from now on. */
export class RegoTrap extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RegoTrap';
  }
}

interface RegoExports {
  readonly memory: WebAssembly.Memory;
  __wasm_call_ctors(): void;
  request(length: number): number;
  answer_at(): number;
  answer_len(): number;
  builtins(): number;
  engine_new(strict: number): number;
  engine_free(engine: number): void;
  engine_add_policy(engine: number, nameLength: number): number;
  engine_add_data(engine: number): number;
  engine_ast(engine: number): number;
  engine_eval_rule(engine: number, ruleLength: number, limitMs: number): number;
  engine_eval_query(engine: number, queryLength: number, inputIsTerm: number, limitMs: number): number;
}

/** Rust adds to a panic how to see where it came from: here there is no environment to set. */
const BACKTRACE_NOTE = '\nnote: run with';
const STATUS_KINDS = ['value', 'undefined', 'error', 'timeout'] as const;

export class RegoInstance {
  readonly #wasm: RegoExports;
  readonly #host: WasiHost;
  #bytes = Buffer.alloc(0);

  constructor(module: WebAssembly.Module, clocks: HostClocks) {
    this.#host = createWasiHost(module, clocks);
    this.#wasm = new WebAssembly.Instance(module, this.#host.imports).exports as unknown as RegoExports;
    this.#host.attach(this.#wasm.memory);
    this.#wasm.__wasm_call_ctors();
  }

  /** Linear memory only ever grows. */
  get memoryBytes(): number {
    return this.#wasm.memory.buffer.byteLength;
  }

  /** Names of all builtins with their number of arguments. */
  builtins(): ReadonlyMap<string, number> {
    const answer = this.#run([], () => this.#wasm.builtins());
    return new Map(Object.entries(JSON.parse(textOf(answer)) as Record<string, number>));
  }

  /** With `strict`, a builtin that fails is an error; without, undefined. */
  newEngine(strict: boolean): number {
    return Number(textOf(this.#run([], () => this.#wasm.engine_new(strict ? 1 : 0))));
  }

  freeEngine(engine: number): void {
    this.#wasm.engine_free(engine);
  }

  addPolicy(engine: number, file: string, text: string): RegoAnswer {
    return this.#run([file, text], ([fileLength = 0]) => this.#wasm.engine_add_policy(engine, fileLength));
  }

  addData(engine: number, json: string): RegoAnswer {
    return this.#run([json], () => this.#wasm.engine_add_data(engine));
  }

  /** The parsed form of every module, as JSON. */
  parsedForm(engine: number): RegoAnswer {
    return this.#run([], () => this.#wasm.engine_ast(engine));
  }

  evalRule(engine: number, rule: string, inputJson: string, limitMs: number): RegoAnswer {
    return this.#run([rule, inputJson], ([ruleLength = 0]) => this.#wasm.engine_eval_rule(engine, ruleLength, limitMs));
  }

  /** An empty `input` leaves `input` undefined. Answers the JSON of all results with their bindings. */
  evalQuery(engine: number, query: string, input: string, limitMs: number, inputIs: 'json' | 'term' = 'json'): RegoAnswer {
    return this.#run([query, input], ([queryLength = 0]) => this.#wasm.engine_eval_query(engine, queryLength, inputIs === 'term' ? 1 : 0, limitMs));
  }

  #run(parts: readonly string[], call: (lengths: readonly number[]) => number): RegoAnswer {
    this.#host.clearPanic();
    try {
      const lengths = this.#write(parts);
      const kind = STATUS_KINDS[call(lengths)];
      if (kind === 'value' || kind === 'error') return { kind, text: this.#answer() };
      return kind === 'timeout' || kind === 'undefined' ? { kind } : { kind: 'error', text: 'the Rego engine answered an unknown status' };
    } catch (fault) {
      throw new RegoTrap(this.#host.takePanic().split(BACKTRACE_NOTE, 1)[0]?.trim() || (fault instanceof Error ? fault.message : 'trap'));
    }
  }

  #write(parts: readonly string[]): number[] {
    const lengths = parts.map((part) => Buffer.byteLength(part));
    let at = this.#wasm.request(lengths.reduce((sum, length) => sum + length, 0));
    const bytes = this.#memory();
    for (const part of parts) at += bytes.write(part, at, 'utf8');
    return lengths;
  }

  #answer(): string {
    const from = this.#wasm.answer_at();
    return this.#memory().toString('utf8', from, from + this.#wasm.answer_len());
  }

  /** A view of the linear memory, which gets another buffer when it grows. */
  #memory(): Buffer {
    const { buffer } = this.#wasm.memory;
    if (this.#bytes.buffer !== buffer) this.#bytes = Buffer.from(buffer);
    return this.#bytes;
  }
}

function textOf(answer: RegoAnswer): string {
  if (answer.kind === 'value') return answer.text;
  throw new RegoTrap(answer.kind === 'error' ? answer.text : 'the Rego engine gave no answer');
}
