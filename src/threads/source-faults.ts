// What is wrong with the files of a start or a reload: every fault with its place, and which of them are refused at the moment.
import { ConfigFault } from '../base/config/fault.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { RefusedSource } from '../control/parts.js';
import { ControlFault } from '../control/server.js';
import { digestPolicies } from '../engines/policy/policy-set.js';
import { PolicyError, type PolicyClock } from '../engines/policy/types.js';
import { faultsOfPolicies, findFileFaults } from '../jobs/find-faults.js';
import { readPolicies, type SnapshotSources } from '../jobs/read-sources.js';
import { ThreadRefused } from './gateway-thread.js';
import type { SourceFault } from './messages.js';

const UNPROCESSABLE = 422;

/** Every fault of the sources that can be known at once; a start ends with it. */
export class SourcesRefused extends Error {
  readonly faults: readonly SourceFault[];
  constructor(faults: readonly SourceFault[]) {
    super(faults[0]?.message ?? 'unknown fault');
    this.name = 'SourcesRefused';
    this.faults = faults;
  }
}

export function describeSourceFault(fault: unknown): SourceFault {
  return describeSourceFaults(fault)[0] ?? { message: 'unknown fault', file: undefined, line: undefined, column: undefined, remedy: undefined };
}

/** Never empty but for an empty SourcesRefused. */
export function describeSourceFaults(fault: unknown): readonly SourceFault[] {
  if (fault instanceof SourcesRefused) return fault.faults;
  if (fault instanceof ThreadRefused) return [fault.fault];
  if (fault instanceof ConfigFault) return [fault, ...fault.others].map(({ message, file, line, column, remedy }) => ({ message, file, line, column, remedy }));
  if (fault instanceof PolicyError) return [{ message: fault.message, file: fault.file, line: fault.line, column: fault.column, remedy: undefined }];
  // Secrets and approvals know their remedy, too; a person at a start that fails needs it most.
  const remedy = fault instanceof Error && 'remedy' in fault && typeof fault.remedy === 'string' ? fault.remedy : undefined;
  return [{ message: fault instanceof Error ? fault.message : 'unknown fault', file: undefined, line: undefined, column: undefined, remedy }];
}

/** Looks at the files as they stand. What is wrong with the policies it knows until they change: to look at 10,000 rules takes seconds, and agw status asks each time. */
export class FaultFinder {
  readonly #root: string;
  readonly #clock: PolicyClock;
  #ofPolicies: { readonly key: string; readonly faults: readonly unknown[] } | undefined;

  constructor(root: string, clock: PolicyClock) {
    this.#root = root;
    this.#clock = clock;
  }

  /** Each fault as it was thrown. */
  find(parts: readonly SourcePart[], config: GatewayConfig): unknown[] {
    return [...(parts.includes('files') ? findFileFaults(this.#root, config) : []), ...(parts.includes('policies') ? this.#findInPolicies(config) : [])];
  }

  /** Another thread has looked at these policies. */
  learn(looked: LookedAt, faults: readonly SourceFault[]): void {
    this.#ofPolicies = { key: keyOfPolicies(looked), faults: [new SourcesRefused(faults)] };
  }

  #findInPolicies(config: GatewayConfig): readonly unknown[] {
    try {
      const policies = readPolicies(this.#root, config);
      const key = keyOfPolicies({ policies, config });
      if (this.#ofPolicies?.key !== key) this.#ofPolicies = { key, faults: faultsOfPolicies(policies, config, this.#clock) };
      return this.#ofPolicies.faults;
    } catch (fault) {
      return [fault];
    }
  }
}

type LookedAt = Pick<SnapshotSources, 'policies' | 'config'>;

function keyOfPolicies({ policies, config }: LookedAt): string {
  return `${digestPolicies(policies)} ${JSON.stringify(config.policy)}`;
}

export function isPolicyFile({ file }: Pick<SourceFault, 'file'>): boolean {
  return file?.endsWith('.rego') === true;
}

/** The fault that stopped, then the others; each once. What has no file is no fault of the sources, and stands alone. */
export function gatherFaults(first: unknown, others: readonly unknown[]): SourceFault[] {
  const known = new Map(describeSourceFaults(first).map((fault) => [keyOf(fault), fault]));
  if ([...known.values()].some(({ file }) => file === undefined)) return [...known.values()];
  for (const fault of others.flatMap(describeSourceFaults)) if (!known.has(keyOf(fault)) && ![...known.values()].some((one) => isSameInPolicies(one, fault))) known.set(keyOf(fault), fault);
  return [...known.values()];
}

/** What is wrong at one place of a policy has other words by who comes upon it first, the engine or the checks before it. */
function isSameInPolicies(one: SourceFault, other: SourceFault): boolean {
  return isPolicyFile(other) && one.file === other.file && one.line === other.line;
}

/** Tells one fault from another; a whole file's is at line 0, or, once it was turned into JSON, at none. */
function keyOf({ file, line, message }: Pick<SourceFault, 'file' | 'message'> & { readonly line?: number | undefined }): string {
  return `${file ?? ''} ${line ?? 0} ${message}`;
}

export function refusedReload(faults: readonly SourceFault[]): ControlFault {
  const [first, ...others] = faults.map(toJson);
  const { message, ...place } = first ?? { message: 'unknown fault' };
  return new ControlFault(UNPROCESSABLE, 'reload_refused', message, { ...place, ...(others.length === 0 ? {} : { others }) });
}

function toJson({ message, file, line, column, remedy }: SourceFault): { message: string; file?: string; line?: number; column?: number; remediation?: string } {
  return {
    message, ...(file === undefined ? {} : { file }), ...(line === undefined || line === 0 ? {} : { line }), ...(column === undefined || column === 0 ? {} : { column }),
    ...(remedy === undefined ? {} : { remediation: remedy }),
  };
}

/** `evidence`: certificates and bundles, which no reload reads. */
export type SourcePart = 'policies' | 'files' | 'evidence';

interface Refusal {
  readonly source: RefusedSource;
  /** Whether a look at the files alone finds it. What only a thread's engines find stays until a reload accepts it. */
  readonly seen: boolean;
}

/** Files whose present content was refused, until a reload takes them up or they are right again. */
export class RefusedSources {
  readonly #refused = new Map<SourcePart, readonly Refusal[]>();
  readonly #findFaults: () => readonly unknown[];

  /** `findFaults`: what is wrong with the files as they stand. */
  constructor(findFaults: () => readonly unknown[]) {
    this.#findFaults = findFaults;
  }

  /** `parts`: what the reload read. A part without a fault of its own was right, although the whole was refused. */
  refuse(parts: readonly SourcePart[], faults: readonly SourceFault[], nowMs: number): void {
    const present = this.#present();
    for (const part of parts) {
      const mine = faults.filter((fault) => (isPolicyFile(fault) ? 'policies' : 'files') === part || parts.length === 1);
      this.#refused.set(part, mine.map((fault) => ({ source: { ...toJson(fault), file: fault.file ?? '', since: new Date(nowMs).toISOString() }, seen: present.has(keyOf(fault)) })));
    }
  }

  accept(parts: readonly SourcePart[]): void {
    for (const part of parts) this.#refused.delete(part);
  }

  /** Without those that were repaired: what is not watched is not loaded yet, but no longer refused. */
  list(): readonly RefusedSource[] {
    const refusals = [...this.#refused.values()].flat();
    if (refusals.length === 0) return [];
    const present = this.#present();
    return refusals.filter(({ source, seen }) => !seen || present.has(keyOf(source))).map(({ source }) => source);
  }

  #present(): ReadonlySet<string> {
    return new Set(this.#findFaults().flatMap(describeSourceFaults).map(keyOf));
  }
}
