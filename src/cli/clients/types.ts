// What the parts of client files say to each other.

/** A server as a client's file is to know it. */
export interface ServerName {
  readonly name: string;
  readonly url: string;
}

/** A server's entry as it stands in a file, in JSON's terms. */
export interface FileServer {
  readonly name: string;
  readonly value: unknown;
  /** 1-based. */
  readonly line: number;
}

/** A client's file, read: what is in it, and its text with one thing changed. Everything else stays as it is. */
export interface ServersText {
  readonly servers: readonly FileServer[];
  set(name: string, entry: Readonly<Record<string, unknown>>): string;
  remove(name: string): string;
}

/** Where a text is wrong. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}
