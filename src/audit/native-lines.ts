// What audit_lines.node does for every line. Both users have a twin for a machine without it.
import { loadAddon } from '../base/native/load-addon.js';

/** Raised with every change of a verb's arguments or answer; native/audit_lines/addon.cc holds the same number. */
const CONTRACT = 1;

export interface NativeLines {
  /** seal.ts. */
  seal(ring: Buffer, commit: Buffer, state: Float64Array): void;
  /** request-lines.ts. */
  openRequest(): object;
  setRun(writer: object, index: number, text: string): void;
  writeRequest(writer: object, ring: Buffer, at: number, room: number, ids: string, numbers: Float64Array): number;
}

export function loadNativeLines(file?: string): NativeLines | undefined {
  return loadAddon<NativeLines>('audit_lines', CONTRACT, file);
}
