// POST /v1/chat/completions: the model is asked, its calls of the gateway's tools are made and given back to it, until it answers or asks for a tool of the client's own.
import { ApiError } from './errors.mjs';
import { added, clientToolsOf, governedTools, request, without } from './turns.mjs';

const PATH = '/chat/completions';

/**
 * @typedef {{ id: string, type?: string, function?: { name: string, arguments: string }, custom?: { name: string, input: string } }} ToolCall
 * @typedef {{ content?: string | null, tool_calls?: ToolCall[] }} Message
 */

/** @param {import('./turns.mjs').Turn} turn */
export async function chatCompletion(turn) {
  const { ledger } = turn;
  const { base, messages, tools } = await begin(turn);
  /** @type {unknown} */
  let usage;
  for (let round = 0; ; round += 1) {
    const isLast = round >= turn.limits.rounds;
    const answer = await turn.model.ask(PATH, request(base, { messages }, round, isLast), turn.signal);
    usage = added(usage, answer['usage']);
    const choice = /** @type {{ message?: Message, finish_reason?: string }[] | undefined} */ (answer['choices'])?.[0];
    const message = choice?.message ?? {};
    const { governed, own } = parted(message.tool_calls ?? [], tools);
    if (ledger.isOver(governed.map(nameOf), own, isLast)) {
      const shown = { ...without(message, ['tool_calls']), ...(own.length === 0 ? {} : { tool_calls: own }) };
      const finish = governed.length > 0 && own.length === 0 ? 'stop' : choice?.finish_reason;
      return { ...answer, choices: [{ ...choice, message: shown, finish_reason: finish }], ...(usage === undefined ? {} : { usage }), ...(ledger.member === undefined ? {} : { precinct: ledger.member }) };
    }
    await run(turn, { tools, messages }, message, governed);
  }
}

/** @param {import('./turns.mjs').Turn} turn @returns {AsyncGenerator<Record<string, unknown>, void, undefined>} */
export async function* chatCompletionChunks(turn) {
  const { ledger } = turn;
  const { base, messages, tools } = await begin(turn);
  const wantsUsage = /** @type {{ include_usage?: boolean } | undefined} */ (turn.body['stream_options'])?.include_usage === true;
  /** @type {Record<string, unknown> | undefined} */
  let head;
  /** @type {unknown} */
  let usage;
  for (let round = 0; ; round += 1) {
    const isLast = round >= turn.limits.rounds;
    const asked = { ...request(base, { messages }, round, isLast), stream: true, ...(turn.body['stream_options'] === undefined ? {} : { stream_options: turn.body['stream_options'] }) };
    /** @type {ToolCall[]} */
    const pieced = [];
    let [content, finish] = ['', /** @type {unknown} */ (null)];
    for await (const chunk of turn.model.stream(PATH, asked, turn.signal)) {
      if (chunk['error'] !== undefined && chunk['error'] !== null) throw new ApiError(502, 'model_error', 'The model server broke off with an error.');
      usage = added(usage, chunk['usage'] ?? undefined);
      head ??= without(chunk, ['choices', 'usage']);
      const choice = /** @type {{ delta?: Record<string, unknown>, finish_reason?: unknown }[] | undefined} */ (chunk['choices'])?.[0];
      if (choice === undefined) continue;
      const { tool_calls: pieces, role, ...delta } = choice.delta ?? {};
      collect(pieced, pieces);
      content += typeof delta['content'] === 'string' ? delta['content'] : '';
      finish = choice.finish_reason ?? finish;
      const shown = { ...(role === undefined || round > 0 ? {} : { role }), ...delta };
      if (Object.keys(shown).length > 0) yield { ...head, choices: [{ ...choice, delta: shown, finish_reason: null }] };
    }
    if (finish === null) throw new ApiError(502, 'model_invalid_answer', 'The model server\'s stream ended before its answer was complete.'); // half a call is not made
    const calls = pieced.filter((call) => call !== undefined); // some servers count from 1
    const { governed, own } = parted(calls, tools);
    if (ledger.isOver(governed.map(nameOf), own, isLast)) {
      if (own.length > 0) yield { ...head, choices: [{ index: 0, delta: { tool_calls: own.map((call, index) => ({ index, ...call })) }, finish_reason: null }] };
      yield { ...head, choices: [{ index: 0, delta: {}, finish_reason: governed.length > 0 && own.length === 0 ? 'stop' : finish }], ...(ledger.member === undefined ? {} : { precinct: ledger.member }) };
      if (wantsUsage && usage !== undefined) yield { ...head, choices: [], usage };
      return;
    }
    await run(turn, { tools, messages }, { content: content === '' ? null : content, tool_calls: calls }, governed);
  }
}

/** @param {import('./turns.mjs').Turn} turn */
async function begin(turn) {
  const { body } = turn;
  if (!Array.isArray(body['messages'])) throw new ApiError(400, 'invalid_messages', 'messages must be an array.', { param: 'messages' });
  if (body['n'] !== undefined && body['n'] !== null && body['n'] !== 1) throw new ApiError(400, 'unsupported_parameter', 'n must be 1: tools are called for one answer, not for several that may never be read.', { param: 'n' });
  for (const param of ['web_search_options', 'functions', 'function_call']) if (body[param] !== undefined) throw new ApiError(400, 'unsupported_parameter', param === 'web_search_options' ? 'What the model server runs by itself would not cross the gateway.' : `${param} is of old: say it with tools.`, { param });
  const own = clientToolsOf(body);
  const tools = await governedTools(turn, own);
  const offered = [...own, ...tools.definitions().map((definition) => ({ type: 'function', function: definition }))];
  return { base: { ...without(body, ['stream', 'stream_options', 'tools']), ...(offered.length === 0 ? {} : { tools: offered }) }, messages: [...body['messages']], tools };
}

/** @param {import('./turns.mjs').Turn} turn @param {{ tools: import('./governed-tools.mjs').GovernedTools, messages: unknown[] }} so @param {Message} message @param {readonly ToolCall[]} calls */
async function run({ ledger, signal }, { tools, messages }, message, calls) {
  const done = await tools.callAll(calls.map((call) => ({ id: call.id, name: nameOf(call), arguments: call.function?.arguments ?? '' })), signal);
  ledger.add(done.map(({ report }) => report));
  messages.push({ role: 'assistant', ...message }, ...done.map(({ output, report }) => ({ role: 'tool', tool_call_id: report.id, content: output })));
}

/** @param {readonly ToolCall[]} calls @param {import('./governed-tools.mjs').GovernedTools} tools */
function parted(calls, tools) {
  const isGoverned = (/** @type {ToolCall} */ call) => call.function !== undefined && tools.has(call.function.name);
  return { governed: calls.filter(isGoverned), own: calls.filter((call) => !isGoverned(call)) };
}

/** @param {ToolCall} call */
function nameOf(call) {
  return call.function?.name ?? '';
}

/** Calls come in pieces: the name first, then the arguments bit by bit. @param {ToolCall[]} calls @param {unknown} pieces */
function collect(calls, pieces) {
  if (!Array.isArray(pieces)) return;
  for (const { index, function: part, ...piece } of pieces) {
    if (!Number.isInteger(index) || index < 0 || index > 1000) throw new ApiError(502, 'model_invalid_answer', 'The model server sent a tool call without its place.');
    const call = (calls[index] ??= { id: '', type: 'function' });
    const { custom, ...rest } = piece;
    Object.assign(call, Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null && value !== ''))); // some servers say `id: null` with each later piece
    if (part !== undefined && part !== null) call.function = { name: (call.function?.name ?? '') + (part.name ?? ''), arguments: (call.function?.arguments ?? '') + (part.arguments ?? '') };
    if (custom !== undefined) call.custom = { name: (call.custom?.name ?? '') + (custom.name ?? ''), input: (call.custom?.input ?? '') + (custom.input ?? '') };
  }
}
