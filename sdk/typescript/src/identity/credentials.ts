// What says who calls: headers, and a certificate for TLS. One implementation for each source of identity.

export type IdentitySource = 'argument' | 'environment' | 'workload_api_x509' | 'workload_api_jwt' | 'files' | 'none';

/** Who the client is, and where that was found; never a credential. */
export interface Identity {
  readonly source: IdentitySource;
  /** Undefined = not known here: nothing is sent, or nothing was fetched yet. */
  readonly spiffeId: string | undefined;
}

/** PEM. */
export interface TlsMaterial {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Whom to trust instead of Node's list. */
  readonly ca: readonly string[] | undefined;
}

export interface Credentials {
  readonly identity: Identity;
  headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** The same object as long as nothing changed. */
  tls(signal: AbortSignal): Promise<TlsMaterial | undefined>;
  close(): void;
}

export const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

export function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}
