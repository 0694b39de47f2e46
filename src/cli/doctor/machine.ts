// Checks of the machine: Node, C library, compiler, clock.
import { execFileSync } from 'node:child_process';
import { bad, note, ok, type CheckResult } from './check.js';

const NODE_MAJORS = [20, 22, 24]; // the front is built for these
const GLIBC_MINOR_MIN = 36; // arc4random, which the front needs
const CLOCK_YEAR_MIN = 2025; // before this project: certificates and expiry would be nonsense

export interface MachineFacts {
  readonly nodeVersion: string;
  readonly platform: string;
  /** Undefined where the C library is another one. */
  readonly glibc: string | undefined;
  readonly compiler: string | undefined;
  readonly nowMs: number;
}

export function checkMachine(facts: MachineFacts): CheckResult[] {
  return [checkNode(facts), checkLibrary(facts), checkCompiler(facts), checkClock(facts)];
}

function checkNode({ nodeVersion }: MachineFacts): CheckResult {
  const major = Number(nodeVersion.split('.', 1)[0]);
  if (NODE_MAJORS.includes(major)) return ok('node', nodeVersion);
  return bad('node', `${nodeVersion} is not supported`, `Install Node ${NODE_MAJORS.join(', ')}.`);
}

function checkLibrary({ platform, glibc }: MachineFacts): CheckResult {
  if (platform !== 'linux') return ok('c library', platform);
  if (glibc === undefined) return bad('c library', 'not glibc (musl?)', 'Use Debian 12, Ubuntu 24.04 or newer, or the container image.');
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  if (major > 2 || minor >= GLIBC_MINOR_MIN) return ok('c library', `glibc ${glibc}`);
  return bad('c library', `glibc ${glibc} is older than 2.${GLIBC_MINOR_MIN}`, 'Use Debian 12, Ubuntu 24.04 or newer, or the container image.');
}

function checkCompiler({ compiler }: MachineFacts): CheckResult {
  return compiler === undefined ? note('compiler', 'no C++ compiler found', 'Only needed to build: install g++ (Debian: build-essential).') : ok('compiler', compiler);
}

function checkClock({ nowMs }: MachineFacts): CheckResult {
  const date = new Date(nowMs);
  if (date.getUTCFullYear() < CLOCK_YEAR_MIN) return bad('clock', `the clock says ${date.toISOString()}`, 'Set it: expiry of certificates, tokens and grants depends on it.');
  return ok('clock', date.toISOString());
}

export function readMachine(nowMs: number): MachineFacts {
  return { nodeVersion: process.versions.node, platform: process.platform, glibc: glibcVersion(), compiler: compilerVersion(), nowMs };
}

function glibcVersion(): string | undefined {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime;
}

function compilerVersion(): string | undefined {
  for (const compiler of ['c++', 'g++', 'clang++']) {
    try {
      return execFileSync(compiler, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5_000 }).split('\n', 1)[0];
    } catch {
      // not this one
    }
  }
  return undefined;
}
