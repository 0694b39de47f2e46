// The worked adapter, over HTTP, does every duty of the contract; and adapters that do not are found.
import { holdToContract, type Kit, type Mutant, type Session, type Surroundings } from './held-to.js';

type Outcome = Readonly<Record<string, unknown>>;

/** A session whose calls end otherwise. */
function ending(change: (outcome: Outcome) => Outcome): Mutant['connect'] {
  return async (kit, { adapter }, agent, on) => {
    const session = await kit.connect(adapter, agent, on);
    return { ...session, call: (...given: Parameters<Session['call']>) => {
      const call = session.call(...given);
      return { ...call, outcome: call.outcome.then(change) };
    } };
  };
}

/** A session whose calls begin otherwise. */
function beginning(change: (session: Session, ...given: Parameters<Session['call']>) => ReturnType<Session['call']>): Mutant['connect'] {
  return async (kit, { adapter }, agent, on) => {
    const session = await kit.connect(adapter, agent, on);
    return { ...session, call: (...given: Parameters<Session['call']>) => change(session, ...given) };
  };
}

const asAlpha = (kit: Kit, { adapter, agents }: Surroundings, _agent: unknown, on?: unknown): Promise<Session> => kit.connect(adapter, agents.alpha, on);
const without = (...members: readonly string[]) => (outcome: Outcome): Outcome => Object.fromEntries(Object.entries(outcome).filter(([name]) => !members.includes(name)));

await holdToContract('kits/courier-http.mjs', [
  { what: 'that calls as one agent for all', foundBy: ['identity/forwarded', 'identity/not-mixed', 'identity/unknown', 'identity/list'], connect: asAlpha },
  { what: 'that calls twice', foundBy: ['identity/audit', 'identity/not-mixed'], connect: beginning((session, ...given) => {
    const first = session.call(...given);
    return { ...first, outcome: first.outcome.then(() => session.call(...given).outcome) };
  }) },
  { what: 'that loses the decision id', foundBy: ['refusal/whole'], connect: ending(without('decisionId')) },
  { what: 'that loses the remedy', foundBy: ['refusal/whole'], connect: ending(without('remediation')) },
  { what: 'that loses the reason', foundBy: ['refusal/reason'], connect: ending(without('reason')) },
  { what: 'that keeps the wait to itself', foundBy: ['refusal/rate-limit'], connect: ending(without('retryAfterMs')) },
  { what: 'that makes a success of a tool\'s error', foundBy: ['call/tool-error'], connect: ending((outcome) => ({ ...outcome, isError: false })) },
  { what: 'that makes text of data', foundBy: ['call/data'], connect: ending(({ data, ...rest }) => ({ ...rest, data: JSON.stringify(data) })) },
  { what: 'that rewrites arguments', foundBy: ['call/arguments'], connect: beginning((session, action, input, on) => session.call(action, { ...(input as object), zero: '0' }, on)) },
  { what: 'that drops progress', foundBy: ['call/progress'], connect: beginning((session, action, input) => session.call(action, input)) },
  { what: 'that begins a trace of its own', foundBy: ['call/trace'], connect: beginning((session, action, input) => session.call(action, input)) },
  { what: 'that only says that it cancels', foundBy: ['call/cancel'], connect: beginning((session, ...given) => ({ ...session.call(...given), outcome: Promise.resolve({ kind: 'cancelled' }), cancel: () => Promise.resolve() })) },
  { what: 'that calls everything repeatable', foundBy: ['refusal/whole', 'call/protocol-error'], connect: ending((outcome) => ({ ...outcome, retryable: true })) },
]);
