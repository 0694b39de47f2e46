// Credentials that were given: as arguments, in the environment, or in files that these name.
import { ConfigurationError } from '../errors.js';
import { orAborted } from '../surroundings.js';
import { bearer, NO_HEADERS, type Credentials, type Identity, type IdentitySource, type TlsMaterial } from './credentials.js';
import type { WatchedFiles } from './files.js';
import { certificateId, checkToken, tokenFacts } from './svid.js';

export type TokenSource = () => string | Promise<string>;

export interface Given {
  readonly source: IdentitySource;
  readonly spiffeId?: string | undefined;
  readonly token?: TokenSource | undefined;
  readonly certificate?: WatchedFiles<TlsMaterial> | undefined;
  /** Whom to trust where no certificate brings its own. */
  readonly trust?: WatchedFiles<TlsMaterial> | undefined;
}

/** Of several proofs each goes its own way; a bare SPIFFE ID is sent only where there is no proof. */
export class GivenCredentials implements Credentials {
  readonly #given: Given;
  #tokenId: string | undefined;

  constructor(given: Given) {
    this.#given = given;
  }

  get identity(): Identity {
    const { source, spiffeId, certificate } = this.#given;
    return { source, spiffeId: spiffeId ?? this.#tokenId ?? (certificate === undefined ? undefined : certificateId(certificate.get().cert ?? '')) };
  }

  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const { spiffeId, token, certificate } = this.#given;
    if (token !== undefined) {
      const text = checkToken(await orAborted(fetched(token), signal), 'What was given as jwtSvid');
      this.#tokenId = tokenFacts(text).spiffeId;
      return bearer(text);
    }
    return spiffeId === undefined || certificate !== undefined ? NO_HEADERS : { 'x-spiffe-id': spiffeId };
  }

  tls(): Promise<TlsMaterial | undefined> {
    return Promise.resolve(this.#given.certificate?.get() ?? this.#given.trust?.get());
  }

  close(): void {
    // Nothing is held.
  }
}

/** What a source of the caller's own throws may quote the token. */
async function fetched(token: TokenSource): Promise<string> {
  try {
    return await token();
  } catch {
    throw new ConfigurationError('The function given as jwtSvid failed.');
  }
}
