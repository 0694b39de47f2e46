// Who the bridge's client is, towards the gateway: evidence that is asked for anew at each request, because files are replaced and SVIDs rotate.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../base/config/environment.js';
import type { CommandContext } from '../command.js';
import { bearer, callerOf, declared, readEvidence, type CallerEvidence } from '../data-plane.js';
import { CliFailure } from '../failure.js';

export interface EvidenceSource {
  /** What it is taken from, for the first line on stderr. */
  readonly about: string;
  /** Whether a certificate may come of it: then the mTLS listener is looked for first. */
  readonly secure: 'must' | 'may' | 'not';
  /** For this gateway, now. Rejects with CliFailure. */
  current(url: URL): Promise<CallerEvidence>;
  close(): void;
}

export interface EvidenceOptions {
  readonly environment: Pick<Environment, 'secret'>;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly nowMs: () => number;
  readonly say: (line: string) => void;
}

type Given = Pick<CommandContext, 'option'>;

/** The order is the SDKs': what was typed, variables, the Workload API, files; else nothing, and the gateway's default identity. */
export async function chooseEvidence(context: Given, options: EvidenceOptions): Promise<EvidenceSource> {
  const { secret } = options.environment;
  const typed = ['as', 'cert', 'key', 'tokenFile'].filter((name) => context.option(name) !== undefined);
  const socket = context.option('workloadApi');
  if (socket !== undefined && typed.length > 0) throw new CliFailure('--workload-api proves who calls; --as, --cert and --token-file say it otherwise: give one of them.', { code: 'usage' });
  const ofApi = ['svid', 'audience'].find((name) => context.option(name) !== undefined);
  if (ofApi !== undefined && (typed.length > 0 || (socket ?? secret('SPIFFE_ENDPOINT_SOCKET')) === undefined)) throw new CliFailure(`--${ofApi} is for a Workload API, and none is asked.`, { remedy: 'Name it: --workload-api unix:///path, or SPIFFE_ENDPOINT_SOCKET', code: 'usage' });
  if (typed.length > 0 || (socket === undefined && context.option('ca') !== undefined && secret('SPIFFE_ENDPOINT_SOCKET') === undefined)) return fromOptions(context);
  if (socket !== undefined) return fromWorkloadApi(socket, context, options);
  const variables = fromVariables(secret);
  if (variables !== undefined) return variables;
  const named = secret('SPIFFE_ENDPOINT_SOCKET');
  if (named !== undefined) return fromWorkloadApi(named, context, options);
  return fromFiles(secret) ?? watched({ about: 'nothing: the gateway\'s default identity', secure: 'not' }, [], () => ({ ...declared(undefined), tls: undefined }));
}

async function fromWorkloadApi(socket: string, context: Given, options: EvidenceOptions): Promise<EvidenceSource> {
  return (await import('./workload-evidence.js')).workloadEvidence(socket, { audience: context.option('audience'), spiffeId: context.option('svid') ?? '', ca: context.option('ca') }, options);
}

function fromOptions(context: Given): EvidenceSource {
  const option = ['as', 'cert', 'tokenFile'].find((name) => context.option(name) !== undefined) ?? 'ca';
  const files = ['cert', 'key', 'ca', 'tokenFile'].flatMap((name) => context.option(name) ?? []);
  return watched({ about: option === 'tokenFile' ? '--token-file' : `--${option}`, secure: option === 'cert' ? 'must' : 'not' }, files, () => callerOf(context));
}

function fromVariables(secret: Environment['secret']): EvidenceSource | undefined {
  const [cert, key, ca] = ['PRECINCT_CERT_FILE', 'PRECINCT_KEY_FILE', 'PRECINCT_CA_FILE'].map(secret);
  if ((cert === undefined) !== (key === undefined)) throw new CliFailure('PRECINCT_CERT_FILE and PRECINCT_KEY_FILE go together.', { code: 'usage' });
  if (cert !== undefined && key !== undefined) return watched({ about: 'PRECINCT_CERT_FILE', secure: 'must' }, [cert, key, ...given(ca)], () => certificateOf(['PRECINCT_CERT_FILE', cert], ['PRECINCT_KEY_FILE', key], ca === undefined ? undefined : ['PRECINCT_CA_FILE', ca]));
  const token = secret('PRECINCT_JWT_SVID');
  if (token !== undefined) return watched({ about: 'PRECINCT_JWT_SVID', secure: 'not' }, given(ca), () => bearer(token, 'PRECINCT_JWT_SVID', authorities(ca)));
  const id = secret('PRECINCT_SPIFFE_ID');
  return id === undefined ? undefined : watched({ about: 'PRECINCT_SPIFFE_ID', secure: 'not' }, [], () => ({ ...declared(id, 'PRECINCT_SPIFFE_ID'), tls: undefined }));
}

function fromFiles(secret: Environment['secret']): EvidenceSource | undefined {
  const token = secret('PRECINCT_JWT_FILE');
  const ca = secret('PRECINCT_CA_FILE');
  if (token !== undefined) return watched({ about: 'PRECINCT_JWT_FILE', secure: 'not' }, [token, ...given(ca)], () => bearer(readEvidence('PRECINCT_JWT_FILE', token).trim(), `PRECINCT_JWT_FILE: ${token}`, authorities(ca)));
  const folder = secret('PRECINCT_SVID_DIR');
  if (folder === undefined) return undefined;
  const [cert = '', key = '', bundle = ''] = ['svid.pem', 'svid_key.pem', 'bundle.pem'].map((name) => join(folder, name));
  return watched({ about: 'PRECINCT_SVID_DIR', secure: 'must' }, [cert, key, bundle], () => certificateOf(['PRECINCT_SVID_DIR', cert], ['PRECINCT_SVID_DIR', key], ['PRECINCT_SVID_DIR', bundle]));
}

type NamedFile = readonly [said: string, file: string];

function certificateOf(cert: NamedFile, key: NamedFile, ca: NamedFile | undefined): CallerEvidence {
  return { path: '/', headers: {}, tls: { cert: readEvidence(...cert), key: readEvidence(...key), ca: ca === undefined ? undefined : readEvidence(...ca) } };
}

function given(file: string | undefined): readonly string[] {
  return file === undefined ? [] : [file];
}

function authorities(ca: string | undefined): string | undefined {
  return ca === undefined ? undefined : readEvidence('PRECINCT_CA_FILE', ca);
}

/** Read again when one of its files has changed; the same object as long as none has, so that connections can be kept. */
function watched(what: Pick<EvidenceSource, 'about' | 'secure'>, files: readonly string[], read: () => CallerEvidence): EvidenceSource {
  let seen = stampOf(files);
  let evidence = read();
  return {
    ...what,
    current: async () => {
      const now = stampOf(files);
      if (now === seen) return evidence;
      try {
        evidence = read();
        seen = now;
      } catch {
        // Half written, or being replaced: what was read before is still the caller's, and the next request looks again.
      }
      return Promise.resolve(evidence);
    },
    close: () => undefined,
  };
}

function stampOf(files: readonly string[]): string {
  return files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? '-' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`;
  }).join();
}
