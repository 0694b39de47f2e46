// Secrets that each tool server was given: none may come back from it, in whichever call, to whomever, on whichever gateway thread.
import { createSharedText, SharedText } from '../../base/shared/shared-text.js';

/** What one server can be given and still be searched for in every answer; of more the longest unused is forgotten. */
const SECRETS_PER_SERVER_MAX = 256;
const MEMORY_BYTES = 4 * 1024 * 1024; // untouched until it is used; without room for a secret, the secret is not sent

export interface SentSecrets {
  /** Known to all threads when it returns: to be called before anything is sent. Throws when there is no room to remember it. */
  remember(server: string, values: readonly string[]): void;
  /** On this thread, and never forgotten: what the operator's own configuration gives to a server. */
  keep(server: string, values: readonly string[]): void;
  /** The same array until something is remembered or kept. */
  of(server: string): readonly string[];
  /** What is kept, of all servers; the same array until something is kept. */
  kept(): readonly string[];
}

type Sent = ReadonlyMap<string, readonly string[]>;

const NONE: readonly string[] = Object.freeze([]);

export function createSentSecretsMemory(): SharedArrayBuffer {
  return createSharedText(MEMORY_BYTES);
}

/** Of this process: a restart begins with an empty memory. */
export function createSentSecrets(shared = new SharedText(createSentSecretsMemory(), 1)): SentSecrets {
  const kept = new Map<string, readonly string[]>(); // as many as the variables that the registry names
  const both = new Map<string, { readonly sent: readonly string[]; readonly all: readonly string[] }>();
  let sent: Sent = new Map();
  let version = 0;
  let allKept = NONE;

  const take = (now: { readonly version: number; readonly text: string }): void => {
    const fresh = parse(now.text);
    // What did not change stays the same list: scrubbers are built for it.
    for (const [server, values] of sent) if (sameTexts(fresh.get(server), values)) fresh.set(server, values);
    sent = fresh;
    version = now.version;
  };
  const current = (): Sent => {
    if (shared.version !== version) take(shared.read());
    return sent;
  };

  return {
    remember(server, values) {
      if (values.length === 0) return;
      const known = current().get(server) ?? NONE;
      if (values.every((value) => known.includes(value)) && known.length < SECRETS_PER_SERVER_MAX) return;
      take(shared.change((text) => {
        const all = parse(text);
        all.set(server, [...(all.get(server) ?? NONE).filter((value) => !values.includes(value)), ...new Set(values)].slice(-SECRETS_PER_SERVER_MAX));
        return JSON.stringify([...all]);
      }));
    },
    keep(server, values) {
      const known = kept.get(server) ?? NONE;
      const fresh = values.filter((value) => !known.includes(value));
      if (fresh.length === 0) return;
      kept.set(server, [...new Set([...known, ...fresh])]);
      both.delete(server);
      allKept = [...new Set([...kept.values()].flat())];
    },
    of(server) {
      const remembered = current().get(server) ?? NONE;
      const own = kept.get(server);
      if (own === undefined) return remembered;
      const known = both.get(server);
      if (known?.sent === remembered) return known.all;
      const all = [...own, ...remembered];
      both.set(server, { sent: remembered, all });
      return all;
    },
    kept: () => allKept,
  };
}

function parse(text: string): Map<string, readonly string[]> {
  return new Map(text === '' ? [] : (JSON.parse(text) as [string, readonly string[]][]));
}

export function sameTexts(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return one !== undefined && one.length === other.length && one.every((text, i) => text === other[i]);
}
