// The control thread: owns approvals, secrets, observations and reloads; starts the audit writer and the gateway threads; serves the control plane.
import { join } from 'node:path';
import { spawnAuditWriter } from '../audit/spawn-writer.js';
import { openAppender } from '../audit/appender.js';
import { eventLine, type DetailValue } from '../audit/record.js';
import type { Clock } from '../base/clock/clock.js';
import { after } from '../base/clock/timers.js';
import { ConfigFault, placeText, WHOLE_FILE } from '../base/config/fault.js';
import { readEnvironment } from '../base/config/environment.js';
import { loadGatewayConfig, resolveInProject } from '../base/config/load.js';
import { keepRunning } from '../base/config/restart-keys.js';
import type { GatewayConfig } from '../base/config/schema.js';
import { gatewayThreads } from '../base/config/thread-count.js';
import { createIds } from '../base/ids/ids.js';
import { loadJsonGuard } from '../base/json/choose.js';
import { createLog, faultFacts } from '../base/telemetry/log.js';
import type { SnapshotDigests } from '../chain/snapshot.js';
import { approvalRoutes, tell } from '../control/approvals.js';
import { identityRoutes } from '../control/identities.js';
import { KeptCounts } from '../control/kept-counts.js';
import { layerRoutes } from '../control/layers.js';
import { metricsRoutes } from '../control/metrics.js';
import type { ControlParts, InForce, Reloaded } from '../control/parts.js';
import { policyRoutes } from '../control/policy.js';
import { reloadRoutes } from '../control/reload.js';
import { secretRoutes } from '../control/secrets.js';
import { serveControl } from '../control/server.js';
import { createSecretFinder } from '../response/03-scrub-secrets.js';
import { createKeyCutter } from '../response/key-cutter.js';
import { sessionRoutes } from '../control/sessions.js';
import { statusRoutes } from '../control/status.js';
import { toolRoutes } from '../control/tools.js';
import { upstreamRoutes } from '../control/upstreams.js';
import { digestPolicies } from '../engines/policy/policy-set.js';
import { compileRegoModule } from '../engines/policy/rego-module.js';
import { Observations } from '../engines/registry/observations.js';
import { readPinsFile, writePinsFile } from '../engines/registry/pins.js';
import { createToolsReader } from '../engines/registry/served-tools.js';
import { createSecretFile } from '../engines/secrets/file-store.js';
import { createSentSecrets } from '../engines/secrets/sent-secrets.js';
import { loadPublicKeys } from '../engines/step-up/approver-keys.js';
import { openApprovalStore } from '../engines/step-up/approvals-store.js';
import { readSoundFiles } from '../jobs/find-faults.js';
import { isDear, sameTexts } from '../jobs/plan-sources.js';
import { differInFiles, readPolicies, readSources, type SnapshotSources } from '../jobs/read-sources.js';
import { createRegistryRefresh } from '../jobs/registry-refresh.js';
import { startGatewayThreads, type GatewayThreads } from './gateway-threads.js';
import { compileInForce, compileWritten, keepingIn, policiesDiffer, warningsOf } from './in-force.js';
import { openArgumentsKey, openSecretsKey } from './keys.js';
import type { AnswerOf, Question, SourceFault, UpstreamReport } from './messages.js';
import { createToolJudge } from './judge-tools.js';
import { openKeptSessions } from './kept-sessions.js';
import { cleanUpAfter, createSharedMemory, openSharedMemory } from './shared-memory.js';
import { describeNotLoaded } from './not-loaded.js';
import { readOpenFilesMax, refuseFewFiles } from './open-files.js';
import { createBeats } from './stall-watch.js';
import { openTraceExport } from './trace-export.js';
import { claimPorts, threadEvents } from './thread-upkeep.js';
import { createToolServerClient, ownProcesses } from './tool-servers.js';
import { readEvidence, untimelyCertificate } from './evidence.js';
import { markEverything, watchEverything } from './watching.js';
import { planBeside } from './plan-beside.js';
import { describeSourceFaults, FaultFinder, gatherFaults, isPolicyFile, refusedReload, RefusedSources, SourcesRefused, type SourcePart } from './source-faults.js';
import { makeFolder } from '../base/store/make-folder.js';

export interface ControlOptions {
  readonly root: string;
  readonly configFile: string;
  readonly config: GatewayConfig;
  readonly version: string;
  readonly clock: Clock;
  /** Nothing can be served any more, and nothing here can mend it. */
  readonly giveUp: () => void;
}

export interface RunningControl {
  readonly listeners: readonly { readonly kind: 'http' | 'mtls'; readonly address: string }[];
  readonly warnings: readonly string[];
  /** Every tool server was asked what it has, or its time was up. */
  readonly listed: Promise<void>;
  reload(): Promise<SnapshotDigests>;
  stop(): Promise<void>;
}

/** What a reload reads. `faults`: of files that stay as they were. */
interface ReadSources {
  readonly sources: SnapshotSources;
  readonly faults: readonly SourceFault[];
}

/** What is looked through before its turn comes. */
interface Ahead {
  readonly sources: SnapshotSources;
  readonly planned: Promise<void>;
}

interface InForceNow {
  readonly digests: SnapshotDigests;
  /** Tool servers were asked where that is needed. */
  readonly judged: Promise<void>;
}

const MS_PER_SECOND = 1000;
const FOLDER_MODE = 0o700;
const OWN_NAME = 1; // of this thread in shared memory
const SLEEPERS_LOOK_MS = 5000; // places of sessions that slept for too long are wanted by others
const CONTROL_CONNECTIONS_MAX = 4; // to one upstream, for listings
/** What each kind of reload reads. */
const RELOADS: Readonly<Record<'all' | 'watched files' | 'policies', readonly SourcePart[]>> = { all: ['files', 'policies'], 'watched files': ['files'], policies: ['policies'] };

/** Rejects with what a person should read; then nothing is left running. */
export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const { root, config, clock, version } = options;
  refuseFewFiles(gatewayThreads(config));
  const stateDir = resolveInProject(root, config.state_dir);
  makeFolder(join(stateDir, 'keys'), FOLDER_MODE);
  makeFolder(join(stateDir, 'approvers'), FOLDER_MODE);
  const log = createLog(config.log_level, 'control');
  const cacheDir = join(stateDir, 'cache');
  const memory = createSharedMemory(config); // first: zeros that nobody ever used cost nothing, memory that was given back must be wiped
  const finder = new FaultFinder(root, clock);
  const refuseStart = (fault: unknown): SourcesRefused => new SourcesRefused(gatherFaults(fault, finder.find(RELOADS.all, config)));
  const marks = markEverything(root, config);
  let sources: SnapshotSources;
  let inForce: InForce;
  try {
    const compiled = compileInForce(readSources(root, config, 1), clock, cacheDir);
    sources = compiled.planned;
    inForce = compiled;
  } catch (fault) {
    throw refuseStart(fault);
  }
  const secretsKey = openSecretsKey(options, stateDir);
  const argumentsKey = config.audit.arguments_digest === 'hmac' ? openArgumentsKey(join(stateDir, 'keys', 'arguments.key')) : undefined;
  const evidence = readEvidence(root, config);

  const writer = spawnAuditWriter({
    dir: config.audit.dir === '' ? join(stateDir, 'audit') : resolveInProject(root, config.audit.dir), fileBytesMax: config.audit.file_bytes_max, durability: config.audit.durability,
    start: { version, profile: config.profile, policy_digest: inForce.policy.digest, registry_digest: inForce.registry.digest, identities_digest: inForce.identities.digest },
  });
  let failed = false;
  let ending = true; // a log that is closed on purpose does not fail, and a start that stops says so itself
  writer.onHealth((health) => {
    if (health.healthy && failed) log.info({}, 'the audit log is healthy again');
    if (!health.healthy && !ending) log.error({ because: health.because }, 'the audit log is failing: calls are refused');
    failed = !health.healthy;
  });
  const audit = await writer.status();
  if (!audit.healthy) {
    await writer.close();
    throw new ConfigFault(`the audit log can't be opened: ${audit.because}`, { file: audit.file, ...WHOLE_FILE, remedy: 'Free the folder or its disk: nothing is served without an audit log.' });
  }
  ending = false;
  // Its chain and its open intents are what a start reads from the disk: the next one goes on, and names the calls whose record is lost.
  void writer.died.then((because) => {
    log.error({ because }, 'the audit writer is gone: the gateway ends, to be started anew');
    options.giveUp();
  });
  const views = openSharedMemory(memory, OWN_NAME);
  const sentSecrets = createSentSecrets(views.sentSecrets);
  const findSecret = createSecretFinder();
  const withoutKeys = createKeyCutter(() => sentSecrets.kept());
  const events = openAppender(writer.connect(), { queueLinesMax: config.audit.queue_lines_max, durability: 'group', hurries: true });
  const recordedEvent = (name: string, said: Readonly<Record<string, DetailValue>>): Promise<void> => {
    const details = JSON.parse(withoutKeys(JSON.stringify(said)) ?? '{}') as typeof said; // some are a tool server's words
    log.info({ event: name, ...details }, name);
    return new Promise((resolve, reject) => {
      events.append(eventLine(clock.nowUs(), name, details), (error) => { if (error === undefined) resolve(); else reject(error); });
    });
  };
  const event = (name: string, said: Readonly<Record<string, DetailValue>>): void => { recordedEvent(name, said).catch(() => undefined); }; // a log that fails is said by its health

  const approvals = openApprovalStore({
    path: join(stateDir, 'approvals.sqlite'), requestTtlMs: config.step_up.request_ttl_s * MS_PER_SECOND, grantTtlMs: config.step_up.grant_ttl_s * MS_PER_SECOND,
    pendingPerCallerMax: config.step_up.pending_per_caller_max, approvers: () => loadPublicKeys(join(stateDir, 'approvers')), nowMs: clock.nowMs(),
  });
  for (const one of approvals.untold()) tell({ event: recordedEvent, approvals }, one).catch(() => undefined); // at the next start again
  const secrets = createSecretFile(resolveInProject(root, config.secrets.file === '' ? join(config.state_dir, 'secrets.enc') : config.secrets.file), secretsKey);
  const jsonGuard = loadJsonGuard();
  const processes = ownProcesses({
    config: () => sources.config, root, stateDir, version, clock, log, guard: jsonGuard, secretsSent: sentSecrets, servers: inForce.registry.servers,
    toolsMayDiffer: (upstream) => { if (inForce.registry.upstreams.includes(upstream)) void refresh.refresh(upstream); },
  });
  const client = createToolServerClient({ config, connectionsMax: CONTROL_CONNECTIONS_MAX, stdio: processes.servers, guard: jsonGuard, servers: inForce.registry.servers, sentSecrets, clock });
  const reader = createToolsReader(jsonGuard);
  const pinsFile = join(stateDir, 'pins.json');
  const observations = new Observations({ registry: inForce.registry, reader, restored: readPinsFile(pinsFile), persist: (json) => writePinsFile(pinsFile, json) });

  const threadCount = gatewayThreads(config);
  const kept = new KeptCounts();
  const traces = await openTraceExport(config, version, createIds(), log);
  let threads: GatewayThreads | undefined;
  const sessions = openKeptSessions({ stateDir, config, places: views.places, clock, threads: () => threads, event, onFault: (fault) => log.error(faultFacts(fault), 'MCP sessions could not be written') });
  const refresh = createRegistryRefresh({
    client, observations, registry: inForce.registry, reader, clock, version, listTimeoutMs: () => sources.config.registry.list_timeout_ms,
    publish: (changed) => publish(changed),
    event, holdsSecret: (upstream, word) => findSecret(sentSecrets.of(upstream), Buffer.from(word)),
  });
  const publish = (changed: boolean): void => threads?.broadcast({ kind: 'observations', observations: observations.snapshot(), upstreams: upstreamReports(), changed });
  const upstreamReports = (): UpstreamReport[] => observations.upstreams().map((upstream) => {
    const facts = refresh.factsOf(upstream.url);
    return {
      url: upstream.url, state: upstream.state, modern: facts?.modern ?? false, capabilities: facts?.capabilities ?? {}, instructions: facts?.instructions,
      tools: upstream.tools.length, verifiedMs: upstream.verifiedMs, error: upstream.error, process: processes.servers.report(upstream.url),
    };
  });

  const answer = async (question: Question): Promise<unknown> => {
    switch (question.kind) {
      case 'reserve': return approvals.reserveOrRequest(question.binding, question.score, question.shown, clock.nowMs());
      case 'consume': return approvals.consume(question.requestId, question.token, clock.nowMs());
      case 'refresh':
        await refresh.refresh(question.upstream);
        return null;
      default: return sessions.answer(question);
    }
  };

  const cleanup: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of cleanup.reverse()) {
      // What comes after it must close as well: the log, and the files of sessions and approvals.
      try {
        await step();
      } catch (fault) {
        log.error(faultFacts(fault), 'a part of the gateway did not stop as it should');
      }
    }
  };
  cleanup.push(() => writer.close(), () => { ending = true; }, () => events.close(), () => approvals.close(), () => sessions.close(), processes.forget, () => client.close(), traces.close);

  try {
    await claimPorts(threadCount, config);
    threads = await startGatewayThreads(
      threadCount,
      { root, sources, policyModule: compileRegoModule(), version, connectAudit: () => writer.connect(), connectProcesses: processes.connect, secretsKey, argumentsKey, memory, beats: createBeats(threadCount), traced: traces.report().state !== 'off', ...evidence },
      {
        answer: (question) => answer(question) as Promise<AnswerOf[typeof question.kind]>, releaseGrant: (id, token) => approvals.release(id, token), grantRecorded: (id) => approvals.told(id, 'spent'), sessionsTold: (told) => sessions.told(told), traced: traces.take, lastStats: (stats) => void kept.take([stats]),
        begun: (begun) => { threads = begun; },
        ...threadEvents({ log, event, cleanUp: (thread) => cleanUpAfter(views, thread, sessions.keptNow()), publish: () => publish(false) }),
      },
      { nowMs: clock.nowMs, after, stallMs: config.threads.stall_s * MS_PER_SECOND },
    );
  } catch (fault) {
    await stop();
    throw refuseStart(fault);
  }
  const running = threads;
  cleanup.push(() => running.drain(sources.config.shutdown_grace_s * MS_PER_SECOND));

  const refused = new RefusedSources(() => [...findConfigFaults(options.configFile), ...finder.find(RELOADS.all, sources.config)]);
  const noteRefused = (what: keyof typeof RELOADS, faults: readonly SourceFault[]): void => {
    refused.refuse(RELOADS[what], faults, clock.nowMs());
    const [first, ...others] = faults;
    event('reload_refused', {
      what, file: first?.file ?? '', line: first?.line ?? 0, message: first?.message ?? '', ...(others.length === 0 ? {} : { others: others.map(({ file = '', line, column, message }) => `${placeText({ file, line, column })}: ${message}`) }),
    });
  };
  /** Who looked at them beside this thread has found all already. */
  const everyFault = (fault: unknown, parts: readonly SourcePart[]): readonly SourceFault[] => (fault instanceof SourcesRefused ? fault.faults : gatherFaults(fault, finder.find(parts, sources.config)));
  const plan = async (next: SnapshotSources, parts: readonly SourcePart[]): Promise<void> => {
    if (!isDear(next, sources)) return;
    await planBeside({ root, parts, sources: next, keeping: keepingIn(cacheDir) }).catch((fault: unknown) => {
      if (fault instanceof SourcesRefused && parts.includes('policies') && fault.faults.every(({ file }) => file !== undefined)) finder.learn(next, fault.faults.filter(isPolicyFile));
      throw fault;
    });
  };
  const judgeTools = createToolJudge({ observations, refresh, publish: () => publish(true) });
  /** Proves the sources here, then swaps every thread, then this thread's own copy. */
  const putInForce = async (next: SnapshotSources, what: keyof typeof RELOADS): Promise<InForceNow> => {
    const compiled = compileInForce(next, clock, cacheDir);
    const digests = await running.swap(compiled.planned);
    const before = inForce;
    sources = compiled.planned;
    inForce = compiled;
    processes.servers.setServers(compiled.registry.servers);
    client.setServers(compiled.registry.servers);
    await sessions.identitiesChanged(before.identities, compiled.identities);
    event('reload', { what, policy_digest: digests.policy, registry_digest: digests.registry, identities_digest: digests.identities, rules_digest: digests.rules, thresholds_digest: digests.thresholds });
    return { digests, judged: judgeTools(before.registry, compiled.registry) };
  };
  /** `ahead`: what was looked through before; without it what is dear to look through is left, for another turn. */
  const swap = async (read: () => ReadSources, what: keyof typeof RELOADS, ahead: Ahead | undefined): Promise<InForceNow | Ahead> => {
    const parts = RELOADS[what];
    try {
      const { sources: next, faults } = read();
      if (isDear(next, sources)) {
        if (ahead === undefined) {
          const planned = plan(next, parts);
          planned.catch(() => undefined); // thrown in its own turn
          const others = { ...next, rules: sources.rules };
          if (what === 'watched files' && differInFiles(others, sources)) (await putInForce(others, what)).judged.catch((cause: unknown) => log.error(faultFacts(cause), 'tools could not be judged by the new registry'));
          return { sources: next, planned };
        }
        await (sameTexts(next.policies, ahead.sources.policies) && sameTexts(next.rules, ahead.sources.rules) ? ahead.planned : plan(next, parts));
      }
      const swapped = await putInForce(next, what);
      refused.accept(parts);
      if (faults.length > 0) noteRefused(what, faults);
      return swapped;
    } catch (fault) {
      const faults = everyFault(fault, parts);
      noteRefused(what, faults);
      throw refusedReload(faults);
    }
  };
  let turn: Promise<unknown> = Promise.resolve();
  /**
   * One after another, each reading when its turn comes: what one keeps as it is must not be what another is about to replace. No turn is held by
   * 10,000 rules that are looked through, nor by a tool server that is asked: an identity that is revoked meanwhile would stay in force for that.
   */
  const swapInTurn = async (read: () => ReadSources, what: keyof typeof RELOADS): Promise<Reloaded> => {
    for (let ahead: Ahead | undefined; ;) {
      const known = ahead;
      const mine = turn.then(() => swap(read, what, known));
      turn = mine.catch(() => undefined);
      const done = await mine;
      if ('digests' in done) {
        await done.judged;
        return { digests: done.digests, refused: refused.list() };
      }
      ahead = done;
      await done.planned.catch(() => undefined);
    }
  };
  const whole = (next: SnapshotSources): ReadSources => ({ sources: next, faults: [] });
  const reload = async (): Promise<SnapshotDigests> => (await swapInTurn(() => whole(readSources(root, loadFresh(options, sources.config), sources.version + 1)), 'all')).digests;
  let waiting: Promise<Reloaded> | undefined;
  /**
   * Files change one by one: one that is wrong must not keep a revoked identity in force. Neither config nor policies are watched. One that has not begun to read
   * is joined: files that change faster than they are taken up must not have reloads queue up.
   */
  const reloadFiles = (): Promise<Reloaded> => waiting ??= swapInTurn(() => {
    waiting = undefined;
    const { sources: next, faults } = readSoundFiles(root, sources);
    return { sources: next, faults: faults.flatMap(describeSourceFaults) };
  }, 'watched files');
  const acknowledge = async (name: string): Promise<boolean> => {
    const tool = inForce.registry.tools.get(name);
    if (tool === undefined) return false;
    await refresh.refresh(tool.upstream);
    const known = observations.acknowledge(name);
    event('tool_acknowledged', { tool: name, state: observations.stateOf(tool).kind });
    publish(true);
    return known;
  };
  const reloadPolicies = async (): Promise<SnapshotDigests> => (await swapInTurn(() => whole({ ...sources, version: sources.version + 1, policies: readPolicies(root, sources.config) }), 'policies')).digests;
  const notLoaded = (): string[] => describeNotLoaded({
    started: config, loaded: sources.config, written: () => loadGatewayConfig(options.configFile, readEnvironment()), configFile: options.configFile, policiesDiffer: () => policiesDiffer(root, sources.config, inForce),
  });
  const writtenPolicies: ControlParts['writtenPolicies'] = async () => {
    try {
      const written = { ...sources, policies: readPolicies(root, sources.config) };
      if (digestPolicies(written.policies) === inForce.policy.digest) return undefined;
      await plan(written, RELOADS.policies);
      return compileWritten(written, clock, cacheDir);
    } catch (fault) {
      throw refusedReload(everyFault(fault, RELOADS.policies));
    }
  };

  const openFilesMax = readOpenFilesMax();
  const parts: ControlParts = {
    clock, version, startedMs: clock.nowMs(), configFile: options.configFile, stateDir, config: () => sources.config, inForce: () => inForce, listeners: () => running.listeners,
    threads: running, kept, audit: () => writer.status(), observations, upstreams: upstreamReports, greeted: refresh.factsOf, listings: refresh.historyOf, acknowledge, approvals, event: recordedEvent, sessions, secrets, traces: traces.report, warnings: () => warningsOf(inForce, sources, { root, unresolved: audit.unresolved, secrets: secrets.fault(), openFilesMax, variable: readEnvironment().secret, traces: traces.report(), untimelyCertificate: untimelyCertificate(root, config, clock.nowMs()) }), refused: () => refused.list(), notLoaded, reload, reloadFiles, reloadPolicies, writtenPolicies,
  };
  try {
    const server = await serveControl(
      join(stateDir, 'control.sock'),
      [statusRoutes, toolRoutes, layerRoutes, identityRoutes, policyRoutes, approvalRoutes, sessionRoutes, secretRoutes, reloadRoutes, metricsRoutes, upstreamRoutes].flatMap((routes) => routes(parts)),
      (fault) => log.error(faultFacts(fault), 'the control plane failed on a request'),
      withoutKeys,
    );
    cleanup.push(() => server.close());
  } catch (fault) {
    await stop();
    throw fault;
  }
  const evidenceRefused = (faults: readonly SourceFault[]): void => (faults.length === 0 ? refused.accept(['evidence']) : refused.refuse(['evidence'], faults, clock.nowMs()));
  cleanup.push(...watchEverything(root, sources.config, marks, { reload: reloadFiles, log, clock, threads: running, event, evidenceRefused }));
  const timer = setInterval(() => void refresh.refreshAll(), sources.config.registry.refresh_interval_s * MS_PER_SECOND);
  const sweep = setInterval(() => sessions.dropExpired(), SLEEPERS_LOOK_MS);
  cleanup.push(() => clearInterval(timer), () => clearInterval(sweep));
  return { listeners: running.listeners, warnings: parts.warnings(), listed: refresh.refreshAll(), reload, stop };
}

function findConfigFaults(configFile: string): unknown[] {
  try {
    loadGatewayConfig(configFile, readEnvironment());
    return [];
  } catch (fault) {
    return [fault];
  }
}

/** Keys that a reload may not change keep their running value. */
function loadFresh(options: ControlOptions, current: GatewayConfig): GatewayConfig {
  return keepRunning(loadGatewayConfig(options.configFile, readEnvironment()), current);
}
