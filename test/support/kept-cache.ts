// What one gateway of a test run compiled and the others need not compile again: the shipped rules alone take a second of a core.
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER_MODE = 0o700;
const VARIABLE = 'PRECINCT_TEST_CACHE';
/** Policies are of one test each. */
const SHARED = /^(?:matcher-|rules-|patched_)/;

const cacheOf = (project: string): string => join(project, '.precinct', 'cache');

/** For vitest's globalSetup: a folder for this run, known to every worker, gone with it. */
export default function makeFolder(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'precinct-test-cache-'));
  process.env[VARIABLE] = folder;
  return () => { rmSync(folder, { recursive: true, force: true }); };
}

/** Where matchers that a test builds itself may be kept; undefined outside a test run. */
export function keptFolder(): string | undefined {
  return process.env[VARIABLE];
}

/** Gives a project what earlier gateways of this run compiled. */
export function seedCache(project: string): void {
  copyNew(keptFolder(), cacheOf(project));
}

/** Keeps what a gateway that has started compiled. */
export function shareCache(project: string): void {
  copyNew(cacheOf(project), keptFolder());
}

/** Whole files or none: other workers read while this one writes. */
function copyNew(from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined || !existsSync(from)) return;
  for (const name of readdirSync(from).filter((entry) => SHARED.test(entry) && !existsSync(join(to, entry)))) {
    mkdirSync(to, { recursive: true, mode: FOLDER_MODE });
    const scratch = mkdtempSync(join(to, '.copy-'));
    copyFileSync(join(from, name), join(scratch, name));
    renameSync(join(scratch, name), join(to, name));
    rmSync(scratch, { recursive: true, force: true });
  }
}
