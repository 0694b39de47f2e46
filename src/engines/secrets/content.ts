// What the sealed file holds: secrets and issued references, as JSON, checked when read.
import * as z from 'zod';
import { SecretFault } from './fault.js';

const secretSchema = z.strictObject({
  name: z.string(),
  owner: z.string(),
  scope: z.string(),
  version: z.number().int(),
  createdMs: z.number(),
  value: z.string(),
});
const referenceSchema = z.strictObject({
  ref: z.string(),
  name: z.string(),
  owner: z.string(),
  scope: z.string(),
  issuedMs: z.number(),
  expiresMs: z.number(),
});
const contentSchema = z.strictObject({ secrets: z.array(secretSchema), references: z.array(referenceSchema) });

export type StoredSecret = Readonly<z.infer<typeof secretSchema>>;
export type StoredReference = Readonly<z.infer<typeof referenceSchema>>;

export interface Content {
  readonly secrets: ReadonlyMap<string, StoredSecret>;
  readonly references: ReadonlyMap<string, StoredReference>;
}

export const NOTHING_STORED: Content = Object.freeze({ secrets: new Map<string, StoredSecret>(), references: new Map<string, StoredReference>() });

export function encodeContent(content: Content): Buffer {
  return Buffer.from(JSON.stringify({ secrets: [...content.secrets.values()], references: [...content.references.values()] }));
}

export function decodeContent(plain: Buffer, path: string): Content {
  const parsed = contentSchema.safeParse(parseJson(plain));
  if (!parsed.success) throw new SecretFault('store_damaged', `${path} holds something else than secrets.`, 'Restore the file from a backup.');
  return {
    secrets: new Map(parsed.data.secrets.map((secret) => [secret.name, secret])),
    references: new Map(parsed.data.references.map((reference) => [reference.ref, reference])),
  };
}

function parseJson(plain: Buffer): unknown {
  try {
    return JSON.parse(plain.toString('utf8')) as unknown;
  } catch {
    return undefined; // and never the parser's message: it quotes the text
  }
}

// Limits of the store: each read decrypts the whole file.
export const SECRETS_MAX = 10_000;
export const REFERENCES_MAX = 100_000;
/** As large as a PEM key with its chain. */
const VALUE_BYTES_MAX = 64 * 1024;
/** Shorter values can't be scrubbed from answers without wrecking them. */
const VALUE_CHARACTERS_MIN = 4;
const TTL_SECONDS_MAX = 366 * 86_400;

export function checkInput(input: { name: string; owner?: string; scope?: string; value?: string; ttlSeconds?: number }): void {
  const { name, owner, scope, value, ttlSeconds } = input;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) throw wrong('The name is not 1–128 letters, digits, dots, dashes or underscores.', 'Name it like github-token.');
  if (owner !== undefined && !/^spiffe:\/\/[a-z0-9._-]+\/[A-Za-z0-9._/-]+$/.test(owner)) throw wrong('The owner is not a SPIFFE ID.', 'Name the caller that may use the secret: spiffe://….');
  if (scope !== undefined && !/^[^\s,{}"\\]{1,256}$/.test(scope)) throw wrong('The scope is empty, too long, or holds a blank, comma, brace, quote or backslash.', 'Name the tool\'s required_scope.');
  if (value !== undefined) checkValue(value);
  if (ttlSeconds !== undefined && !(Number.isInteger(ttlSeconds) && ttlSeconds >= 1 && ttlSeconds <= TTL_SECONDS_MAX)) throw wrong('The time to live is not between one second and 366 days.', 'Give whole seconds.');
}

function checkValue(value: string): void {
  if (value.length < VALUE_CHARACTERS_MIN) throw wrong(`The value has fewer than ${VALUE_CHARACTERS_MIN} characters.`, 'Such a short value could not be kept out of answers.');
  if (Buffer.byteLength(value) > VALUE_BYTES_MAX) throw wrong('The value is larger than 64 KiB.', 'Store a reference to it instead.');
  if (/\p{Surrogate}/u.test(value)) throw wrong('The value is not valid Unicode.', 'Encode binary secrets, e.g. in base64.');
}

function wrong(message: string, remedy: string): SecretFault {
  return new SecretFault('invalid_input', message, remedy);
}
