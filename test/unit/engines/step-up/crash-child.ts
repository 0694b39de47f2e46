// The process that approvals-crash.test.ts kills: walks one grant from request to use, and dies by SIGKILL after the step it is told.
// argv: state folder, the step to die after. Writes to `sent` what a real gateway would have sent upstream, only after consume said yes.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApprovalStore } from '../../../../src/engines/step-up/approvals-store.js';
import { keepArguments } from '../../../../src/engines/step-up/arguments-shown.js';
import { loadPublicKeys, signDecision } from '../../../../src/engines/step-up/approver-keys.js';

const [, , dir = '', dieAfter = ''] = process.argv;
const NOW = 1_000_000_000;
const approvers = join(dir, 'approvers');
const binding = { caller: 'spiffe://poc.local/agents/mcp-client/my-agent/dev', tool: 'bash', toolHash: 'h', upstream: 'u', argumentsDigest: 'd', mcpSession: undefined };

function after(step: string): void {
  if (step === dieAfter) process.kill(process.pid, 'SIGKILL');
}

const store = openApprovalStore({ path: join(dir, 'approvals.sqlite'), requestTtlMs: 60_000, grantTtlMs: 60_000, pendingPerCallerMax: 10, approvers: () => loadPublicKeys(approvers), nowMs: NOW });
after('open');

/** One round: use a grant if there is one, else ask for one and approve it. */
function round(): void {
  const result = store.reserveOrRequest(binding, 8, keepArguments('{}'), NOW);
  after(result.kind === 'reserved' ? 'reserve' : 'request');
  if (result.kind === 'reserved') {
    if (store.consume(result.requestId, result.token, NOW)) {
      after('consume');
      appendFileSync(join(dir, 'sent'), `${result.requestId}\n`);
      after('send');
    }
    return;
  }
  const request = store.get(result.requestId, NOW);
  if (request === undefined) return;
  store.decide(request.id, 'approve', 'alice', signDecision(approvers, 'alice', undefined, request, 'approve'), undefined, NOW);
  after('decide');
}

process.stdout.write('ready\n');
const rounds = dieAfter === 'never' ? 100_000 : 2;
for (let n = 0; n < rounds; n += 1) round();
