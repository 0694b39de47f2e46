// An approver's key in <state_dir>/approvers, and the signature over a decision.
import { join } from 'node:path';
import type { ApprovalRequest } from '../engines/step-up/types.js';
import type { CommandContext } from './command.js';
import { CliFailure } from './failure.js';
import { readHiddenLine } from './prompt.js';
import { numberOf, textOf, type JsonRecord } from './reading.js';

export interface ApproverKey {
  readonly name: string;
  sign(request: JsonRecord, decision: 'approve' | 'deny'): Promise<string>;
}

export function approverFolder({ project }: Pick<CommandContext, 'project'>): string {
  return join(project.stateDir, 'approvers');
}

/** `name` undefined: the only private key here. */
export async function findApproverKey(context: CommandContext, name: string | undefined): Promise<ApproverKey> {
  const { listApprovers, signDecision } = await import('../engines/step-up/approver-keys.js');
  const dir = approverFolder(context);
  const withKeys = listApprovers(dir).filter((approver) => approver.hasKey);
  const chosen = name === undefined ? onlyOne(withKeys) : withKeys.find((approver) => approver.name === name);
  if (chosen === undefined) throw new CliFailure(`there is no key of an approver named ${name ?? ''} here.`, { remedy: `Make one: agw approver add ${name ?? 'NAME'}`, code: 'unknown_approver' });
  return {
    name: chosen.name,
    sign: async (request, decision) => {
      const passphrase = chosen.sealed ? await readHiddenLine(context.terminal, `passphrase of ${chosen.name}`) : undefined;
      return signDecision(dir, chosen.name, passphrase, requestOf(request), decision);
    },
  };
}

function onlyOne<T extends { readonly name: string }>(approvers: readonly T[]): T {
  const [first] = approvers;
  if (first === undefined) throw new CliFailure('nobody can approve yet: there is no approver key here.', { remedy: 'Make one: agw approver add NAME', code: 'unknown_approver' });
  if (approvers.length > 1) throw new CliFailure('there are several approvers here.', { remedy: `Say which: --as ${approvers.map((approver) => approver.name).join('|')}` });
  return first;
}

/** From the control API's JSON. What is missing stays empty: then the signature does not verify, and the gateway refuses. */
function requestOf(json: JsonRecord): ApprovalRequest {
  const session = textOf(json, 'mcpSession');
  return {
    id: textOf(json, 'id'),
    caller: textOf(json, 'caller'),
    tool: textOf(json, 'tool'),
    toolHash: textOf(json, 'toolHash'),
    upstream: textOf(json, 'upstream'),
    argumentsDigest: textOf(json, 'argumentsDigest'),
    mcpSession: session === '' ? undefined : session,
    createdMs: numberOf(json, 'createdMs') ?? 0,
    expiresMs: numberOf(json, 'expiresMs') ?? 0,
    score: numberOf(json, 'score') ?? 0,
    state: 'pending',
    decidedBy: undefined,
    decidedMs: undefined,
    reason: undefined,
    argumentsPreview: textOf(json, 'argumentsPreview'),
  };
}
