// An identity from the SPIFFE Workload API, renewed while the client lives: X.509-SVID for https, JWT-SVID else, or where no X.509-SVID is given.
import { orAborted, type Surroundings } from '../surroundings.js';
import { bearer, NO_HEADERS, type Credentials, type Identity, type TlsMaterial } from './credentials.js';
import type { WatchedFiles } from './files.js';
import { WorkloadApi, type X509Svid } from './workload-api.js';
import { trustDomainOf } from './workload-messages.js';

export interface WorkloadOptions {
  readonly socket: string;
  readonly isSecure: boolean;
  readonly audience: string;
  readonly gatewaySpiffeId: string | undefined;
  readonly trust: WatchedFiles<TlsMaterial> | undefined;
  readonly surroundings: Surroundings;
}

/** A JWT-SVID is fetched anew when this share of its life is over. */
const RENEW_AT_SHARE = 0.5;
/** One that does not say when it was issued: so long before its end. */
const RENEW_BEFORE_MS = 30_000;

export class WorkloadCredentials implements Credentials {
  readonly #options: WorkloadOptions;
  readonly #api: WorkloadApi;
  #usesX509: boolean;
  #made: { readonly from: X509Svid; readonly trust: TlsMaterial | undefined; readonly material: TlsMaterial } | undefined;
  #token: { readonly text: string; readonly renewMs: number; readonly expiresMs: number } | undefined;
  #fetching: Promise<string> | undefined;
  #spiffeId: string | undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
    this.#api = new WorkloadApi(options.socket, options.surroundings);
    this.#usesX509 = options.isSecure;
  }

  get identity(): Identity {
    return { source: this.#usesX509 ? 'workload_api_x509' : 'workload_api_jwt', spiffeId: this.#spiffeId };
  }

  async headers(signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    if (this.#usesX509 && (await this.#x509(signal)) !== undefined) return NO_HEADERS;
    const token = await this.#jwt(signal);
    this.#usesX509 = false; // only now: who gave neither is asked for both again
    return bearer(token);
  }

  async tls(signal: AbortSignal): Promise<TlsMaterial | undefined> {
    const trust = this.#options.trust?.get();
    const svid = this.#usesX509 ? await this.#x509(signal) : undefined;
    if (svid === undefined) return trust;
    if (this.#made?.from !== svid || this.#made.trust !== trust) {
      this.#made = { from: svid, trust, material: { cert: svid.certificates.join(''), key: svid.key, ca: trust?.ca ?? this.#authorities(svid) } };
    }
    return this.#made.material;
  }

  /** Of one trust domain: another's authorities could vouch for the gateway's host name, too. */
  #authorities({ spiffeId, bundles }: X509Svid): readonly string[] {
    return bundles.get(trustDomainOf(this.#options.gatewaySpiffeId ?? spiffeId)) ?? [];
  }

  /** Undefined = the Workload API gives this workload no X.509-SVID. */
  async #x509(signal: AbortSignal): Promise<X509Svid | undefined> {
    const svid = await this.#api.x509(signal);
    if (svid !== undefined) this.#spiffeId = svid.spiffeId;
    return svid;
  }

  async #jwt(signal: AbortSignal): Promise<string> {
    const { nowMs } = this.#options.surroundings;
    if (this.#token !== undefined && nowMs() < this.#token.renewMs) return this.#token.text;
    this.#fetching ??= this.#fetch().finally(() => { this.#fetching = undefined; });
    try {
      return await orAborted(this.#fetching, signal);
    } catch (error) {
      // The other half of its life is there for an agent that is being restarted.
      if (signal.aborted || this.#token === undefined || nowMs() >= this.#token.expiresMs) throw error;
      return this.#token.text;
    }
  }

  async #fetch(): Promise<string> {
    const { token, spiffeId, expiresMs, issuedMs } = await this.#api.jwt(this.#options.audience);
    const renewMs = expiresMs === undefined ? 0 : issuedMs === undefined ? expiresMs - RENEW_BEFORE_MS : issuedMs + (expiresMs - issuedMs) * RENEW_AT_SHARE;
    this.#token = { text: token, renewMs, expiresMs: expiresMs ?? 0 };
    this.#spiffeId = spiffeId;
    return token;
  }

  close(): void {
    this.#api.close();
  }
}
