// The few imports of WASI preview 1 the Rego module asks for: clocks and randomness from the caller, a panic's text kept, nothing else.
import { randomFillSync } from 'node:crypto';

/** A panic's text is cut here: it may quote a policy's values. */
const PANIC_CHARS_MAX = 500;
// WASI preview 1: clockid, fd, errno.
const CLOCK_REALTIME = 0;
const STDERR = 2;
const ERRNO_SUCCESS = 0;
const ERRNO_NOSYS = 52;

export interface HostClocks {
  /** Monotonic milliseconds, for the execution limit. */
  monotonicMs(): number;
  /** Nanoseconds since the epoch: what `time.now_ns()` answers. */
  nowNs(): bigint;
}

export interface WasiHost {
  readonly imports: WebAssembly.Imports;
  /** Once, after instantiation. */
  attach(memory: WebAssembly.Memory): void;
  /** Forgets earlier messages, so that a panic's text is that panic's. */
  clearPanic(): void;
  /** What the module wrote to its standard error since the last clearing; empty if nothing. */
  takePanic(): string;
}

export function createWasiHost(module: WebAssembly.Module, clocks: HostClocks): WasiHost {
  let memory: WebAssembly.Memory | undefined;
  let panic = '';
  const view = (): DataView => new DataView(memoryOf(memory).buffer);
  const known: Record<string, (...args: never[]) => number> = {
    clock_time_get: (clockId: number, _precision: bigint, at: number) => {
      const ns = clockId === CLOCK_REALTIME ? clocks.nowNs() : BigInt(Math.round(clocks.monotonicMs() * 1e6));
      view().setBigUint64(at, BigInt.asUintN(64, ns), true);
      return ERRNO_SUCCESS;
    },
    random_get: (at: number, length: number) => {
      randomFillSync(new Uint8Array(memoryOf(memory).buffer, at, length));
      return ERRNO_SUCCESS;
    },
    fd_write: (fd: number, vectors: number, count: number, writtenAt: number) => {
      const { text, length } = gather(view(), vectors, count);
      if (fd === STDERR && panic.length < PANIC_CHARS_MAX) panic = (panic + text).slice(0, PANIC_CHARS_MAX);
      view().setUint32(writtenAt, length, true);
      return ERRNO_SUCCESS;
    },
    // The environment is empty: a policy must not read the gateway's.
    environ_sizes_get: (countAt: number, bytesAt: number) => {
      view().setUint32(countAt, 0, true);
      view().setUint32(bytesAt, 0, true);
      return ERRNO_SUCCESS;
    },
    environ_get: () => ERRNO_SUCCESS,
    sched_yield: () => ERRNO_SUCCESS,
    proc_exit: (code: number) => {
      throw new Error(`the Rego engine stopped with code ${code}`);
    },
  };
  return {
    imports: { wasi_snapshot_preview1: wasiFunctions(module, known) },
    attach: (attached) => { memory = attached; },
    clearPanic: () => { panic = ''; },
    takePanic: () => {
      const text = panic;
      panic = '';
      return text;
    },
  };
}

// Whatever else the module may import one day answers "not supported" instead of failing to link.
function wasiFunctions(module: WebAssembly.Module, known: Record<string, (...args: never[]) => number>): WebAssembly.ModuleImports {
  const functions: WebAssembly.ModuleImports = {};
  for (const wanted of WebAssembly.Module.imports(module)) functions[wanted.name] = known[wanted.name] ?? (() => ERRNO_NOSYS);
  return functions;
}

function gather(view: DataView, vectors: number, count: number): { text: string; length: number } {
  let text = '';
  let length = 0;
  for (let i = 0; i < count; i++) {
    const at = view.getUint32(vectors + 8 * i, true);
    const size = view.getUint32(vectors + 8 * i + 4, true);
    text += Buffer.from(view.buffer, at, size).toString('utf8');
    length += size;
  }
  return { text, length };
}

function memoryOf(memory: WebAssembly.Memory | undefined): WebAssembly.Memory {
  if (memory === undefined) throw new Error('the Rego engine was called before its memory was attached');
  return memory;
}
