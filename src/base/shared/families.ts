// Records of a stripe in families: one head, and members in the order of their last use. A family lies in its head's stripe, under one lock.
import type { KeyHash } from './key-hash.js';
import { NONE, type Stripe } from './table.js';

/** Words that a record's data must keep free at their beginning. */
export const FAMILY_WORDS = 4;

const KIND = 0;
const HEAD = 1;
const MEMBER = 2;
// Of a head: its oldest and newest member, how many. Of a member: the older and the newer one, its head. All are record + 1.
const OLDER = 1;
const NEWER = 2;
const RELATED = 3;

export function isHead(stripe: Stripe, record: number): boolean {
  return stripe.words[stripe.wordAt(record) + KIND] === HEAD;
}

export function membersOf(stripe: Stripe, head: number): number {
  return stripe.words[stripe.wordAt(head) + RELATED] ?? 0;
}

export function oldestOf(stripe: Stripe, head: number): number {
  return (stripe.words[stripe.wordAt(head) + OLDER] ?? 0) - 1;
}

export function headOf(stripe: Stripe, member: number): number {
  return (stripe.words[stripe.wordAt(member) + RELATED] ?? 0) - 1;
}

/** NONE when the stripe is full. */
export function addHead(stripe: Stripe, hash: KeyHash): number {
  const record = stripe.add(hash);
  if (record !== NONE) stripe.words[stripe.wordAt(record) + KIND] = HEAD;
  return record;
}

/** The newest of its family; NONE when the stripe is full. */
export function addMember(stripe: Stripe, head: number, hash: KeyHash): number {
  const record = stripe.add(hash);
  if (record === NONE) return NONE;
  const { words } = stripe;
  words[stripe.wordAt(record) + KIND] = MEMBER;
  words[stripe.wordAt(record) + RELATED] = head + 1;
  words[stripe.wordAt(head) + RELATED] = membersOf(stripe, head) + 1;
  append(stripe, head, record);
  return record;
}

/** Makes a member the newest. */
export function touchMember(stripe: Stripe, member: number): void {
  const head = headOf(stripe, member);
  if (stripe.words[stripe.wordAt(head) + NEWER] === member + 1) return;
  unlink(stripe, head, member);
  append(stripe, head, member);
}

export function removeMember(stripe: Stripe, member: number): void {
  const head = headOf(stripe, member);
  unlink(stripe, head, member);
  stripe.words[stripe.wordAt(head) + RELATED] = membersOf(stripe, head) - 1;
  stripe.remove(member);
}

function append(stripe: Stripe, head: number, member: number): void {
  const { words } = stripe;
  const headAt = stripe.wordAt(head);
  const at = stripe.wordAt(member);
  const last = words[headAt + NEWER] ?? 0;
  words[at + OLDER] = last;
  words[at + NEWER] = 0;
  if (last === 0) words[headAt + OLDER] = member + 1;
  else words[stripe.wordAt(last - 1) + NEWER] = member + 1;
  words[headAt + NEWER] = member + 1;
}

function unlink(stripe: Stripe, head: number, member: number): void {
  const { words } = stripe;
  const headAt = stripe.wordAt(head);
  const at = stripe.wordAt(member);
  const older = words[at + OLDER] ?? 0;
  const newer = words[at + NEWER] ?? 0;
  if (older === 0) words[headAt + OLDER] = newer;
  else words[stripe.wordAt(older - 1) + NEWER] = newer;
  if (newer === 0) words[headAt + NEWER] = older;
  else words[stripe.wordAt(newer - 1) + OLDER] = older;
}
