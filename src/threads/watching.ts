// The files that the control thread watches: a changed one reloads, or replaces the evidence of identity.
import { readFileSync } from 'node:fs';
import type { DetailValue } from '../audit/record.js';
import { every } from '../base/clock/timers.js';
import { ConfigFault, WHOLE_FILE } from '../base/config/fault.js';
import { resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Reloaded } from '../control/parts.js';
import type { Log } from '../base/telemetry/log.js';
import { markFiles, watchFiles, type FileMarks } from '../jobs/watch-files.js';
import type { GatewayThreads } from './gateway-threads.js';
import { describeSourceFault } from './source-faults.js';

export interface WatchParts {
  readonly reload: () => Promise<Reloaded>;
  readonly log: Log;
  readonly threads: GatewayThreads;
  readonly event: (name: string, details: Readonly<Record<string, DetailValue>>) => void;
}

export interface WatchedMarks {
  readonly inputs: FileMarks;
  readonly evidence: FileMarks;
}

/** Before a start reads any of them: what changes while it goes on is taken up at its end. */
export function markEverything(root: string, { registry, identity, dlp, step_up: stepUp, session, tls }: GatewayConfig): WatchedMarks {
  const marksOf = (paths: readonly string[]): FileMarks => markFiles(paths.filter((path) => path !== '').map((path) => resolveInProject(root, path)));
  return {
    inputs: marksOf([registry.file, identity.file, dlp.dir, stepUp.thresholds_file, stepUp.destinations_file, session.chains_file]),
    evidence: marksOf([tls.certificate_file, tls.private_key_file, tls.trust_bundle_file, identity.jwt_bundle_file]),
  };
}

export function watchEverything(root: string, config: GatewayConfig, marks: WatchedMarks, parts: WatchParts): (() => void)[] {
  const reloading = watchFiles(marks.inputs, (path) => {
    parts.reload().then(
      ({ refused }) => {
        const mine = refused.find(({ file }) => resolveInProject(root, file).startsWith(path));
        if (mine === undefined) parts.log.info({ path }, 'a changed file is in force');
        else parts.log.error({ path, ...mine }, 'a changed file was refused; its old state stays');
      },
      (fault: unknown) => parts.log.error({ path, ...describeSourceFault(fault) }, 'a changed file was refused; the old state stays'),
    );
  }, every);
  const certificates = watchFiles(marks.evidence, (path) => {
    try {
      parts.threads.setEvidence(readEvidence(root, config), config.tls.enabled);
      parts.event('evidence_replaced', { path });
    } catch (fault) {
      // A file may be away for a moment while it is replaced: the old evidence stays.
      const { message } = describeSourceFault(fault);
      parts.log.error({ path, message }, 'a changed certificate or bundle was refused; the old one stays');
      parts.event('evidence_refused', { path, message });
    }
  }, every);
  return [reloading.stop, certificates.stop];
}

export function readEvidence(root: string, config: GatewayConfig): { jwtBundle: string | undefined; trustBundle: string | undefined } {
  const read = (file: string): string | undefined => {
    if (file === '') return undefined;
    try {
      return readFileSync(resolveInProject(root, file), 'utf8');
    } catch {
      throw new ConfigFault(`${file} can't be read.`, { file, ...WHOLE_FILE, remedy: 'Restore the file, or name another in config/gateway.yaml.' });
    }
  };
  return { jwtBundle: read(config.identity.jwt_bundle_file), trustBundle: config.tls.enabled ? read(config.tls.trust_bundle_file) : undefined };
}
