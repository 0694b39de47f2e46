// The gateway's side: for each agent one client with that agent's evidence, and what Courier asks in terms of tools/list and tools/call.
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { GatewayClient, TransportError, type ApprovalRequest, type ToolEvent, type ToolResult } from '@precinct/sdk';
import type { Agent } from './agents.js';
import type { Config } from './config.js';
import type { Log } from './log.js';
import type { JsonRecord } from './protocol.js';
import { faultOf } from './refusals.js';

const MS_PER_SECOND = 1000;
const TOOLS_CHANGED = 'notifications/tools/list_changed';
const LISTENING = 'notifications/subscriptions/acknowledged';

/** The traceparent of the native request that is being served, as it came: what it asks of the gateway goes on in that trace. */
export const trace = new AsyncLocalStorage<unknown>();

export interface Approval {
  readonly request_id: string;
  /** What an approver runs. */
  readonly command: string | undefined;
  readonly expires_at: string | undefined;
}

export type CallEvent =
  | { readonly event: 'progress'; readonly done: number | undefined; readonly total: number | undefined; readonly note: string | undefined }
  | { readonly event: 'log'; readonly level: string; readonly data: unknown }
  | { readonly event: 'pending'; readonly approval: Approval };

export interface Output {
  /** `failed`: the tool ran, and says so itself. */
  readonly status: 'succeeded' | 'failed';
  readonly output: { readonly text: string; readonly data: unknown; readonly parts: readonly unknown[] };
  readonly trace_id: string;
}

export interface Listed {
  readonly action: string;
  readonly title: unknown;
  readonly about: unknown;
  readonly input_schema: unknown;
}

/** Waited for before more is read from the gateway. */
type Take = (event: CallEvent) => Promise<void>;

export class Gateways {
  readonly #config: Config;
  readonly #log: Log;
  readonly #byAgent = new Map<Agent, AgentGateway>();

  constructor(config: Config, log: Log) {
    this.#config = config;
    this.#log = log;
  }

  /** One client an agent, so that no call can go out under another's name. */
  of(agent: Agent): AgentGateway {
    const known = this.#byAgent.get(agent);
    if (known !== undefined) return known;
    try {
      const made = new AgentGateway(agent, this.#config, this.#log);
      this.#byAgent.set(agent, made);
      return made;
    } catch (fault) {
      this.#log('evidence_refused', { agent: agent.spiffeId, why: fault instanceof Error ? fault.message : 'unknown' }); // the SDK's texts hold no credential
      throw fault;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byAgent.values()].map((one) => one.close()));
  }
}

export class AgentGateway {
  readonly #agent: Agent;
  readonly #client: GatewayClient;
  readonly #config: Config;
  readonly #log: Log;
  readonly #watchers = new Set<() => void>();
  #watching: AbortController | undefined;

  constructor(agent: Agent, config: Config, log: Log) {
    this.#agent = agent;
    this.#config = config;
    this.#log = log;
    this.#client = new GatewayClient({
      gatewayUrl: config.gatewayUrl, ...agent.evidence, clientName: 'courier-adapter', clientVersion: '1.0.0',
      maxRetries: 0, // the agents' own clients retry: one action is one request, and one record
      timeout: config.bounds.call_timeout_ms / MS_PER_SECOND, maxAnswerBytes: config.bounds.answer_bytes,
      traceparent: givenTrace,
    });
  }

  async list(signal: AbortSignal): Promise<readonly Listed[]> {
    const tools = await this.#client.listTools({ signal });
    return tools.map(({ name, title, description, inputSchema }) => ({ action: name, title, about: description, input_schema: inputSchema }));
  }

  async invoke(action: string, input: JsonRecord, take: Take, signal: AbortSignal): Promise<Output> {
    const onApprovalRequested = ({ requestId, command, expiresAt }: ApprovalRequest): void => {
      void take({ event: 'pending', approval: { request_id: requestId, command, expires_at: expiresAt } }).catch(() => undefined); // whoever can be told nothing ends the call himself
    };
    for await (const event of this.#client.streamTool(action, input, { signal, waitForApproval: this.#config.bounds.approval_wait_s, onApprovalRequested })) {
      if (event.type === 'result') return outputOf(event.result);
      const told = eventOf(event);
      if (told !== undefined) await take(told);
    }
    throw new TransportError('The stream ended without a result.', { kind: 'answer', mayHaveRun: true });
  }

  /** Calls when the list of tools may be another, until the signal. All that listen to one agent's share one subscription. */
  watch(onChange: () => void, signal: AbortSignal): void {
    this.#watchers.add(onChange);
    signal.addEventListener('abort', () => {
      this.#watchers.delete(onChange);
      if (this.#watchers.size === 0) this.#watching?.abort();
    }, { once: true });
    if (this.#watching !== undefined && !this.#watching.signal.aborted) return;
    this.#watching = new AbortController();
    void this.#follow(this.#watching.signal);
  }

  /** A stream that ends is opened again, and what was missed meanwhile counts as a change. */
  async #follow(signal: AbortSignal): Promise<void> {
    for (let opened = 0; !signal.aborted; opened++) {
      try {
        if (opened > 0) await sleep(this.#config.bounds.watch_retry_s * MS_PER_SECOND, undefined, { signal, ref: false });
        for await (const { method } of this.#client.listen({ toolsListChanged: true }, { signal })) {
          if (method === TOOLS_CHANGED || (opened > 0 && method === LISTENING)) for (const onChange of this.#watchers) onChange();
        }
      } catch (fault) {
        const { body } = faultOf(fault);
        if (!signal.aborted) this.#log('watch_lost', { agent: this.#agent.spiffeId, code: body.code });
        if (body.type === 'denied') return this.#watching?.abort(); // until the next session asks
      }
    }
  }

  async close(): Promise<void> {
    this.#watching?.abort();
    await this.#client.close();
  }
}

function outputOf({ content, structuredContent, isError, text, traceId }: ToolResult): Output {
  return { status: isError ? 'failed' : 'succeeded', output: { text, data: structuredContent, parts: content }, trace_id: traceId };
}

/** Of a text that is none the SDK begins a new trace, as W3C Trace Context has it. */
function givenTrace(): string | undefined {
  const given = trace.getStore();
  return typeof given === 'string' ? given : undefined;
}

/** Undefined = Courier has no such event. */
function eventOf(event: Exclude<ToolEvent, { type: 'result' }>): CallEvent | undefined {
  if (event.type === 'progress') return { event: 'progress', done: event.progress, total: event.total, note: event.message };
  return event.type === 'log' ? { event: 'log', level: event.level, data: event.data } : undefined;
}
