// The 32-byte key of the secret file: from a file only its owner can read, or from text the config took out of the environment.
import { randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../../base/store/make-folder.js';
import { SecretFault } from './fault.js';

const KEY_BYTES = 32; // AES-256
const KEY_FILE_BYTES_MAX = 1024;
const KEY_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** Read, write or execute for group or others. */
const NOT_OWNER_BITS = 0o077;

/** Standard or URL-safe base64 of exactly 32 bytes. The fault names the source, never the text. */
export function parseSecretKey(text: string, source: string): Buffer {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(trimmed);
  if (!isBase64 || key.length !== KEY_BYTES) throw new SecretFault('key_malformed', `${source} does not hold 32 bytes in base64.`, 'Make one: openssl rand -base64 32.');
  return key;
}

/** Throws SecretFault for a symbolic link, another owner, or a mode that lets others read it. */
export function readSecretKeyFile(path: string): Buffer {
  const fd = openKey(path);
  try {
    const stat = fstatSync(fd); // of the open file, so that it can't be swapped after the check
    if (!stat.isFile()) throw new SecretFault('key_unsafe', `${path} is not a regular file.`, 'Put the key into a regular file.');
    if ((stat.mode & NOT_OWNER_BITS) !== 0) throw new SecretFault('key_unsafe', `${path} can be read by others (mode ${(stat.mode & 0o777).toString(8)}).`, `Run chmod 600 ${path}, and replace the key if others may have read it.`);
    if (process.getuid !== undefined && stat.uid !== process.getuid()) throw new SecretFault('key_unsafe', `${path} belongs to another user.`, 'The key must belong to the user the gateway runs as.');
    if (stat.size > KEY_FILE_BYTES_MAX) throw new SecretFault('key_malformed', `${path} is too large for a key.`, 'Make one: openssl rand -base64 32.');
    return parseSecretKey(readFileSync(fd, 'utf8'), path);
  } finally {
    closeSync(fd);
  }
}

/** Makes the key file with mode 0600; an existing file is never touched: its secrets would be lost. */
export function createSecretKeyFile(path: string, random: (bytes: number) => Buffer = randomBytes): Buffer {
  makeFolder(dirname(path), FOLDER_MODE);
  const key = random(KEY_BYTES);
  const fd = openSync(path, 'wx', KEY_MODE);
  try {
    writeSync(fd, `${key.toString('base64')}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return key;
}

function openKey(path: string): number {
  try {
    // O_NONBLOCK: a named pipe in the key's place must not hang the start.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new SecretFault('key_missing', `${path} does not exist.`, `Make it: (umask 077; openssl rand -base64 32 > ${path}).`);
    if (code === 'ELOOP') throw new SecretFault('key_unsafe', `${path} is a symbolic link.`, 'Name the file itself.');
    throw new SecretFault('key_unreadable', `${path} cannot be read (${code ?? 'unknown error'}).`, 'Check its owner and mode.');
  }
}
