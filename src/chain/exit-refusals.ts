// What the exit itself refuses with, and under which id: nothing of the request is wrong. Whoever reads one must know whether the call may have run.
import { reasonText } from '../base/errors/reasons.js';
import type { EndCause } from '../front/types.js';
import type { Context } from './context.js';
import { deny, type Deny } from './verdict.js';

interface Stopped {
  readonly beforeTheWire: Deny;
  readonly after: Deny;
}

export const STOPPED: Readonly<Record<EndCause, Stopped>> = { shutdown: stopped('shutdown', 'The gateway stopped'), certificates_replaced: stopped('certificates_replaced', 'The gateway\'s certificates were replaced, and the connection ended') };
/** A 503 would say that nothing was forwarded, and clients repeat what did not run. */
export const UNRECORDED = Object.freeze(deny('gateway_fault', {
  reasonCode: 'answer_unrecorded', message: 'The call was forwarded, but its answer could not be recorded and is withheld.', remediation: 'Find out what the call did before you repeat it. Check the audit disk: agw doctor.',
}));
/** Its time ran out while the call was on its way through the later layers. */
export const GRANT_NOT_USABLE = Object.freeze(deny('stepup_denied', { reasonCode: 'grant_not_usable', ...reasonText('stepup_denied', 'grant_not_usable') }));

/** What is no call may still have an id to answer under. An answer's id is its server's: among many messages a refusal under it would pass for another answer. */
export function answeredId(call: Context['call'], refusal: Deny, amongMany: boolean): string | undefined {
  if (call?.kind === 'response' && amongMany) return undefined;
  return call?.idText ?? refusal.protocol?.idText;
}

function stopped(reasonCode: EndCause, what: string): Stopped {
  return Object.freeze({
    beforeTheWire: Object.freeze(deny('gateway_fault', { reasonCode, message: `${what} before the call was decided. Nothing was forwarded.`, remediation: 'Call again.' })),
    after: Object.freeze(deny('gateway_fault', { reasonCode, message: `${what} before the answer came. What became of the call is not known.`, remediation: 'Find out what the call did before you repeat it.' })),
  });
}
