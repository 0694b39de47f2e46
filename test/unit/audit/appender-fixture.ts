// An appender before a writer that answers when the test says so.
import type { MessagePort } from 'node:worker_threads';
import { MessageChannel } from 'node:worker_threads';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from 'vitest';
import { openAppender } from '../../../src/audit/appender.js';
import { createBell, Sleeper } from '../../../src/audit/bell.js';
import { createLane } from '../../../src/audit/lane.js';
import type { AuditConnection, FromWriter } from '../../../src/audit/protocol.js';
import { NUDGE } from '../../../src/audit/protocol.js';
import type { AuditAppender } from '../../../src/audit/types.js';
import { LaneReader } from './lane-reader.js';

export const line = (id: string): string => `{"type":"request","id":"${id}"`;
export const hashOf = (seq: number): string => String(seq).padStart(64, '0');

export let writer: MessagePort;
export let connection: AuditConnection;
export let receiver: LaneReader;
export let sleeper: Sleeper;
export let nudges: number;
export let seq: number;
export let read: string[];
export function connect(laneBytes?: number): void {
  const { port1: port, port2 } = new MessageChannel();
  const [lane, bell] = [createLane(laneBytes), createBell()];
  connection = { port, lane, bell };
  writer = port2;
  receiver = new LaneReader(lane);
  sleeper = new Sleeper(bell);
  writer.on('message', () => (nudges += 1));
}
beforeEach(() => {
  [nudges, seq, read] = [0, 1, []];
  connect();
});
afterEach(() => writer.close());

export const open = (queueLinesMax = 100, durability: 'group' | 'async' = 'group'): AuditAppender => openAppender(connection, { queueLinesMax, durability });
export const say = (message: FromWriter): void => writer.postMessage(message);
/** All lines so far. */
export function received(): string[] {
  for (let got = receiver.read(); got !== undefined; got = receiver.read()) read.push(got);
  return read;
}
export function show(): void {
  if (receiver.publish()) say(NUDGE);
}
export function acknowledge(count: number): void {
  received();
  for (let i = 0; i < count; i++, seq++) receiver.answer({ seq, hash: hashOf(seq) });
  show();
}
export function advance(): void {
  seq += 1;
}
export function fail(count: number, because: string): void {
  received();
  say({ kind: 'health', healthy: false, because });
  for (let i = 0; i < count; i++) receiver.answer(undefined);
  show();
}
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await turn();
  expect(condition()).toBe(true);
}
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

export type Answer = readonly [id: string, error: string | undefined, seq: number | undefined];
export function collector(appender: AuditAppender): { readonly answers: Answer[]; append(...ids: string[]): void } {
  const answers: Answer[] = [];
  return {
    answers,
    append(...ids) {
      for (const id of ids) appender.append(line(id), (error, sealed) => void answers.push([id, error?.message, sealed?.seq]));
    },
  };
}
