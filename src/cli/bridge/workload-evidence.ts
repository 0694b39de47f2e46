// Evidence from the SPIFFE Workload API: the newest X.509-SVID for an https gateway, else a JWT-SVID, fetched anew before it expires.
import { workloadTarget } from '../../base/workload-api/address.js';
import type { JwtSvid, X509Svid } from '../../base/workload-api/messages.js';
import { openWorkloadApi, WorkloadFault, type WorkloadApi } from '../../base/workload-api/workload-api.js';
import { bearer, readEvidence, type CallerEvidence } from '../data-plane.js';
import { CliFailure } from '../failure.js';
import type { EvidenceOptions, EvidenceSource } from './evidence.js';

export interface WorkloadChoice {
  /** Of JWT-SVIDs; undefined = the gateway's origin. */
  readonly audience: string | undefined;
  /** Which of several SVIDs; '' = the first, which is the default. */
  readonly spiffeId: string;
  /** A file: who may be the gateway, where no bundle says it. */
  readonly ca: string | undefined;
}

const FIRST_SVID_TIMEOUT_MS = 5_000; // then the request is answered: its client has a limit, too
/** A token is used for half of its life: the other half is there for an agent that is being restarted. */
const USED_SHARE = 0.5;
const LIFE_UNKNOWN_MS = 60_000;

export async function workloadEvidence(socket: string, choice: WorkloadChoice, options: EvidenceOptions): Promise<EvidenceSource> {
  const target = workloadTarget(socket);
  if (target === undefined) throw new CliFailure(`${socket} is no address of a Workload API.`, { remedy: 'Write unix:///path/to/agent.sock, or tcp://127.0.0.1:port', code: 'usage' });
  return new WorkloadEvidence(await openWorkloadApi({ target, after: options.after }), choice, options);
}

interface Kept {
  readonly evidence: CallerEvidence;
  readonly origin: string;
  readonly freshUntilMs: number;
  readonly expiresMs: number;
}

class WorkloadEvidence implements EvidenceSource {
  readonly about = 'the Workload API';
  readonly secure = 'may';
  readonly #api: WorkloadApi;
  readonly #choice: WorkloadChoice;
  readonly #options: EvidenceOptions;
  #watching = false;
  #svid: X509Svid | undefined;
  #certificate: CallerEvidence | undefined;
  #fault: WorkloadFault | undefined;
  #settled: (() => void)[] = [];
  #token: Kept | undefined;
  #fetching: Promise<CallerEvidence> | undefined;

  constructor(api: WorkloadApi, choice: WorkloadChoice, options: EvidenceOptions) {
    this.#api = api;
    this.#choice = choice;
    this.#options = options;
  }

  async current(url: URL): Promise<CallerEvidence> {
    if (url.protocol !== 'https:') return this.#byToken(url);
    this.#watch();
    if (this.#certificate === undefined && this.#fault === undefined) await this.#first();
    return this.#certificate ?? this.#byToken(url);
  }

  close(): void {
    this.#api.close();
  }

  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#api.watchX509({ onSvids: (svids) => this.#take(svids), onFault: (fault) => this.#fail(fault) });
  }

  /** One that rotates takes effect with the next connection; those that are open keep what they proved. */
  #take(svids: readonly X509Svid[]): void {
    const { spiffeId } = this.#choice;
    const svid = spiffeId === '' ? svids[0] : svids.find((one) => one.spiffeId === spiffeId);
    if (svid === undefined) return this.#fail(new WorkloadFault('no_identity', `the Workload API has no SVID of ${spiffeId}`));
    this.#fault = undefined;
    if (this.#svid?.certificates !== svid.certificates || this.#svid.bundle !== svid.bundle) {
      if (this.#svid?.spiffeId !== svid.spiffeId) this.#options.say(`identity: ${svid.spiffeId}, an X.509-SVID of the Workload API`);
      this.#svid = svid;
      this.#certificate = { path: '/', headers: {}, tls: { cert: svid.certificates, key: svid.privateKey, ca: svid.bundle === '' ? this.#authorities() : svid.bundle } };
    }
    this.#settle();
  }

  #fail(fault: WorkloadFault): void {
    if (this.#fault?.message !== fault.message) this.#options.say(`Workload API: ${fault.message}`);
    this.#fault = fault;
    this.#settle();
  }

  #settle(): void {
    for (const settled of this.#settled.splice(0)) settled();
  }

  #first(): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#options.after(FIRST_SVID_TIMEOUT_MS, resolve);
      this.#settled.push(() => {
        stop();
        resolve();
      });
    });
  }

  async #byToken(url: URL): Promise<CallerEvidence> {
    const nowMs = this.#options.nowMs();
    const kept = this.#token?.origin === url.origin ? this.#token : undefined;
    if (kept !== undefined && nowMs < kept.freshUntilMs) return kept.evidence;
    try {
      return await (this.#fetching ??= this.#fetch(url).finally(() => (this.#fetching = undefined)));
    } catch (fault) {
      if (kept !== undefined && nowMs < kept.expiresMs) return kept.evidence;
      throw explained(fault, this.#fault);
    }
  }

  async #fetch(url: URL): Promise<CallerEvidence> {
    const svid = await this.#api.fetchJwt(this.#choice.audience ?? url.origin, this.#choice.spiffeId);
    const nowMs = this.#options.nowMs();
    const expiresMs = expiryOf(svid) ?? nowMs + LIFE_UNKNOWN_MS;
    const evidence = bearer(svid.token, 'the Workload API', this.#authorities());
    if (this.#token === undefined) this.#options.say(`identity: ${svid.spiffeId}, a JWT-SVID of the Workload API`);
    this.#token = { evidence, origin: url.origin, expiresMs, freshUntilMs: nowMs + (expiresMs - nowMs) * USED_SHARE };
    return evidence;
  }

  #authorities(): string | undefined {
    return this.#choice.ca === undefined ? undefined : readEvidence('--ca', this.#choice.ca);
  }
}

/** Its own claim, unchecked: it says when to ask again, no more. */
function expiryOf({ token }: JwtSvid): number | undefined {
  try {
    const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { exp?: unknown };
    return typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}

function explained(fault: unknown, before: WorkloadFault | undefined): CliFailure {
  const { code, message } = fault instanceof WorkloadFault ? fault : new WorkloadFault('refused', 'the Workload API cannot be asked');
  const remedy = code === 'unreachable'
    ? 'Is the SPIFFE agent running, and is --workload-api, or SPIFFE_ENDPOINT_SOCKET, its socket?'
    : 'Register this process with the SPIFFE server (spire-server entry create), or say otherwise who calls: --as, --cert, --token-file.';
  return new CliFailure(`no identity: ${message}${before === undefined || before.message === message ? '' : `; of X.509-SVIDs: ${before.message}`}.`, { code: 'no_identity', remedy });
}
