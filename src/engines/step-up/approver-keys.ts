// Approvers: an Ed25519 key each. The gateway trusts the public halves in <state_dir>/approvers; the private half signs decisions.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, scryptSync, sign, verify, type KeyObject } from 'node:crypto';
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../base/store/make-folder.js';
import { readOwnFile, writeNewFile } from './approver-file.js';
import { decisionText } from './decision-text.js';
import { StepUpFault } from './fault.js';
import type { ApprovalRequest } from './types.js';

export interface Approver {
  readonly name: string;
  readonly publicKey: KeyObject;
  /** SHA-256 of the public key's DER, hex. */
  readonly fingerprint: string;
  /** The approver's own identity, if it has one: it may not approve its own calls. */
  readonly spiffeId: string | undefined;
}

export interface ListedApprover {
  readonly name: string;
  readonly fingerprint: string;
  readonly spiffeId: string | undefined;
  /** A private key lies beside the public one. */
  readonly hasKey: boolean;
  readonly sealed: boolean;
  /** Why the gateway does not accept this approver; undefined = it does. */
  readonly problem: string | undefined;
}

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const SPIFFE_ID = /^spiffe:\/\/[a-z0-9._-]+\/[A-Za-z0-9._/-]+$/;
const FOLDER_MODE = 0o700;
const KEY_MODE = 0o600;
const PUBLIC_MODE = 0o644;
const PASSPHRASE_LENGTH_MIN = 8;
const SALT_BYTES = 16;
/** OpenSSL's own derivation for PKCS#8 is cheap to guess against, so the passphrase is stretched first. 64 MiB, about 0.2 s. */
const STRETCH = { N: 2 ** 16, r: 8, p: 1, maxmem: 128 * 1024 * 1024 };
const STRETCHED_BYTES = 32;

/** `passphrase` undefined: the key lies open in a 0600 file (dev). Throws StepUpFault. */
export function createApprover(dir: string, name: string, passphrase: string | undefined, spiffeId?: string): Approver {
  checkName(name);
  if (passphrase !== undefined && passphrase.length < PASSPHRASE_LENGTH_MIN) throw new StepUpFault('invalid_input', `The passphrase has fewer than ${PASSPHRASE_LENGTH_MIN} characters.`, 'Take a longer one.');
  if (spiffeId !== undefined && !SPIFFE_ID.test(spiffeId)) throw new StepUpFault('invalid_input', 'The approver\'s identity is not a SPIFFE ID.', 'Write spiffe://….');
  makeFolder(dir, FOLDER_MODE);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const identity = spiffeId === undefined ? '' : `spiffe_id: ${spiffeId}\n`;
  writeOnce(keyPath(dir, name), privateText(privateKey, passphrase), KEY_MODE, name);
  try {
    writeOnce(publicPath(dir, name), `${identity}${publicKey.export({ type: 'spki', format: 'pem' }).toString()}`, PUBLIC_MODE, name);
  } catch (error) {
    removeFile(keyPath(dir, name)); // half an approver is none
    throw error;
  }
  return { name, publicKey, fingerprint: fingerprintOf(publicKey), spiffeId };
}

function writeOnce(path: string, text: string, mode: number, name: string): void {
  try {
    writeNewFile(path, text, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new StepUpFault('approver_exists', `There is an approver named ${name}.`, 'Take another name, or remove that one first: agw approver remove.');
  }
}

/** Every approver with a file, accepted or not. */
export function listApprovers(dir: string): ListedApprover[] {
  return namesIn(readdirOrNone(dir)).map((name) => {
    const key = tryRead(() => readOwnFile(keyPath(dir, name), true));
    const approver = tryRead(() => readApprover(dir, name));
    const trusted = approver instanceof Error ? undefined : approver;
    return {
      name,
      fingerprint: trusted?.fingerprint ?? '',
      spiffeId: trusted?.spiffeId,
      hasKey: typeof key === 'string',
      sealed: typeof key === 'string' && key.includes('ENCRYPTED'),
      problem: approver instanceof Error ? approver.message : undefined,
    };
  });
}

/** Whom the gateway trusts now. A file that can't be trusted is left out: its approver is unknown. */
export function loadPublicKeys(dir: string): ReadonlyMap<string, Approver> {
  const approvers = new Map<string, Approver>();
  const files = tryRead(() => readdirSync(dir));
  for (const name of files instanceof Error ? [] : namesIn(files)) {
    const approver = tryRead(() => readApprover(dir, name));
    if (approver !== undefined && !(approver instanceof Error)) approvers.set(name, approver);
  }
  return approvers;
}

/** False if there was none. The public key goes first: from then on its signatures count for nothing. */
export function removeApprover(dir: string, name: string): boolean {
  checkName(name);
  const gone = [publicPath(dir, name), keyPath(dir, name)].map(removeFile);
  return gone.includes(true);
}

/** Base64 of the Ed25519 signature (RFC 8032) over decisionText. Throws StepUpFault. */
export function signDecision(dir: string, name: string, passphrase: string | undefined, request: ApprovalRequest, decision: 'approve' | 'deny'): string {
  checkName(name);
  const text = readOwnFile(keyPath(dir, name), true);
  if (text === undefined) throw new StepUpFault('unknown_approver', `There is no key of an approver named ${name} here.`, 'agw approver list shows whose keys there are.');
  return sign(null, Buffer.from(decisionText(request, decision)), openKey(text, passphrase)).toString('base64');
}

export function isDecisionSigned(approver: Approver, request: ApprovalRequest, decision: 'approve' | 'deny', signature: string): boolean {
  if (!/^[A-Za-z0-9+/]{86}==$/.test(signature)) return false; // 64 bytes, the one standard form
  return verify(null, Buffer.from(decisionText(request, decision)), approver.publicKey, Buffer.from(signature, 'base64'));
}

function readApprover(dir: string, name: string): Approver | undefined {
  const text = readOwnFile(publicPath(dir, name), false);
  if (text === undefined) return undefined;
  const publicKey = readPublicKey(text, name);
  const spiffeId = /^spiffe_id: *(\S+)$/m.exec(text)?.[1];
  // An identity that can't be read must not switch off the check it stands for.
  if (/^\s*spiffe_id/m.test(text) && (spiffeId === undefined || !SPIFFE_ID.test(spiffeId))) throw new StepUpFault('approver_unsafe', `${name}.pub names an identity that is not a SPIFFE ID.`, 'Write spiffe_id: spiffe://…, or remove the line.');
  return { name, publicKey, fingerprint: fingerprintOf(publicKey), spiffeId };
}

function readPublicKey(text: string, name: string): KeyObject {
  const fault = new StepUpFault('approver_unsafe', `${name}.pub is not an Ed25519 public key.`, 'Remove it, and add the approver again.');
  if (text.includes('PRIVATE')) throw fault; // node would take the public half out of it
  try {
    const key = createPublicKey(text);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    throw fault;
  }
  throw fault;
}

function privateText(key: KeyObject, passphrase: string | undefined): string {
  if (passphrase === undefined) return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const salt = randomBytes(SALT_BYTES).toString('base64');
  const pem = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: stretch(passphrase, salt) });
  return `scrypt_salt: ${salt}\n${pem.toString()}`;
}

function openKey(text: string, passphrase: string | undefined): KeyObject {
  if (text.includes('ENCRYPTED') && passphrase === undefined) throw new StepUpFault('wrong_passphrase', 'The key is sealed by a passphrase.', 'Give the passphrase.');
  const salt = /^scrypt_salt: (\S+)$/m.exec(text)?.[1] ?? '';
  try {
    return passphrase !== undefined && text.includes('ENCRYPTED') ? createPrivateKey({ key: text, passphrase: stretch(passphrase, salt) }) : createPrivateKey(text);
  } catch {
    throw new StepUpFault('wrong_passphrase', 'The key cannot be opened: wrong passphrase, or a damaged file.', 'Try again, or make a new approver.');
  }
}

function stretch(passphrase: string, salt: string): string {
  return scryptSync(passphrase.normalize('NFC'), salt, STRETCHED_BYTES, STRETCH).toString('base64');
}

function fingerprintOf(key: KeyObject): string {
  return createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex');
}

/** Throws where the folder may not be read: that is not nobody. */
function readdirOrNone(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function namesIn(files: readonly string[]): string[] {
  return files.filter((file) => file.endsWith('.pub')).map((file) => file.slice(0, -'.pub'.length)).filter((name) => NAME.test(name)).sort();
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new StepUpFault('invalid_input', 'The name is not 1–64 lower-case letters, digits, dots, dashes or underscores.', 'Name the approver like alice.');
}

function removeFile(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function tryRead<T>(read: () => T): T | Error {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error : new Error('unreadable');
  }
}

function keyPath(dir: string, name: string): string {
  return join(dir, `${name}.key`);
}

function publicPath(dir: string, name: string): string {
  return join(dir, `${name}.pub`);
}
