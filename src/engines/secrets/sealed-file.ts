// The encrypted file: magic and version, a fresh nonce, AES-256-GCM over everything. Written whole, beside, then renamed over.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../base/store/make-folder.js';
import { Database } from '../../base/sqlite/database.js';
import { SecretFault } from './fault.js';

/** Also the additional authenticated data: a file of another version can't pass as this one. */
const HEADER = Buffer.from('PRECINCT-SECRETS\u0000\u0001', 'latin1');
const NONCE_BYTES = 12; // NIST SP 800-38D section 8.2.2; random, so at most 2^32 writes per key
const TAG_BYTES = 16;
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Writers hold the lock for milliseconds; the control thread must not stand still for longer. */
const LOCK_TIMEOUT_MS = 2_000;

export function seal(plain: Buffer, key: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(HEADER);
  return Buffer.concat([HEADER, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws SecretFault('store_damaged') for a flipped bit, a cut file or another key: they can't be told apart. */
export function unseal(sealed: Buffer, key: Buffer, path: string): Buffer {
  const nonceAt = HEADER.length;
  const textAt = nonceAt + NONCE_BYTES;
  const tagAt = sealed.length - TAG_BYTES;
  if (tagAt < textAt || !sealed.subarray(0, nonceAt).equals(HEADER)) throw damaged(path);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(nonceAt, textAt), { authTagLength: TAG_BYTES }).setAAD(HEADER).setAuthTag(sealed.subarray(tagAt));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(textAt, tagAt)), decipher.final()]);
  } catch {
    throw damaged(path);
  }
}

/** The file's bytes; undefined if there is none yet. */
export function readSealed(path: string): Buffer | undefined {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw damaged(path);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof SecretFault) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') return undefined;
    throw new SecretFault('store_unreadable', `${path} cannot be read (${code ?? 'unknown error'}).`, 'Check its owner and mode.');
  }
}

/** Changes whenever the file was replaced: rename gives a new inode, and the times are in nanoseconds. Empty = no file. */
export function fileMark(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? '' : `${stat.ino}.${stat.mtimeNs}.${stat.size}`;
}

/** Throws SecretFault('store_full') for what would never be read again. After this returns the new content is on disk; before, the old one is, whole. */
export function replaceFile(path: string, content: Buffer): void {
  if (content.length > FILE_BYTES_MAX) throw new SecretFault('store_full', 'The store holds too much: its file would be larger than is read again.', 'Remove secrets that are no longer used.');
  const beside = `${path}.new`; // one name is enough: the caller holds the lock
  const fd = openFresh(beside);
  try {
    writeFileSync(fd, content); // unlike writeSync it goes on after a short write
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(beside, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** What a crash left there is removed, never written into: it may be another's link. */
function openFresh(path: string): number {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'wx', FILE_MODE);
}

/**
 * Runs `change` while no other thread or process does. The lock is SQLite's own on an empty database: the kernel frees it
 * when its holder dies, so no stale lock needs judging.
 */
export function withWriterLock<T>(path: string, change: () => T): T {
  const database = openLock(path);
  try {
    begin(database, path);
    return change();
  } finally {
    database.close();
  }
}

function openLock(path: string): Database {
  try {
    makeFolder(dirname(path), FOLDER_MODE);
    closeSync(openSync(`${path}.lock`, 'a', FILE_MODE));
    return new Database(`${path}.lock`, { timeout: LOCK_TIMEOUT_MS });
  } catch (error) {
    throw unwritable(path, error);
  }
}

function begin(database: Database, path: string): void {
  try {
    database.exec('BEGIN IMMEDIATE');
  } catch (error) {
    if (!String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) throw unwritable(path, error);
    throw new SecretFault('store_locked', `${path} is being changed by another process.`, 'Try again.');
  }
}

function unwritable(path: string, error: unknown): SecretFault {
  return new SecretFault('store_unwritable', `${path}.lock can't be written (${error instanceof Error ? error.message : String(error)}).`, 'Free the disk, or repair the folder: agw doctor.');
}

function damaged(path: string): SecretFault {
  return new SecretFault('store_damaged', `${path} is damaged, or sealed with another key.`, 'Restore the file or its key from a backup; or move the file aside and put the secrets again.');
}
