// Approval requests: list, look, decide. A decision is signed by its approver; the gateway holds public keys only.
import { unseenCharacters } from '../engines/step-up/arguments-shown.js';
import type { ApprovalRequest, DecideResult, Untold } from '../engines/step-up/types.js';
import { memberOf, optionalText, textMember } from './reading.js';
import type { ControlParts } from './parts.js';
import { ControlFault, type Route } from './server.js';

const STATES: readonly ApprovalRequest['state'][] = ['pending', 'approved', 'denied', 'reserved', 'consumed', 'expired'];

const REFUSALS: Readonly<Record<Exclude<DecideResult['kind'], 'ok'>, readonly [status: number, message: string, remediation: string]>> = {
  unknown_request: [404, 'there is no such approval request', 'See agw approvals list.'],
  already_decided: [409, 'the request has been decided already', 'See agw approvals list.'],
  expired: [410, 'the request has expired', 'Let the agent repeat its call: that opens a new request.'],
  unknown_approver: [403, 'the gateway does not know this approver', 'Add one with agw approver add NAME.'],
  bad_signature: [403, 'the signature is not this approver\'s', 'Use the key agw approver add made.'],
  self_approval: [403, 'nobody decides on their own request', 'Ask another approver.'],
};

export function approvalRoutes(parts: ControlParts): Route[] {
  return [
    {
      method: 'GET', path: '/v1/approvals',
      answer: ({ query }) => {
        const state = stateOf(query.get('state'));
        return { status: 200, json: { approvals: parts.approvals.list(state, parts.clock.nowMs()), total: parts.approvals.count(state) } };
      },
    },
    {
      method: 'GET', path: '/v1/approvals/*',
      answer: ({ name }) => {
        const request = parts.approvals.get(name, parts.clock.nowMs());
        if (request === undefined) throw new ControlFault(404, 'unknown_request', 'there is no such approval request', { remediation: 'See agw approvals list.' });
        return { status: 200, json: { approval: request } };
      },
    },
    { method: 'POST', path: '/v1/approvals/*/decide', answer: ({ name, body }) => decide(parts, name, body) },
  ];
}

async function decide(parts: ControlParts, id: string, body: unknown): Promise<{ status: number; json: unknown }> {
  const decision = textMember(body, 'decision');
  if (decision !== 'approve' && decision !== 'deny') throw new ControlFault(400, 'member_wrong', 'decision must be approve or deny');
  if (decision === 'approve' && memberOf(body, 'accept_unseen') !== true) refuseUnseen(parts.approvals.get(id, parts.clock.nowMs()));
  const audit = await parts.audit();
  if (!audit.healthy) throw new ControlFault(503, 'audit_unavailable_fail_closed', `nothing was decided: the audit log is failing (${audit.because})`, { remediation: 'See agw status and free its disk, then decide again.' });
  const result = parts.approvals.decide(id, decision, textMember(body, 'approver'), textMember(body, 'signature'), optionalText(body, 'reason'), parts.clock.nowMs());
  if (result.kind === 'ok') {
    // Of an approval that is never used, and of a denial, no call's record would tell.
    await tell(parts, { what: 'decided', request: result.request }).catch((fault: unknown) => {
      throw new ControlFault(503, 'decision_unrecorded', `the decision stands, but its line could not be written to the audit log: ${fault instanceof Error ? fault.message : String(fault)}`, { remediation: 'See agw status and agw approvals show.' });
    });
    return { status: 200, json: { approval: result.request } };
  }
  const [status, message, remediation] = REFUSALS[result.kind];
  throw new ControlFault(status, result.kind, message, { remediation });
}

/** Nobody approves without knowing it what nobody can look at. */
function refuseUnseen(request: ApprovalRequest | undefined): void {
  if (request?.state !== 'pending' || unseenCharacters(request) === 0) return;
  throw new ControlFault(409, 'arguments_unseen', 'not all of the arguments are kept to be looked at', { remediation: 'Deny the request, or approve with --unseen what nobody has seen.' });
}

function stateOf(text: string | null): ApprovalRequest['state'] | undefined {
  if (text === null || text === 'all') return undefined;
  const state = STATES.find((one) => one === text);
  if (state === undefined) throw new ControlFault(400, 'member_wrong', `state must be one of ${STATES.join(', ')}, all`);
  return state;
}

/** Writes its line, and then takes it for told. Rejects while the log fails. */
export async function tell({ event, approvals }: Pick<ControlParts, 'event' | 'approvals'>, { what, request }: Untold): Promise<void> {
  const { id, caller, tool, decidedBy, reason, state } = request;
  const decision: Readonly<Record<string, string>> = what === 'spent' ? {} : { decision: state === 'denied' ? 'deny' : 'approve' };
  await event(`approval_${what}`, { request_id: id, ...decision, approver: decidedBy ?? '', caller, tool, ...(what === 'spent' || reason === undefined ? {} : { reason }) });
  approvals.told(id, what);
}
