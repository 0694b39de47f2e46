// Recomputes the chain over every line: hash, link to the line before, sequence number; the first fault is reported with its place.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenFile } from '../audit/chain-files.js';
import { GENESIS_HASH, verifyLine } from '../audit/hash-chain.js';
import { linesBackward, linesForward, type FileLine } from '../audit/lines.js';
import type { VerifyResult } from '../audit/types.js';
import { withChain } from './audit-log.js';
import type { Project } from './project.js';

interface Expected {
  readonly seq: number;
  readonly prevHash: string;
}

/** A line that the gateway is writing right now looks torn; it is whole a moment later. */
const RETRY_AFTER_MS = 300;

export async function verifyAudit(project: Project): Promise<VerifyResult> {
  const result = await withChain(project, verifyFiles);
  if (result.kind === 'intact' || result.problem !== 'torn') return result;
  await sleep(RETRY_AFTER_MS);
  return withChain(project, verifyFiles);
}

function verifyFiles(files: readonly OpenFile[]): VerifyResult {
  let expected: Expected = { seq: 1, prevHash: GENESIS_HASH };
  let lines = 0;
  for (const file of files) {
    let number = 0;
    for (const line of linesForward(file.fd, 0, file.size)) {
      number += 1;
      const checked = checkLine(line, expected, file.name, number);
      if (checked.kind === 'broken') return checked;
      expected = checked.next;
      lines += 1;
    }
  }
  return { kind: 'intact', lines, files: files.length, lastHash: expected.prevHash };
}

type Checked = { readonly kind: 'good'; readonly next: Expected } | Extract<VerifyResult, { kind: 'broken' }>;

function checkLine(line: FileLine, expected: Expected, file: string, number: number): Checked {
  const check = verifyLine(line.bytes);
  const seq = check.link?.seq;
  const broken = (problem: Extract<VerifyResult, { kind: 'broken' }>['problem'], detail: string): Checked => ({ kind: 'broken', file, line: number, byte: line.offset, seq, problem, detail });
  if (!line.complete) return broken('torn', 'the line has no end');
  if (!check.ok) return broken(check.problem, check.problem === 'hash' ? 'the line is not what was sealed' : 'the line is no sealed JSON object');
  if (check.link.seq !== expected.seq) return broken('seq', `line ${expected.seq} of the chain is expected here`);
  if (check.link.prevHash !== expected.prevHash) return broken('prev_hash', 'the line before is not the one this line was sealed after');
  return { kind: 'good', next: { seq: expected.seq + 1, prevHash: check.link.hash } };
}

/** The newest `count` lines by themselves, for a quick look; undefined when there is none. */
export async function verifyNewest(project: Project, count: number): Promise<VerifyResult | undefined> {
  return withChain(project, (files) => {
    const file = files.at(-1);
    if (file === undefined) return undefined;
    const newest: FileLine[] = [];
    for (const line of linesBackward(file.fd, file.size)) {
      if (line.complete && line.bytes.length > 0) newest.push(line);
      if (newest.length === count) break;
    }
    return verifyLinked(newest.reverse(), file.name);
  });
}

function verifyLinked(lines: readonly FileLine[], file: string): VerifyResult | undefined {
  const [first] = lines;
  const link = first === undefined ? undefined : verifyLine(first.bytes).link;
  if (first === undefined) return undefined;
  let expected: Expected = { seq: link?.seq ?? 0, prevHash: link?.prevHash ?? '' };
  for (const [index, line] of lines.entries()) {
    const checked = checkLine(line, expected, file, index + 1);
    if (checked.kind === 'broken') return checked;
    expected = checked.next;
  }
  return { kind: 'intact', lines: lines.length, files: 1, lastHash: expected.prevHash };
}
