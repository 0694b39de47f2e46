// Who is who: the key of an agent, of which only the hash is stored, is exchanged for its SPIFFE identity. The file is read again when it changes, so that a key can be revoked.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ClientOptions } from '@precinct/sdk';
import type { Log } from './log.js';

const KEY_CHARS_MAX = 256;

export interface Agent {
  readonly spiffeId: string;
  /** What shows the gateway who the agent is. */
  readonly evidence: ClientOptions;
  /** Its entry in the file. */
  readonly declared: string;
}

export class Agents {
  readonly #file: string;
  readonly #log: Log;
  #readAs = '';
  #byKey = new Map<string, Agent>();

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
    this.#read();
  }

  find(key: unknown): Agent | undefined {
    if (typeof key !== 'string' || key === '' || key.length > KEY_CHARS_MAX) return undefined;
    this.#readIfChanged();
    return this.#byKey.get(createHash('sha256').update(key).digest('hex'));
  }

  /** Whether a session that began as this agent may go on. */
  isCurrent(agent: Agent): boolean {
    this.#readIfChanged();
    return [...this.#byKey.values()].includes(agent);
  }

  #readIfChanged(): void {
    try {
      if (this.#stamp() !== this.#readAs) this.#read();
    } catch (fault) {
      this.#log('agents_file_refused', { why: fault instanceof Error ? fault.message : 'unknown' }); // what was read before stays
    }
  }

  #stamp(): string {
    const { mtimeMs, size, ino } = statSync(this.#file);
    return `${mtimeMs} ${size} ${ino}`;
  }

  #read(): void {
    this.#readAs = this.#stamp(); // a file that is wrong is complained of once
    const { agents } = JSON.parse(readFileSync(this.#file, 'utf8')) as { readonly agents?: unknown };
    if (!Array.isArray(agents)) throw new Error('agents must be a list');
    const byKey = new Map<string, Agent>();
    for (const [at, entry] of (agents as readonly Readonly<Record<string, unknown>>[]).entries()) {
      const { key_sha256: hash, spiffe_id: spiffeId } = entry;
      if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) throw new Error(`agents[${at}].key_sha256 must be the SHA-256 of the key, 64 hex digits`);
      if (typeof spiffeId !== 'string' || !spiffeId.startsWith('spiffe://')) throw new Error(`agents[${at}].spiffe_id must be a SPIFFE ID`);
      if (byKey.has(hash)) throw new Error(`agents[${at}]: this key has an agent already`);
      const declared = JSON.stringify(entry);
      const before = this.#byKey.get(hash);
      byKey.set(hash, before?.declared === declared ? before : { spiffeId, evidence: this.#evidence(entry, spiffeId, at), declared });
    }
    this.#byKey = byKey;
  }

  #evidence(entry: Readonly<Record<string, unknown>>, spiffeId: string, at: number): ClientOptions {
    const path = (name: string): string => resolve(dirname(this.#file), String(entry[name]));
    if (entry['dev_header'] === true) return { spiffeId }; // which only a gateway of the dev profile believes, and the SDK sends to loopback only
    if (typeof entry['jwt_file'] === 'string') return { jwtSvid: () => readFileSync(path('jwt_file'), 'utf8').trim() }; // at each request: whoever writes it renews it
    if (['cert_file', 'key_file', 'ca_file'].every((name) => typeof entry[name] === 'string')) return { certFile: path('cert_file'), keyFile: path('key_file'), caFile: path('ca_file') };
    throw new Error(`agents[${at}] needs jwt_file, or cert_file with key_file and ca_file, or "dev_header": true`);
  }
}
