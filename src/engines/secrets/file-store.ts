// The embedded store: one sealed file, read by every gateway thread, written by whoever holds its lock.
import { randomBytes } from 'node:crypto';
import { checkInput, decodeContent, encodeContent, NOTHING_STORED, REFERENCES_MAX, SECRETS_MAX, type Content, type StoredReference, type StoredSecret } from './content.js';
import { SecretFault } from './fault.js';
import { fileMark, readSealed, replaceFile, seal, unseal, withWriterLock } from './sealed-file.js';
import { substituteAt } from './substitute.js';
import type { SecretRecord, SecretReference, SecretStore } from './types.js';

const REF_BYTES = 16;
/** An expired reference is kept this long, so that its user is told that it expired and not that it never was. */
const EXPIRED_KEPT_MS = 30 * 86_400_000;

export interface SecretFile extends SecretStore {
  /** Why every substitution refuses at the moment, for agw doctor; undefined = the file is readable, or not there yet. */
  fault(): SecretFault | undefined;
  references(): readonly SecretReference[];
  /** The mutators are durable when they return, and throw SecretFault. */
  put(name: string, owner: string, scope: string, value: string, nowMs: number): SecretRecord;
  issue(name: string, ttlSeconds: number, nowMs: number): SecretReference;
  /** References stay valid; the version goes up by one. */
  rotate(name: string, value: string, nowMs: number): SecretRecord;
  /** The secret and every reference to it. */
  remove(name: string): void;
}

const KEY_BYTES = 32; // AES-256

/** Never throws for the file's state: a damaged file is a fault of each use. */
export function createSecretFile(path: string, key: Buffer, random: (bytes: number) => Buffer = randomBytes): SecretFile {
  let content = NOTHING_STORED;
  let mark: string | undefined;

  /** The file's content now; decrypted again only if the file was replaced. */
  const read = (): Content => {
    const current = fileMark(path);
    if (current === mark) return content;
    const sealed = readSealed(path);
    content = sealed === undefined ? NOTHING_STORED : decodeContent(unseal(sealed, key, path), path);
    mark = current;
    return content;
  };

  const change = <T>(edit: (secrets: Map<string, StoredSecret>, references: Map<string, StoredReference>) => T): T =>
    withWriterLock(path, () => {
      if (key.length !== KEY_BYTES) throw new SecretFault('key_missing', 'The gateway has no key for the secret file.', 'Name one: secrets.key_file or secrets.key_env in gateway.yaml.');
      const now = read();
      const secrets = new Map(now.secrets);
      const references = new Map(now.references);
      const result = edit(secrets, references);
      if (secrets.size > SECRETS_MAX || references.size > REFERENCES_MAX) throw new SecretFault('store_full', 'The store holds too many secrets or references.', 'Remove secrets that are no longer used.');
      replaceFile(path, seal(encodeContent({ secrets, references }), key));
      return result;
    });

  return {
    substitute: (bytes, places, caller, requiredScope, nowMs) => substituteAt(bytes, places, { caller, requiredScope, nowMs, read }),
    list: () => [...read().secrets.values()].map(recordOf),
    references: () => [...read().references.values()],
    fault() {
      try {
        read();
        return undefined;
      } catch (error) {
        return error instanceof SecretFault ? error : new SecretFault('store_unreadable', `${path} cannot be read.`, 'Check its owner and mode.');
      }
    },
    put(name, owner, scope, value, nowMs) {
      checkInput({ name, owner, scope, value });
      return change((secrets) => {
        if (secrets.has(name)) throw new SecretFault('secret_exists', `A secret named ${name} exists.`, `Give it a new value with agw secret rotate ${name}, or remove it first.`);
        const secret = { name, owner, scope, version: 1, createdMs: nowMs, value };
        secrets.set(name, secret);
        return recordOf(secret);
      });
    },
    issue(name, ttlSeconds, nowMs) {
      checkInput({ name, ttlSeconds });
      return change((secrets, references) => {
        const secret = secretOf(secrets, name);
        forgetExpired(references, nowMs);
        const reference = { ref: random(REF_BYTES).toString('hex'), name, owner: secret.owner, scope: secret.scope, issuedMs: nowMs, expiresMs: nowMs + ttlSeconds * 1000 };
        references.set(reference.ref, reference);
        return reference;
      });
    },
    rotate(name, value, nowMs) {
      checkInput({ name, value });
      return change((secrets) => {
        const rotated = { ...secretOf(secrets, name), value, createdMs: nowMs };
        const secret = { ...rotated, version: rotated.version + 1 };
        secrets.set(name, secret);
        return recordOf(secret);
      });
    },
    remove(name) {
      checkInput({ name });
      change((secrets, references) => {
        secretOf(secrets, name);
        secrets.delete(name);
        for (const [ref, reference] of references) if (reference.name === name) references.delete(ref);
      });
    },
  };
}

function secretOf(secrets: ReadonlyMap<string, StoredSecret>, name: string): StoredSecret {
  const secret = secrets.get(name);
  if (secret === undefined) throw new SecretFault('unknown_secret', `There is no secret named ${name}.`, 'agw secret list shows what there is.');
  return secret;
}

function forgetExpired(references: Map<string, StoredReference>, nowMs: number): void {
  for (const [ref, reference] of references) if (reference.expiresMs + EXPIRED_KEPT_MS < nowMs) references.delete(ref);
}

/** The record without the value: what may be shown. */
function recordOf({ name, owner, scope, version, createdMs }: StoredSecret): SecretRecord {
  return { name, owner, scope, version, createdMs };
}
