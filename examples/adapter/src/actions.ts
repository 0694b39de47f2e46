// Calls under way, over either transport: each has an id, a state that can be asked for, a way to stop it and a bounded life.
import { randomUUID } from 'node:crypto';
import type { Agent, Agents } from './agents.js';
import type { Bounds } from './config.js';
import type { Approval, CallEvent, Gateways, Output } from './gateway.js';
import type { Log } from './log.js';
import { busy, CANCELLED, CourierFault, type ErrorBody, type Invocation } from './protocol.js';
import { faultOf } from './refusals.js';

const MS_PER_SECOND = 1000;

/** What both transports work with. */
export interface Parts {
  readonly agents: Agents;
  readonly gateways: Gateways;
  readonly actions: Actions;
  readonly bounds: Bounds;
  readonly log: Log;
}

/** Takes an event; what it returns is waited for before more is read from the gateway. */
export type Sink = (event: CallEvent) => Promise<void> | void;
type Progress = Extract<CallEvent, { event: 'progress' }>;

export interface ActionDocument {
  readonly id: string;
  readonly action: string;
  readonly status: 'running' | 'pending' | 'succeeded' | 'failed' | 'error';
  readonly progress?: Progress | undefined;
  readonly approval?: Approval | undefined;
  readonly output?: Output['output'];
  readonly trace_id?: string | undefined;
  readonly error?: ErrorBody;
}

export class Action {
  readonly id = `act_${randomUUID()}`;
  readonly agent: Agent;
  readonly name: string;
  /** Never rejects. */
  readonly settled: Promise<void>;
  /** Resolves when a person is asked; never where nobody is. */
  readonly asked: Promise<void>;
  readonly #stop = new AbortController();
  #approval: Approval | undefined;
  #progress: Progress | undefined;
  #outcome: Output | CourierFault | undefined;

  constructor(agent: Agent, { action, input }: Invocation, gateways: Gateways, sink: Sink) {
    this.agent = agent;
    this.name = action;
    let tellAsked: () => void = () => undefined;
    this.asked = new Promise((resolve) => { tellAsked = resolve; });
    const take = async (event: CallEvent): Promise<void> => {
      if (event.event === 'progress') this.#progress = event;
      if (event.event === 'pending') {
        this.#approval = event.approval;
        tellAsked();
      }
      await sink(event);
    };
    this.settled = gateways.of(agent).invoke(action, input, take, this.#stop.signal)
      .catch((fault: unknown) => (this.#stop.signal.aborted ? CANCELLED : faultOf(fault)))
      .then((outcome) => { this.#outcome = outcome; });
  }

  get wasAsked(): boolean {
    return this.#approval !== undefined;
  }

  get hasSettled(): boolean {
    return this.#outcome !== undefined;
  }

  /** False where there is nothing left to stop. */
  cancel(): boolean {
    if (this.hasSettled) return false;
    this.#stop.abort();
    return true;
  }

  document(): ActionDocument {
    const about = { id: this.id, action: this.name };
    if (this.#outcome === undefined) return { ...about, status: this.#approval === undefined ? 'running' : 'pending', progress: this.#progress, approval: this.#approval };
    return { ...about, ...(this.#outcome instanceof CourierFault ? { status: 'error' as const, error: this.#outcome.body } : this.#outcome) };
  }

  /** The document at the end; throws what the action failed with. */
  async answer(): Promise<ActionDocument> {
    await this.settled;
    if (this.#outcome instanceof CourierFault) throw this.#outcome;
    return this.document();
  }
}

export class Actions {
  readonly #gateways: Gateways;
  readonly #bounds: Bounds;
  readonly #log: Log;
  readonly #byId = new Map<string, Action>();
  #stopping = false;

  constructor(gateways: Gateways, bounds: Bounds, log: Log) {
    this.#gateways = gateways;
    this.#bounds = bounds;
    this.#log = log;
  }

  start(agent: Agent, invocation: Invocation, sink: Sink, keep: 'if_asked' | 'never'): Action {
    if (this.#stopping) throw new CourierFault(503, { type: 'unavailable', code: 'adapter_stopping', message: 'The adapter is stopping. Nothing has run.', remediation: 'Send it again.', retryable: true, retry_after_ms: MS_PER_SECOND });
    const own = [...this.#byId.values()].filter((one) => one.agent.spiffeId === agent.spiffeId);
    const settled = own.filter(({ hasSettled }) => hasSettled);
    if (own.length - settled.length >= this.#bounds.calls_per_agent) throw busy('actions');
    if (settled.length >= this.#bounds.calls_per_agent) this.#byId.delete(settled[0]?.id ?? ''); // the oldest that is only kept for polling
    const action = new Action(agent, invocation, this.#gateways, sink);
    this.#byId.set(action.id, action);
    void action.settled.then(() => {
      const { status, error } = action.document();
      this.#log('action', { agent: agent.spiffeId, action: action.name, id: action.id, outcome: error?.code ?? status, decision_id: error?.decision_id });
      const forget = (): void => void this.#byId.delete(action.id);
      if (keep === 'if_asked' && action.wasAsked) setTimeout(forget, this.#bounds.kept_result_s * MS_PER_SECOND).unref();
      else forget();
    });
    return action;
  }

  /** Another agent's action is none. */
  find(agent: Agent, id: string): Action {
    const action = this.#byId.get(id);
    if (action === undefined || action.agent.spiffeId !== agent.spiffeId) throw new CourierFault(404, { type: 'not_found', code: 'unknown_action', message: 'No such action of this agent: it has ended, or never was.' });
    return action;
  }

  /** Lets run what ends within the grace, and cancels the rest. */
  async close(): Promise<void> {
    this.#stopping = true;
    const all = Promise.all([...this.#byId.values()].map(({ settled }) => settled));
    const late = setTimeout(() => { for (const action of this.#byId.values()) action.cancel(); }, this.#bounds.shutdown_grace_s * MS_PER_SECOND);
    await all;
    clearTimeout(late);
  }
}
