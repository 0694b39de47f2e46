// What the upstreams were last seen to serve, per registered tool: verified, changed, absent or not seen yet. A change stays refused until a
// person registers the tool again. One instance observes (the control thread); gateway threads read snapshots of it.
import { parseJson } from '../../base/json/parse-json.js';
import { readParamMarks, type ParamMark } from '../../mcp/param-headers.js';
import type { ToolsReader } from './served-tools.js';
import { findPoison, type PoisonReason } from './poison.js';
import { parsePins, PINS_VERSION, type PinRecord, type QuarantineRecord } from './pins.js';
import type { DefinitionPin, RegisteredTool, ServedTool, ToolRegistry, ToolState } from './types.js';
import { verifyServed } from './verify.js';

export interface UpstreamObservation {
  readonly url: string;
  readonly state: 'up' | 'down' | 'unknown';
  /** When the tools were last listed; 0 = never. */
  readonly verifiedMs: number;
  readonly error: string | undefined;
  readonly tools: readonly ServedTool[];
}

/** Plain data, for postMessage. */
export interface ObservationSnapshot {
  readonly states: readonly ToolObservation[];
  readonly upstreams: readonly UpstreamObservation[];
}

/** A state and the registration it was judged against: it says nothing about any other. */
export interface ToolObservation {
  readonly name: string;
  readonly upstream: string;
  readonly registration: string;
  readonly state: ToolState;
  /** Signs that what is served now speaks to the model. */
  readonly poison: readonly PoisonReason[];
}

export interface ObserveResult {
  /** Names of tools whose state's kind, or changed members, are no longer what they were. */
  readonly changed: readonly string[];
  /** Subset of `changed` that became mismatches now: rug pulls, to be told once. */
  readonly rugPulls: readonly string[];
}

export interface ObservationsOptions {
  readonly registry: ToolRegistry;
  readonly reader: ToolsReader;
  /** Content of pins.json as `persist` was last given it; undefined at the first start. Throws PinsFault when it can't be read: forgetting a rug pull is no repair. */
  readonly restored: string | undefined;
  /** Called with the new content whenever a pin or a quarantine changes, before `observe` returns. */
  readonly persist: (json: string) => void;
}

const UNKNOWN: ToolState = Object.freeze({ kind: 'unknown' });

export class Observations {
  readonly #persist: (json: string) => void;
  #registry: ToolRegistry;
  readonly #states = new Map<string, ToolObservation>();
  readonly #upstreams = new Map<string, UpstreamObservation>();
  readonly #pins = new Map<string, PinRecord>();
  readonly #poison = new Map<string, { readonly text: string; readonly reasons: readonly PoisonReason[] }>();
  readonly #quarantine = new Map<string, QuarantineRecord>();

  constructor({ registry, reader, restored, persist }: ObservationsOptions) {
    this.#persist = persist;
    this.#registry = registry;
    if (restored !== undefined) this.#restore(restored, reader);
    this.#forgetWhatIsNoLongerRegistered();
    for (const record of this.#quarantine.values()) {
      const tool = registry.tools.get(record.tool);
      if (tool !== undefined) this.#set(tool, { kind: 'mismatch', served: reader.describeTool(record.servedText), sinceMs: record.sinceMs }, undefined);
    }
  }

  /** A reload: registrations that are new or renewed are judged against what their upstream served last. */
  setRegistry(registry: ToolRegistry): ObserveResult {
    this.#registry = registry;
    const forgotten = this.#forgetWhatIsNoLongerRegistered();
    for (const [url] of this.#upstreams) if (!registry.upstreams.includes(url)) this.#upstreams.delete(url);
    const changed: string[] = [];
    const rugPulls: string[] = [];
    for (const tool of registry.tools.values()) {
      const upstream = this.#upstreams.get(tool.upstream);
      if (upstream !== undefined && upstream.verifiedMs > 0 && this.stateOf(tool).kind === 'unknown') this.#judge(tool, upstream.tools, upstream.verifiedMs, changed, rugPulls);
    }
    if (forgotten || changed.length > 0) this.#save();
    return { changed, rugPulls };
  }

  /** `served`: the whole list (all pages) of one upstream. */
  observe(upstream: string, served: readonly ServedTool[], nowMs: number): ObserveResult {
    const changed: string[] = [];
    const rugPulls: string[] = [];
    if (!this.#registry.upstreams.includes(upstream)) return { changed, rugPulls };
    this.#upstreams.set(upstream, { url: upstream, state: 'up', verifiedMs: nowMs, error: undefined, tools: served });
    const before = this.#pins.size;
    for (const tool of this.#registry.tools.values()) if (tool.upstream === upstream) this.#judge(tool, served, nowMs, changed, rugPulls);
    if (rugPulls.length > 0 || this.#pins.size !== before) this.#save();
    return { changed, rugPulls };
  }

  /** The upstream could not be listed: what was verified stays verified until it is too old. */
  observeFailure(upstream: string, error: string): void {
    if (!this.#registry.upstreams.includes(upstream)) return;
    const last = this.#upstreams.get(upstream);
    this.#upstreams.set(upstream, { url: upstream, state: 'down', verifiedMs: last?.verifiedMs ?? 0, error, tools: last?.tools ?? [] });
  }

  /** A person registered the tool again without changing its entry: lifts the quarantine and pins what is served now. False: no such tool. */
  acknowledge(name: string): boolean {
    const tool = this.#registry.tools.get(name);
    if (tool === undefined) return false;
    this.#forget(name);
    const upstream = this.#upstreams.get(tool.upstream);
    if (upstream !== undefined && upstream.verifiedMs > 0) this.#judge(tool, upstream.tools, upstream.verifiedMs, [], []);
    this.#save();
    return true;
  }

  stateOf(tool: RegisteredTool): ToolState {
    return readState(this.#states, tool);
  }

  poisonOf(tool: RegisteredTool): readonly PoisonReason[] {
    return readObservation(this.#states, tool)?.poison ?? [];
  }

  pinOf(tool: RegisteredTool): DefinitionPin | undefined {
    const pin = this.#pins.get(tool.name);
    return pin !== undefined && isFor(pin, tool) ? pin : undefined;
  }

  /** Registered upstreams in the registry's order. */
  upstreams(): UpstreamObservation[] {
    return this.#registry.upstreams.map((url) => this.#upstreams.get(url) ?? { url, state: 'unknown', verifiedMs: 0, error: undefined, tools: [] });
  }

  /** What is served but not registered for that upstream. */
  unregistered(): { readonly upstream: string; readonly served: ServedTool }[] {
    return this.upstreams().flatMap(({ url, tools }) => tools
      .filter(({ name }) => this.#registry.served(url, name) === undefined)
      .map((served) => ({ upstream: url, served })));
  }

  snapshot(): ObservationSnapshot {
    return { states: [...this.#states.values()], upstreams: this.upstreams() };
  }

  #judge(tool: RegisteredTool, served: readonly ServedTool[], nowMs: number, changed: string[], rugPulls: string[]): void {
    const before = this.stateOf(tool);
    const after = this.#nextState(tool, served, nowMs, before);
    this.#set(tool, after, served.find(({ name }) => name === tool.servedName));
    if (before.kind !== after.kind || (before.kind === 'verified' && after.kind === 'verified' && before.changedMembers.join() !== after.changedMembers.join())) changed.push(tool.name);
    if (after.kind === 'mismatch' && before.kind !== 'mismatch') rugPulls.push(tool.name);
  }

  #nextState(tool: RegisteredTool, served: readonly ServedTool[], nowMs: number, before: ToolState): ToolState {
    const same = served.filter(({ name }) => name === tool.servedName); // two of one name: each must match, for nobody knows which the client takes
    if (before.kind === 'mismatch') return { ...before, served: same.find((one) => verifyServed(tool, one).kind === 'mismatch') ?? before.served };
    const [first] = same;
    if (first === undefined) return { kind: 'absent', sinceMs: nowMs };
    const pin = this.#pinFor(tool, first);
    const changedMembers = new Set<string>();
    let alg: Extract<ToolState, { kind: 'verified' }>['alg'] | undefined;
    for (const one of same) {
      const verification = verifyServed(tool, one, pin);
      if (verification.kind === 'mismatch') return this.#quarantineNow(tool, one, nowMs);
      alg ??= verification.alg;
      for (const member of verification.changedMembers) changedMembers.add(member);
    }
    if (alg === undefined) return UNKNOWN;
    this.#keepPin(tool, first, pin);
    const marks = marksOf(first);
    return { kind: 'verified', alg, verifiedMs: nowMs, changedMembers: [...changedMembers], ...(marks === undefined ? {} : { marks }) };
  }

  #quarantineNow(tool: RegisteredTool, served: ServedTool, nowMs: number): ToolState {
    this.#quarantine.set(tool.name, { ...idOf(tool), servedText: served.text, sinceMs: nowMs });
    return { kind: 'mismatch', served, sinceMs: nowMs };
  }

  /** At first sight, what is served is the pin, unless the registry has one. */
  #pinFor(tool: RegisteredTool, served: ServedTool): DefinitionPin | undefined {
    const known = this.pinOf(tool);
    if (known !== undefined) return known;
    return tool.definitionHash === undefined || tool.definitionHash === served.definitionHash ? served : undefined;
  }

  #keepPin(tool: RegisteredTool, served: ServedTool, pin: DefinitionPin | undefined): void {
    if (pin !== served || this.pinOf(tool) !== undefined) return;
    this.#pins.set(tool.name, { ...idOf(tool), definitionHash: served.definitionHash, memberHashes: served.memberHashes });
  }

  #set(tool: RegisteredTool, state: ToolState, seen: ServedTool | undefined): void {
    const served = state.kind === 'mismatch' ? state.served : seen;
    this.#states.set(tool.name, { name: tool.name, upstream: tool.upstream, registration: registrationOf(tool), state, poison: this.#findPoison(tool.name, served) });
  }

  /** Searched when the text changes, not at every listing. */
  #findPoison(name: string, served: ServedTool | undefined): readonly PoisonReason[] {
    if (served === undefined) return [];
    const known = this.#poison.get(name);
    if (known?.text === served.text) return known.reasons;
    const reasons = findPoison(parseJson(served.text));
    this.#poison.set(name, { text: served.text, reasons });
    return reasons;
  }

  /** True when a pin or quarantine went, because its registration is no longer the one it was made for. */
  #forgetWhatIsNoLongerRegistered(): boolean {
    const before = this.#pins.size + this.#quarantine.size;
    for (const records of [this.#pins, this.#quarantine]) {
      for (const [name, record] of records) {
        const tool = this.#registry.tools.get(name);
        if (tool === undefined || !isFor(record, tool)) records.delete(name);
      }
    }
    for (const [name, observation] of this.#states) {
      const tool = this.#registry.tools.get(name);
      if (tool === undefined) this.#poison.delete(name);
      if (tool === undefined || readObservation(this.#states, tool) !== observation) this.#states.delete(name);
    }
    return this.#pins.size + this.#quarantine.size !== before;
  }

  #forget(name: string): void {
    this.#pins.delete(name);
    this.#quarantine.delete(name);
    this.#states.delete(name);
  }

  #restore(json: string, reader: ToolsReader): void {
    const { pins, quarantine } = parsePins(json, reader);
    for (const pin of pins) this.#pins.set(pin.tool, pin);
    for (const record of quarantine) this.#quarantine.set(record.tool, record);
  }

  #save(): void {
    this.#persist(`${JSON.stringify({ version: PINS_VERSION, pins: [...this.#pins.values()], quarantine: [...this.#quarantine.values()] }, null, 1)}\n`);
  }
}

/** A gateway thread's view: the states of one snapshot, asked with the registry the request pinned. */
export class ObservedStates {
  readonly #states: ReadonlyMap<string, ToolObservation>;
  readonly upstreams: readonly UpstreamObservation[];

  constructor(snapshot: ObservationSnapshot) {
    this.#states = new Map(snapshot.states.map((observation) => [observation.name, observation]));
    this.upstreams = snapshot.upstreams;
  }

  stateOf(tool: RegisteredTool): ToolState {
    return readState(this.#states, tool);
  }

  poisonOf(tool: RegisteredTool): readonly PoisonReason[] {
    return readObservation(this.#states, tool)?.poison ?? [];
  }
}

/** All three hashes cover the schema: a verified tool's marks are those that were registered. */
function marksOf(served: ServedTool): readonly ParamMark[] | undefined {
  if (!served.text.includes('mcp-header')) return undefined; // nearly every tool
  const { inputSchema } = parseJson(served.text) as { readonly inputSchema?: unknown };
  return readParamMarks(inputSchema);
}

/** A renewed registration is one with another hash, upstream, definition_hash or name on its server: none of what was seen before counts for it. */
function registrationOf(tool: RegisteredTool): string {
  const own = `${tool.hash} ${tool.definitionHash ?? ''} ${tool.hashAlg ?? ''}`;
  return tool.servedName === tool.name ? own : `${own} ${tool.servedName}`;
}

function idOf(tool: RegisteredTool): { tool: string; upstream: string; registration: string } {
  return { tool: tool.name, upstream: tool.upstream, registration: registrationOf(tool) };
}

function isFor(record: PinRecord | QuarantineRecord, tool: RegisteredTool): boolean {
  return record.upstream === tool.upstream && record.registration === registrationOf(tool);
}

function readObservation(states: ReadonlyMap<string, ToolObservation>, tool: RegisteredTool): ToolObservation | undefined {
  const seen = states.get(tool.name);
  return seen !== undefined && seen.upstream === tool.upstream && seen.registration === registrationOf(tool) ? seen : undefined;
}

function readState(states: ReadonlyMap<string, ToolObservation>, tool: RegisteredTool): ToolState {
  return readObservation(states, tool)?.state ?? UNKNOWN;
}
