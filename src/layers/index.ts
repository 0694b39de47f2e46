// The 13 layers in their order; the order is the contract (SPEC section 2), and each line says why the layer sits there.
import type { AuditAppender } from '../audit/types.js';
import type { Clock } from '../base/clock/clock.js';
import type { JsonGuard } from '../base/json/types.js';
import type { MessageReader } from '../base/workers/message-reader.js';
import { Chain } from '../chain/layer.js';
import type { Authenticator } from '../engines/identity/types.js';
import type { Places } from '../engines/limits/places.js';
import type { CircuitBreakers, RateLimiter } from '../engines/limits/types.js';
import type { McpSessions } from '../engines/mcp-session/sessions.js';
import type { Guard } from '../engines/guard/types.js';
import type { SecretStore } from '../engines/secrets/types.js';
import type { SessionRisk } from '../engines/session-risk/types.js';
import { requestSizeLimit } from './01-request-size-limit.js';
import { shapeValidator } from './02-shape-validator.js';
import { spiffeAuth } from './03-spiffe-auth.js';
import { bindSession } from './bind-session.js';
import { readRate } from './read-rate.js';
import { holdPlace } from './hold-place.js';
import { auditLog } from './04-audit-log.js';
import { toolRegistryVerify, type ToolVerifier } from './05-tool-registry-verify.js';
import { loadSession } from './load-session.js';
import { opaPolicy } from './06-opa-policy.js';
import { dlpScan } from './07-dlp-scan.js';
import { sessionContext } from './08-session-context.js';
import { stepUpGating, type Approvals } from './09-step-up-gating.js';
import { deepScan } from './10-deep-scan.js';
import { rateLimit } from './11-rate-limit.js';
import { circuitBreaker } from './12-circuit-breaker.js';
import { tokenSubstitution } from './13-token-substitution.js';

/** What the layers ask; gateway.ts builds it. */
export interface Engines {
  readonly clock: Clock;
  readonly jsonGuard: JsonGuard;
  readonly authenticator: Authenticator;
  readonly mcpSessions: McpSessions;
  readonly appender: AuditAppender;
  readonly verifier: ToolVerifier;
  readonly sessionRisk: SessionRisk;
  readonly messageReader: MessageReader;
  readonly approvals: Approvals;
  readonly guard: Guard;
  readonly rateLimiter: RateLimiter;
  readonly places: Places;
  readonly breakers: CircuitBreakers;
  readonly secrets: SecretStore;
}

export function buildLayers(engines: Engines) {
  return new Chain()
    .push(requestSizeLimit) // first: nothing may be parsed that is too large
    .push(shapeValidator(engines.jsonGuard)) // before identity: later layers trust the spans, and a stranger gets no parser to play with
    .push(spiffeAuth(engines.authenticator)) // everything below is decided for somebody
    .push(bindSession(engines.mcpSessions)) // a session id is worth something only with its caller
    .push(readRate(engines.rateLimiter)) // who is over the limit anyway gets none of the dear layers
    .push(holdPlace(engines.places)) // one caller's slow calls leave room for the others'
    .push(auditLog(engines.appender)) // before any decision that costs or reveals: no record, no decision
    .push(toolRegistryVerify(engines.verifier)) // policy is about known tools only
    .push(loadSession(engines.sessionRisk)) // policies may read the caller's risk
    .push(opaPolicy(engines.messageReader, engines.clock)) // before content is looked at: who may not call learns nothing of the scanners
    .push(dlpScan()) // the session's taint and the guard build on its findings
    .push(sessionContext(engines.sessionRisk, engines.messageReader)) // a chain is judged before a person is asked to approve it
    .push(stepUpGating(engines.approvals, engines.guard, engines.messageReader)) // people are asked only for what policy and scanners let through
    .push(deepScan(engines.guard)) // the dearest look, only at what layer 7 flagged
    .push(rateLimit(engines.rateLimiter)) // a refused call must not spend the caller's budget
    .push(circuitBreaker(engines.breakers)) // last question before the wire: is the server well?
    .push(tokenSubstitution(engines.secrets, engines.messageReader)); // nearest the wire: no other layer ever sees a secret
}

/** One line a layer, for `agw inspect layers`. */
export const LAYER_REASONS: readonly string[] = [
  'nothing may be parsed that is too large',
  'later layers trust the spans it finds',
  'everything below is decided for somebody',
  'no record, no decision',
  'policy is about known tools only',
  'who may not call learns nothing of the scanners',
  'the session and the guard build on its findings',
  'a chain is judged before a person is asked',
  'people are asked only for what passed so far',
  'the dearest look, only at what layer 7 flagged',
  'a refused call must not spend the budget',
  'is the server well?',
  'no other layer ever sees a secret',
];
