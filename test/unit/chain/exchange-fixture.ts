// One exchange over a log that settles when told, with everything that it told its surroundings.
import { Exchange } from '../../../src/chain/exchange.js';
import type { ExitServices } from '../../../src/chain/exit-services.js';
import type { TracedRequest } from '../../../src/chain/request-spans.js';
import type { Sampler } from '../../../src/chain/sampler.js';
import { ChainStats } from '../../../src/chain/stats.js';
import { Unattended } from '../../../src/chain/unattended.js';
import { createSharedLines } from '../../../src/chain/unidentified.js';
import { Unrecorded } from '../../../src/chain/unrecorded.js';
import type { BreakerOutcome, CircuitBreakers } from '../../../src/engines/limits/types.js';
import type { SessionAction, SessionRisk } from '../../../src/engines/session-risk/types.js';
import { createArgumentsDigest } from '../../../src/base/crypto/arguments-digest.js';
import { RecordedReply } from '../../support/inbound-reply.js';
import { WithheldAppender } from '../../support/withheld-appender.js';
import { contextOf } from './contexts.js';

export const KEY = Buffer.alloc(32, 3);
const GRANT = { requestId: 'req-1', token: 'tok-1', approver: 'alice' };
const SCORE = { total: 8, impact: 3, reversibility: 3, exposure: 1, novelty: 1 };

export function setUp(ctx = contextOf('{"a": 1}')) {
  const appender = new WithheldAppender();
  const reply = new RecordedReply();
  const done: string[] = [];
  const settled: BreakerOutcome[] = [];
  const recorded: SessionAction[] = [];
  const faults: unknown[] = [];
  const traced: TracedRequest[] = [];
  const later: (() => void)[] = [];
  const stats = new ChainStats();
  const unattended = new Unattended();
  const state = { consumes: true as boolean | Error };
  const services: ExitServices = {
    clock: { nowMs: () => 5, nowUs: () => 5000, monotonicMs: () => 0 }, appender, stats, unattended, sampler: { decide: () => ctx.sampling } as unknown as Sampler, traced: (request) => void traced.push(request),
    unrecorded: new Unrecorded({ appender, nowUs: () => 7000, after: (_ms, run) => void later.push(run), onLost: (id) => void done.push(`lost ${id}`) }),
    sharedLines: createSharedLines(appender, () => 100, () => undefined),
    grants: {
      consume: (id, token) => {
        done.push(`consume ${id} ${token}`);
        return state.consumes instanceof Error ? Promise.reject(state.consumes) : Promise.resolve(state.consumes);
      },
      release: (id, token) => void done.push(`release ${id} ${token}`),
      recorded: (id) => void done.push(`recorded ${id}`),
    },
    breakers: { settle: ((_key, _probe, outcome) => void settled.push(outcome)) satisfies CircuitBreakers['settle'] } as unknown as CircuitBreakers,
    sessionRisk: { record: (_caller, _session, action) => void recorded.push(action) } as SessionRisk,
    unfitForRecords: (_snapshot, _server, word) => (word.includes('hunter2') ? ['secret'] : []), resourceMetadataUrl: 'http://127.0.0.1/.well-known/oauth-protected-resource', digestArguments: createArgumentsDigest(KEY), onFault: (fault) => void faults.push(fault),
  };
  return { ctx, appender, reply, done, settled, recorded, faults, stats, unattended, traced, state, later, exchange: new Exchange(ctx, reply, services) };
}
export const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve();
};
export function withGrant(more: Parameters<typeof contextOf>[1] = {}) {
  const ctx = contextOf('{}', more);
  ctx.stepUp = { score: SCORE, grant: GRANT, argumentsDigest: '' };
  return ctx;
}
