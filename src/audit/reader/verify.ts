// Recomputes the chain over every line: hash, link to the line before, sequence number; the first fault is reported with its place.
import { fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenFile } from '../chain-files.js';
import { GENESIS_HASH, verifyLine } from '../hash-chain.js';
import { linesBackward, linesForward, type FileLine } from '../lines.js';
import type { VerifyResult } from '../types.js';
import { withChain } from './chain-lines.js';

type Broken = Extract<VerifyResult, { kind: 'broken' }>;

interface Expected {
  readonly seq: number;
  readonly prevHash: string;
}

type Checked = { readonly kind: 'good'; readonly next: Expected } | Broken;

/** A line that the gateway is writing right now looks torn; it is whole, or cut off again, a moment later. */
export interface Patience {
  readonly tries: number;
  readonly pauseMs: number;
}

const PATIENCE: Patience = { tries: 20, pauseMs: 50 };

/** The whole log as it is now; lines that come while it is read are not waited for. Throws AuditLogMissing. */
export function verifyAudit(dir: string, patience: Patience = PATIENCE): Promise<VerifyResult> {
  return withChain(dir, (files) => verifyFiles(files, patience));
}

async function verifyFiles(files: readonly OpenFile[], patience: Patience): Promise<VerifyResult> {
  let expected: Expected = { seq: 1, prevHash: GENESIS_HASH };
  let lines = 0;
  for (const file of files) {
    let number = 0;
    for (const seen of linesForward(file.fd, 0, file.size)) {
      number += 1;
      const line = seen.complete || file !== files.at(-1) ? seen : await whenWritten(file.fd, seen, patience);
      if (line === undefined) break;
      const checked = checkLine(line, expected, file.name, number);
      if (checked.kind === 'broken') return checked;
      expected = checked.next;
      lines += 1;
    }
  }
  return { kind: 'intact', lines, files: files.length, lastHash: expected.prevHash };
}

/** The line again once it has its end; as it was when it gets none; undefined when the writer took it back. */
async function whenWritten(fd: number, line: FileLine, { tries, pauseMs }: Patience): Promise<FileLine | undefined> {
  for (let i = 0; i < tries; i++) {
    await sleep(pauseMs);
    const [now] = linesForward(fd, line.offset, fstatSync(fd).size);
    if (now === undefined || now.complete) return now;
  }
  return line;
}

function checkLine(line: FileLine, expected: Expected, file: string, number: number): Checked {
  const check = verifyLine(line.bytes);
  const broken = (problem: Broken['problem'], detail: string): Broken => ({ kind: 'broken', file, line: number, byte: line.offset, seq: check.link?.seq, problem, detail });
  if (!line.complete) return broken('torn', 'the line has no end');
  if (!check.ok) return broken(check.problem, check.problem === 'hash' ? 'the line is not what was sealed' : 'the line is no sealed JSON object');
  if (check.link.seq !== expected.seq) return broken('seq', `line ${expected.seq} of the chain is expected here`);
  if (check.link.prevHash !== expected.prevHash) return broken('prev_hash', 'the line before is not the one this line was sealed after');
  return { kind: 'good', next: { seq: expected.seq + 1, prevHash: check.link.hash } };
}

/** The newest `count` lines by themselves, for a quick look; undefined when there is none. Throws AuditLogMissing. */
export function verifyNewest(dir: string, count: number): Promise<VerifyResult | undefined> {
  return withChain(dir, (files) => {
    const newest = newestLines(files, count);
    const [first] = newest;
    if (first === undefined) return undefined;
    const link = verifyLine(first.line.bytes).link;
    let expected: Expected = { seq: link?.seq ?? 0, prevHash: link?.prevHash ?? '' };
    for (const { file, line } of newest) {
      const checked = checkLine(line, expected, file.name, 0);
      if (checked.kind === 'broken') return { ...checked, line: numberOf(file, line) };
      expected = checked.next;
    }
    return { kind: 'intact', lines: newest.length, files: new Set(newest.map(({ file }) => file)).size, lastHash: expected.prevHash };
  });
}

interface PlacedLine {
  readonly file: OpenFile;
  readonly line: FileLine;
}

/** Oldest first. */
function newestLines(files: readonly OpenFile[], count: number): PlacedLine[] {
  const newest: PlacedLine[] = [];
  for (const file of files.toReversed()) {
    for (const line of linesBackward(file.fd, file.size)) {
      if (line.complete) newest.push({ file, line }); // what has no end may be being written
      if (newest.length === count) return newest.reverse();
    }
  }
  return newest.reverse();
}

function numberOf(file: OpenFile, { offset }: FileLine): number {
  let number = 1;
  for (const line of linesForward(file.fd, 0, offset)) if (line.complete) number += 1;
  return number;
}
