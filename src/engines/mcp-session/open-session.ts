// One MCP session of this thread. A hundred thousand may be open: what most of them never use is made when it is first asked for.
import type { KeptSession, KeptTaint, McpSession, RunningCall, SessionKeeper, UpstreamBinding } from './types.js';

const TAINT_WRITTEN_EVERY_MS = 1000; // who reads sensitive data again and again is not written down for every call
const NONE_RUNNING: ReadonlySet<RunningCall> = new Set();

export class OpenSession implements McpSession {
  readonly id: string;
  readonly key: string;
  readonly serial: number;
  readonly caller: string;
  readonly protocolVersion: string;
  readonly initializeParams: string;
  readonly createdMs: number;
  usedMs: number;
  /** The last use that was written. */
  writtenMs: number;
  inherited: KeptTaint | undefined;
  readonly #keeper: Pick<SessionKeeper, 'tainted'>;
  #taint: KeptTaint | undefined;
  #upstreams: Map<string, UpstreamBinding> | undefined = undefined;
  #closers: Set<() => void> | undefined = undefined;
  #asked: Map<string, string> | undefined = undefined;
  #running: Set<RunningCall> | undefined = undefined;
  #onIdle: (() => void) | undefined = undefined;

  constructor(id: string, facts: Omit<KeptSession, 'usedMs'>, nowMs: number, keeper: Pick<SessionKeeper, 'tainted'>) {
    this.#keeper = keeper;
    this.inherited = facts.taint;
    this.#taint = facts.taint;
    this.id = id;
    this.key = facts.key;
    this.serial = facts.serial;
    this.caller = facts.caller;
    this.protocolVersion = facts.protocolVersion;
    this.initializeParams = facts.initializeParams;
    this.createdMs = facts.createdMs;
    this.usedMs = nowMs;
    this.writtenMs = nowMs;
  }

  get upstreams(): Map<string, UpstreamBinding> {
    return (this.#upstreams ??= new Map());
  }

  get closers(): Set<() => void> {
    return (this.#closers ??= new Set());
  }

  get asked(): Map<string, string> {
    return (this.#asked ??= new Map());
  }

  get running(): ReadonlySet<RunningCall> {
    return this.#running ?? NONE_RUNNING;
  }

  /** Open streams: one closer each. */
  get streams(): number {
    return this.#closers?.size ?? 0;
  }

  get upstreamCount(): number {
    return this.#upstreams?.size ?? 0;
  }

  /** What is kept of it. */
  kept(): KeptSession {
    const { serial, key, caller, protocolVersion, initializeParams, createdMs, usedMs } = this;
    return { serial, key, caller, protocolVersion, initializeParams, createdMs, usedMs, taint: this.#taint };
  }

  /** What is less severe makes what there is last longer, as it does in the session's risk. */
  noteTaint(taint: KeptTaint): void {
    const last = this.#taint;
    const next = last === undefined || taint.severity >= last.severity ? taint : { ...last, atMs: taint.atMs };
    if (last !== undefined && next.severity === last.severity && next.atMs - last.atMs < TAINT_WRITTEN_EVERY_MS) return;
    this.#taint = next;
    this.#keeper.tainted(this.serial, next);
  }

  began(call: RunningCall): void {
    (this.#running ??= new Set()).add(call);
  }

  over(call: RunningCall): void {
    if (this.#running?.delete(call) !== true || this.#running.size > 0) return;
    this.#running = undefined;
    this.#onIdle?.();
    this.#onIdle = undefined;
  }

  whenIdle(then: () => void): void {
    if (this.#running === undefined) then();
    else this.#onIdle = then;
  }

  /** Tells whoever waits for its end. */
  end(): void {
    const closers = this.#closers;
    this.#closers = undefined;
    for (const close of closers ?? []) close();
  }
}
