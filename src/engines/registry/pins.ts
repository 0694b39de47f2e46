// The content of pins.json: which definitions were pinned at first sight and which tools are refused since they changed; and its atomic file.
import { closeSync, fchmodSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import type { ToolsReader } from './served-tools.js';
import type { ToolHash } from './types.js';

export const PINS_VERSION = 1;

interface Registration {
  readonly tool: string;
  readonly upstream: string;
  /** What the registry said when the record was made; another registration ends it. */
  readonly registration: string;
}

export interface PinRecord extends Registration {
  readonly definitionHash: ToolHash;
  readonly memberHashes: Readonly<Record<string, ToolHash>>;
}

export interface QuarantineRecord extends Registration {
  readonly servedText: string;
  readonly sinceMs: number;
}

/** pins.json is there but can't be trusted. The start stops: a lost quarantine would let a changed tool through. */
export class PinsFault extends Error {
  readonly remedy = 'Restore the file from a backup, or remove it and check every tool with agw tools diff before going on.';

  constructor(cause: string) {
    super(`the pinned definitions (pins.json in the state folder) can't be read: ${cause.replace(/\.$/, '')}.`);
    this.name = 'PinsFault';
  }
}

const registration = { tool: z.string(), upstream: z.string(), registration: z.string() };
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const pinsSchema = z.strictObject({
  version: z.literal(PINS_VERSION),
  pins: z.array(z.strictObject({ ...registration, definitionHash: hash, memberHashes: z.record(z.string(), hash) })),
  quarantine: z.array(z.strictObject({ ...registration, servedText: z.string(), sinceMs: z.number() })),
});

/** Throws PinsFault. */
export function parsePins(json: string, reader: ToolsReader): { readonly pins: readonly PinRecord[]; readonly quarantine: readonly QuarantineRecord[] } {
  try {
    const read = pinsSchema.parse(JSON.parse(json));
    for (const { servedText } of read.quarantine) reader.describeTool(servedText);
    return { pins: read.pins as unknown as PinRecord[], quarantine: read.quarantine };
  } catch (error) {
    throw new PinsFault(error instanceof z.ZodError ? error.issues[0]?.message ?? 'wrong form' : error instanceof Error ? error.message : 'unknown');
  }
}

/** Undefined when there is none yet. */
export function readPinsFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PinsFault(error instanceof Error ? error.message : 'unknown');
  }
}

/** Durable when it returns: a power cut leaves the old content or the new, never half. */
export function writePinsFile(file: string, json: string): void {
  const next = `${file}.next`;
  const handle = openSync(next, 'w', 0o600);
  try {
    fchmodSync(handle, 0o600); // one left behind by a crash keeps its own mode otherwise
    writeFileSync(handle, json);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(next, file);
  syncDirectory(dirname(file));
}

function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
