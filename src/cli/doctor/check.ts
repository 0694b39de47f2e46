// What a check of `agw doctor` finds: good, worth a look, or broken; and what to do.
import { describeSystemFault } from '../../base/config/system-fault.js';

export interface CheckResult {
  readonly state: 'ok' | 'note' | 'bad';
  readonly what: string;
  /** What was found. */
  readonly found: string;
  /** What to do; absent when it is good. */
  readonly remedy?: string;
}

export const ok = (what: string, found: string): CheckResult => ({ state: 'ok', what, found });
export const note = (what: string, found: string, remedy: string): CheckResult => ({ state: 'note', what, found, remedy });
export const bad = (what: string, found: string, remedy: string): CheckResult => ({ state: 'bad', what, found, remedy });

/** A check that throws has found something too. */
export async function guarded(what: string, check: () => CheckResult[] | Promise<CheckResult[]>): Promise<CheckResult[]> {
  try {
    return await check();
  } catch (error) {
    const refused = describeSystemFault(error);
    return [bad(what, refused?.message ?? (error instanceof Error ? error.message : String(error)), refused?.remedy ?? 'Repair this first.')];
  }
}
