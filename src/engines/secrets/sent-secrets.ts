// Secrets that each tool server was given: none may come back from it, in whichever call, to whomever.

/** What one server can be given and still be searched for in every answer; of more the longest unused is forgotten. */
const SECRETS_PER_SERVER_MAX = 256;

export interface SentSecrets {
  remember(server: string, values: readonly string[]): void;
  /** The same array until something is remembered. */
  of(server: string): readonly string[];
}

const NONE: readonly string[] = Object.freeze([]);

/** Of this process: a restart begins with an empty memory. */
export function createSentSecrets(): SentSecrets {
  const sent = new Map<string, readonly string[]>();
  return {
    remember(server, values) {
      if (values.length === 0) return;
      const known = sent.get(server) ?? NONE;
      if (values.every((value) => known.includes(value)) && known.length < SECRETS_PER_SERVER_MAX) return;
      sent.set(server, [...known.filter((value) => !values.includes(value)), ...new Set(values)].slice(-SECRETS_PER_SERVER_MAX));
    },
    of: (server) => sent.get(server) ?? NONE,
  };
}
