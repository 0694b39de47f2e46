// The files that the control thread watches: a changed one reloads, or replaces the evidence of identity.
import { sep } from 'node:path';
import type { DetailValue } from '../audit/record.js';
import type { Clock } from '../base/clock/clock.js';
import { every } from '../base/clock/timers.js';
import { resolveInProject } from '../base/config/load.js';
import type { GatewayConfig } from '../base/config/schema.js';
import type { Reloaded } from '../control/parts.js';
import type { Log } from '../base/telemetry/log.js';
import { markFiles, watchFiles, type FileMarks } from '../jobs/watch-files.js';
import { readSoundEvidence, untimelyCertificate } from './evidence.js';
import type { GatewayThreads } from './gateway-threads.js';
import type { SourceFault } from './messages.js';
import { describeSourceFault, describeSourceFaults } from './source-faults.js';

export interface WatchParts {
  readonly reload: () => Promise<Reloaded>;
  readonly log: Log;
  readonly clock: Clock;
  readonly threads: Pick<GatewayThreads, 'setEvidence'>;
  readonly event: (name: string, details: Readonly<Record<string, DetailValue>>) => void;
  /** What of the evidence is refused now; none = all of it is in force. */
  readonly evidenceRefused: (faults: readonly SourceFault[]) => void;
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
  const reloading = watchFiles(marks.inputs, (paths) => {
    parts.reload().then(
      ({ refused }) => {
        for (const path of paths) {
          const mine = refused.find(({ file }) => `${resolveInProject(root, file)}${sep}`.startsWith(`${path}${sep}`));
          if (mine === undefined) parts.log.info({ path }, 'a changed file is in force');
          else parts.log.error({ path, ...mine }, 'a changed file was refused; its old state stays');
        }
      },
      (fault: unknown) => parts.log.error({ paths, ...describeSourceFault(fault) }, 'changed files were refused; the old state stays'),
    );
  }, every);
  const held = new Set<string>();
  const certificates = watchFiles(marks.evidence, (paths) => replaceEvidence(root, config, paths, held, parts), every);
  return [reloading.stop, certificates.stop];
}

/**
 * Once for all that changed together, as certificate, key and bundle do when an SVID is renewed: each listener that is replaced resets who is just connecting, and
 * its streams connect anew. `held`: certificate and key that are new and not in force, because the listener can't be opened with all its files; updated.
 */
function replaceEvidence(root: string, config: GatewayConfig, paths: readonly string[], held: Set<string>, parts: WatchParts): void {
  // A file may be away for a moment while it is replaced, or half written: its old state stays, and the others' new ones count.
  const { evidence, replaceTls, faults } = readSoundEvidence(root, config);
  const { tls, identity } = config;
  const changed = (file: string): boolean => paths.includes(resolveInProject(root, file));
  // Connections end with their listener: not because tokens have other authorities.
  const replaces = replaceTls && (paths.length > 1 || !changed(identity.jwt_bundle_file));
  parts.threads.setEvidence(evidence, replaces);
  parts.evidenceRefused(faults.flatMap(describeSourceFaults));
  const own = [tls.certificate_file, tls.private_key_file].map((file) => resolveInProject(root, file));
  for (const path of new Set([...held, ...paths])) {
    const isOwn = own.includes(path);
    const isInForce = isOwn ? replaces : !faults.some(({ file }) => resolveInProject(root, file) === path);
    if (isInForce) parts.event('evidence_replaced', { path });
    if (isOwn && !isInForce) held.add(path);
    else held.delete(path);
  }
  const untimely = paths.some((path) => own.includes(path)) && replaceTls ? untimelyCertificate(root, config, parts.clock.nowMs()) : undefined;
  if (untimely !== undefined) parts.log.warn({ path: resolveInProject(root, tls.certificate_file) }, untimely);
  for (const { file, message } of faults) {
    parts.log.error({ paths, file, message }, 'a changed certificate or bundle was refused; the old one stays');
    parts.event('evidence_refused', { path: resolveInProject(root, file), message });
  }
}
