// What must not compile. Checked with the rest of the tree by `npm run typecheck`; chain-order.test.ts takes the marks away and counts the errors.
import { Chain, type Ctx, type Layer } from '../../src/chain/layer.js';
import { deny, PASS } from '../../src/chain/verdict.js';
import { requestSizeLimit } from '../../src/layers/01-request-size-limit.js';
import { shapeValidator } from '../../src/layers/02-shape-validator.js';
import { spiffeAuth } from '../../src/layers/03-spiffe-auth.js';
import { auditLog } from '../../src/layers/04-audit-log.js';
import { toolRegistryVerify } from '../../src/layers/05-tool-registry-verify.js';
import { opaPolicy } from '../../src/layers/06-opa-policy.js';
import { dlpScan } from '../../src/layers/07-dlp-scan.js';
import { rateLimit } from '../../src/layers/11-rate-limit.js';
import { tokenSubstitution } from '../../src/layers/13-token-substitution.js';
import type { Engines } from '../../src/layers/index.js';

const onFault = deny('gateway_fault');

export function policyBeforeIdentity(engines: Engines): unknown {
  const chain = new Chain().push(requestSizeLimit).push(shapeValidator(engines.jsonGuard));
  // @ts-expect-error policy needs a caller, and nobody has said who calls
  return chain.push(opaPolicy(engines.messageReader, engines.clock));
}

export function registryBeforeAudit(engines: Engines): unknown {
  const chain = new Chain().push(shapeValidator(engines.jsonGuard)).push(spiffeAuth(engines.authenticator));
  // @ts-expect-error the registry needs the record to be open: no record, no decision
  return chain.push(toolRegistryVerify(engines.verifier));
}

export function scanBeforePolicy(engines: Engines): unknown {
  const chain = new Chain().push(shapeValidator(engines.jsonGuard)).push(spiffeAuth(engines.authenticator)).push(auditLog(engines.appender));
  // @ts-expect-error who may not call learns nothing of the scanners
  return chain.push(dlpScan());
}

export function rateLimitOfNobody(engines: Engines): unknown {
  // @ts-expect-error a bucket belongs to a caller
  return new Chain().push(rateLimit(engines.rateLimiter));
}

export function secretsBeforeAnything(engines: Engines): unknown {
  // @ts-expect-error a secret needs an owner and a tool
  return new Chain().push(shapeValidator(engines.jsonGuard)).push(tokenSubstitution(engines.secrets, engines.messageReader));
}

export const writesUndeclared: Layer<'call'> = {
  step: 3, name: 'writes_undeclared', onFault,
  decide(ctx) {
    // @ts-expect-error it did not say that it adds the caller
    ctx.caller = undefined;
    return PASS;
  },
};

export const overwritesItsNeed: Layer<'caller', 'tool'> = {
  step: 5, name: 'overwrites_its_need', onFault,
  decide(ctx) {
    // @ts-expect-error what a layer needs is not its to change
    ctx.caller = { ...ctx.caller, spiffeId: 'spiffe://other' };
    ctx.tool = 'none';
    return PASS;
  },
};

export const readsUnasked: Layer<'call'> = {
  step: 6, name: 'reads_unasked', onFault,
  decide(ctx) {
    // @ts-expect-error it did not ask for the caller, so there may be none
    return ctx.caller.spiffeId === '' ? PASS : onFault;
  },
};

export const answersNothing: Layer = {
  step: 1, name: 'answers_nothing', onFault,
  // @ts-expect-error a layer says PASS or a refusal
  decide() {
    return undefined;
  },
};

// @ts-expect-error a layer declares what its fault means
export const hasNoFaultVerdict: Layer = { step: 1, name: 'has_no_fault_verdict', decide: () => PASS };

// @ts-expect-error a refusal's code is one of the table's
export const unknownCode = deny('no_such_code');

/** What may: the facts asked for are there, the ones added can be written. */
export function goodLayer(ctx: Ctx<'caller', 'tool'>): string {
  ctx.tool = 'none';
  return ctx.caller.spiffeId;
}
