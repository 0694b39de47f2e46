// A server of 2026-07-28 answers with a question (MRTR); a client with a handshake is asked it on the call's own stream, and the call is sent again with
// its answers (2026-07-28, basic/patterns/mrtr).
import { memberAt, memberOf, stringAt, textAt } from '../base/json/members.js';
import { memberSpans } from '../base/json/spans.js';
import type { Exchange } from '../chain/exchange.js';
import type { UpstreamWork } from '../chain/upstream-work.js';
import { deny, type Deny } from '../chain/verdict.js';
import type { McpSession, RunningCall } from '../engines/mcp-session/types.js';
import { SSE_HEADERS } from '../mcp/media-types.js';
import { dataEvent, KEEP_ALIVE, KEEP_ALIVE_MS } from '../mcp/message-events.js';
import { comparableId } from '../mcp/message-id.js';
import { HTTP_OK } from './answers.js';
import { awaitAnswer, forgetAnswer } from './asked.js';
import { clientFacts } from './client-facts.js';
import type { Leg, TerminalServices } from './services.js';
import { judgeRepetition } from './sends-out.js';
import { endWithRefusal } from './stream-refusal.js';

const ROUNDS_MAX = 16; // questions about one call, one after another; a server that asks more will not come to an end
const QUESTIONS_MAX = 32; // of one round
/** What a question needs of the client's capabilities. */
const CAPABILITY_OF: ReadonlyMap<string, string> = new Map([['elicitation/create', 'elicitation'], ['sampling/createMessage', 'sampling'], ['roots/list', 'roots']]);
/** What a client that answers elicitation/create with an error would have said. */
const CANCELLED = '{"action":"cancel"}';

/** What goes with the call when it is sent again. */
export interface InputRound {
  /** Texts of members of params. */
  readonly members: readonly string[];
  readonly count: number;
}

interface Question {
  readonly asked: readonly { readonly key: string; readonly method: string; readonly paramsText: string | undefined }[];
  /** Raw JSON text. */
  readonly stateText: string | undefined;
}

/** Undefined = the answer is none. */
export function readQuestion(answer: Uint8Array): Question | undefined {
  const result = memberAt(answer, ['result']);
  if (result === undefined || stringAt(answer, memberOf(answer, result, 'resultType')) !== 'input_required') return undefined;
  const requests = memberOf(answer, result, 'inputRequests');
  const asked = requests === undefined ? [] : memberSpans(answer, requests.from, requests.to).map((member) => {
    const method = stringAt(answer, memberOf(answer, member, 'method')) ?? '';
    return { key: textAt(answer, { from: member.keyFrom, to: member.keyTo }), method, paramsText: textAt(answer, memberOf(answer, member, 'params')) };
  });
  return { asked, stateText: textAt(answer, memberOf(answer, result, 'requestState')) };
}

/** `goOn` sends the call again. Whatever else becomes of it ends the request here. */
export function askForInput(exchange: Exchange, services: TerminalServices, leg: Leg, question: Question, rounds: number, goOn: (round: InputRound) => void): void {
  const { mcpSession } = exchange.ctx;
  const refuse = (reasonCode: string, message: string, remediation?: string): void => end(exchange, deny('mcp_request_failed', { reasonCode, message, remediation }));
  if (rounds >= ROUNDS_MAX || question.asked.length > QUESTIONS_MAX) return refuse('input_rounds', 'The tool server asks for input again and again.');
  if (question.asked.length > 0 && (mcpSession === undefined || mcpSession === 'none' || !exchange.readsEvents || !question.asked.every(({ method }) => canAnswer(exchange, method, services)))) {
    return refuse('input_required', 'The tool server asks for input that this client did not say it can give.', 'Initialize with the capability, and accept text/event-stream.');
  }
  const refusal = judgeRepetition(exchange.ctx, leg.url, question.asked.length === 0 ? 'none' : 'to_come', services);
  if (refusal !== undefined) return end(exchange, refusal);
  new Asking(exchange, services, leg, question, rounds, goOn, mcpSession === 'none' ? undefined : mcpSession).begin();
}

function canAnswer(exchange: Exchange, method: string, services: TerminalServices): boolean {
  const capability = CAPABILITY_OF.get(method);
  return capability !== undefined && memberAt(Buffer.from(clientFacts(exchange.ctx, services.version).capabilities), [capability]) !== undefined;
}

function end(exchange: Exchange, refusal: Deny): void {
  if (exchange.streams) endWithRefusal(exchange, exchange.ctx.call?.idText ?? 'null', refusal);
  else exchange.refuse(refusal);
}

class Asking implements UpstreamWork {
  readonly #exchange: Exchange;
  readonly #services: TerminalServices;
  readonly #leg: Leg;
  readonly #question: Question;
  readonly #rounds: number;
  readonly #goOn: (round: InputRound) => void;
  readonly #session: McpSession | undefined;
  readonly #running: RunningCall;
  /** The ids the client was asked under, and its answers by key. */
  readonly #ids: string[] = [];
  readonly #answers = new Map<string, string>();
  readonly #stops: (() => void)[] = [];
  readonly #sessionOver = (): void => this.#leave(() => this.#exchange.endStream());
  #over = false;

  constructor(exchange: Exchange, services: TerminalServices, leg: Leg, question: Question, rounds: number, goOn: (round: InputRound) => void, session: McpSession | undefined) {
    this.#exchange = exchange;
    this.#services = services;
    this.#leg = leg;
    this.#question = question;
    this.#rounds = rounds;
    this.#goOn = goOn;
    this.#session = session;
    this.#running = { id: comparableId(exchange.ctx.call?.idText ?? 'null'), server: leg.url, cancelled: () => this.#leave(() => exchange.endStream('client_disconnected')) };
    exchange.work = this;
    session?.began(this.#running);
    session?.closers.add(this.#sessionOver);
  }

  begin(): void {
    if (this.#question.asked.length === 0) this.#next();
    else if (this.#exchange.streams) this.#ask();
    else this.#exchange.beginStream(HTTP_OK, SSE_HEADERS, () => this.#ask());
  }

  clientGone(): void {
    this.#leave(() => this.#exchange.endStream('client_disconnected'));
  }

  giveUp(): void {
    this.#leave(() => undefined);
  }

  decided(): void {
    this.#leave(() => undefined);
  }

  left(): void { /* it keeps little */ }

  #ask(): void {
    if (this.#over) return;
    const waitMs = this.#exchange.ctx.snapshot.config.upstream.idle_timeout_ms;
    this.#stops.push(
      this.#services.every(KEEP_ALIVE_MS, () => void this.#exchange.write(KEEP_ALIVE)),
      this.#services.every(waitMs, () => this.#fail(deny('mcp_timeout', { reasonCode: 'input_required', message: 'The client did not answer the tool server\'s question.' }))),
    );
    for (const asked of this.#question.asked) {
      const idText = this.#claim(asked.key, asked.method);
      if (idText === undefined) return this.#fail(deny('mcp_request_failed', { reasonCode: 'input_required', message: 'Too many questions wait for this client.' }));
      const params = asked.paramsText === undefined ? '' : `,"params":${asked.paramsText}`;
      const request = Buffer.from(`{"jsonrpc":"2.0","id":${idText},"method":${JSON.stringify(asked.method)}${params}}`);
      this.#exchange.serverRequest(asked.method, this.#leg.url, undefined, () => {
        if (!this.#over) this.#exchange.write(dataEvent(request));
      });
    }
  }

  #claim(key: string, method: string): string | undefined {
    if (this.#session === undefined) return undefined;
    const idText = `"precinct-${this.#services.nextId()}"`;
    if (!awaitAnswer(this.#session, idText, (answer) => this.#exchange.guard(() => this.#take(key, method, answer)))) return undefined;
    this.#ids.push(idText);
    return idText;
  }

  #take(key: string, method: string, answer: Uint8Array): void {
    if (this.#over) return;
    const text = textAt(answer, memberAt(answer, ['result']));
    if (text === undefined && method !== 'elicitation/create') return this.#fail(deny('mcp_request_failed', { reasonCode: 'input_refused', message: 'The client answered the tool server\'s question with an error.' }));
    this.#answers.set(key, text ?? CANCELLED);
    if (this.#answers.size === this.#question.asked.length) this.#next();
  }

  #next(): void {
    const { asked, stateText } = this.#question;
    const answers = `{${asked.map(({ key }) => `${key}:${this.#answers.get(key) ?? CANCELLED}`).join(',')}}`;
    // A person may take long to answer: by now the caller may have read what must not go there.
    const refusal = judgeRepetition(this.#exchange.ctx, this.#leg.url, asked.length === 0 ? 'none' : { json: answers }, this.#services);
    if (refusal !== undefined) return this.#fail(refusal);
    const members = [
      ...(asked.length === 0 ? [] : [`"inputResponses":${answers}`]),
      ...(stateText === undefined ? [] : [`"requestState":${stateText}`]),
    ];
    this.#leave(() => this.#goOn({ members, count: this.#rounds + 1 }));
  }

  #fail(refusal: Deny): void {
    this.#leave(() => end(this.#exchange, refusal));
  }

  #leave(then: () => void): void {
    if (this.#over) return;
    this.#over = true;
    for (const stop of this.#stops) stop();
    if (this.#session !== undefined) {
      for (const id of this.#ids) forgetAnswer(this.#session, id);
      this.#session.over(this.#running);
      this.#session.closers.delete(this.#sessionOver);
    }
    then();
  }
}
