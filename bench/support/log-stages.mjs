// Where a call's time went, from the gateway's own audit log: each line has when its call came, was decided and was answered, and what each layer took.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from './measure.mjs';

const LAST_LINES = 20_000;

/** The newest request lines of allowed calls in a project's log. */
export function linesOf(project) {
  const lines = readFileSync(join(project, '.precinct', 'audit', 'audit.jsonl'), 'utf8').trimEnd().split('\n').slice(-LAST_LINES);
  return lines.map((line) => JSON.parse(line)).filter(({ type, decision }) => type === 'request' && decision === 'ALLOW');
}

/** Stages of a call in order, each with the median of its µs. The wait for the disk comes after the line is made, and is in none. */
export function stagesOf(lines) {
  const stage = (name, of) => ({ name, us: median(lines.map(of)) });
  const layers = lines[0]?.layers_traversed ?? [];
  return [
    stage('received until decided', ({ timestamps }) => timestamps.decided - timestamps.received),
    ...layers.map(({ step, name }, at) => stage(`of it ${step} ${name}`, (line) => line.layers_traversed[at]?.us ?? 0)),
    stage('decided until answered and screened', ({ timestamps }) => timestamps.responded - timestamps.decided),
  ];
}
