// POST /v1/responses: the same loop over items. What the gateway's tools did stands in the answer as items of type mcp_call, whose error is the refusal.
import { ApiError } from './errors.mjs';
import { added, clientToolsOf, governedTools, request, without } from './turns.mjs';

const PATH = '/responses';
/** Names the gateway in mcp_call items; a client that sends them back gets them understood. */
const LABEL = 'precinct';

/** @typedef {Record<string, unknown>} Item */

/** @param {import('./turns.mjs').Turn} turn */
export async function response(turn) {
  const { ledger } = turn;
  const { base, input, tools } = await begin(turn);
  /** @type {Item[]} */
  const output = [];
  /** @type {unknown} */
  let usage;
  for (let round = 0; ; round += 1) {
    const isLast = round >= turn.limits.rounds;
    const answer = await turn.model.ask(PATH, request(base, { input }, round, isLast), turn.signal);
    usage = added(usage, answer['usage']);
    const items = itemsOf(answer);
    const { governed, own } = parted(items, tools);
    output.push(...items.filter((item) => !governed.includes(item)));
    if (ledger.isOver(governed.map(nameOf), own, isLast)) return finished(turn, answer, output, usage);
    output.push(...await run(turn, { tools, input }, items, governed));
  }
}

/** @param {import('./turns.mjs').Turn} turn @returns {AsyncGenerator<Record<string, unknown>, void, undefined>} */
export async function* responseEvents(turn) {
  const { ledger } = turn;
  const { base, input, tools } = await begin(turn);
  /** @type {Item[]} */
  const output = [];
  let [sequence, places] = [0, 0];
  /** @type {unknown} */
  let usage;
  const numbered = (/** @type {Record<string, unknown>} */ event) => ({ ...event, sequence_number: sequence++ });
  for (let round = 0; ; round += 1) {
    const isLast = round >= turn.limits.rounds;
    /** Place in the model's answer → in ours; null = a call of the gateway's tools, which is shown as what came of it. @type {Map<unknown, number | null>} */
    const placed = new Map();
    /** @type {Record<string, unknown> | undefined} */
    let end;
    for await (const event of turn.model.stream(PATH, { ...request(base, { input }, round, isLast), stream: true }, turn.signal)) {
      const { type, output_index: index } = event;
      if (type === 'response.completed' || type === 'response.incomplete') end = event;
      else if (type === 'error' || type === 'response.failed') return yield numbered(event);
      else if (type === 'response.created' || type === 'response.in_progress' || type === 'response.queued') {
        if (round === 0) yield numbered({ ...event, response: { .../** @type {object} */ (event['response']), tools: turn.body['tools'] ?? [] } });
      } else if (index === undefined) yield numbered(event);
      else {
        if (type === 'response.output_item.added') placed.set(index, isGoverned(event['item'], tools) ? null : places++);
        const place = placed.get(index);
        if (typeof place === 'number') yield numbered({ ...event, output_index: place });
      }
    }
    const answer = /** @type {Record<string, unknown> | undefined} */ (end?.['response']);
    if (end === undefined || answer === undefined) throw new ApiError(502, 'model_invalid_answer', 'The model server\'s stream ended before its response was complete.');
    usage = added(usage, answer['usage']);
    const items = itemsOf(answer);
    const { governed, own } = parted(items, tools);
    output.push(...items.filter((item) => !governed.includes(item)));
    if (ledger.isOver(governed.map(nameOf), own, isLast)) return yield numbered({ ...end, response: finished(turn, answer, output, usage) });
    const first = places;
    places += governed.length;
    for (const [n, call] of governed.entries()) for (const event of begun(call, first + n)) yield numbered(event);
    const done = await run(turn, { tools, input }, items, governed);
    output.push(...done);
    for (const [n, item] of done.entries()) for (const event of ended(item, first + n)) yield numbered(event);
  }
}

/** @param {import('./turns.mjs').Turn} turn */
async function begin(turn) {
  const { body } = turn;
  for (const [param, why] of /** @type {const} */ ([['background', 'the gateway\'s tools are called while the client waits'], ['conversation', 'send the items, or previous_response_id'], ['prompt', 'a stored prompt may bring tools that do not cross the gateway']])) {
    if (body[param] !== undefined && body[param] !== null && body[param] !== false) throw new ApiError(400, 'unsupported_parameter', `${param} is not taken here: ${why}.`, { param });
  }
  const given = body['input'];
  if (typeof given !== 'string' && !Array.isArray(given)) throw new ApiError(400, 'invalid_input', 'input must be a text or an array of items.', { param: 'input' });
  const own = clientToolsOf(body);
  const tools = await governedTools(turn, own);
  const offered = [...own, ...tools.definitions().map((definition) => ({ type: 'function', ...definition, strict: false }))];
  return { base: { ...without(body, ['stream', 'tools', 'input']), ...(offered.length === 0 ? {} : { tools: offered }) }, input: typeof given === 'string' ? [{ role: 'user', content: given }] : given.flatMap(understood), tools };
}

/** An earlier answer's mcp_call items, as the model knows them: a call and its output. @param {Item} item @returns {Item[]} */
function understood(item) {
  if (item?.['type'] !== 'mcp_call' || item['server_label'] !== LABEL) return [item];
  const { id, name, arguments: args, output, error } = item;
  return [{ type: 'function_call', call_id: id, name, arguments: args }, { type: 'function_call_output', call_id: id, output: output ?? error ?? '' }];
}

/** @param {import('./turns.mjs').Turn} turn @param {{ tools: import('./governed-tools.mjs').GovernedTools, input: unknown[] }} so @param {readonly Item[]} items @param {readonly Item[]} calls @returns {Promise<Item[]>} */
async function run({ ledger, signal }, { tools, input }, items, calls) {
  const done = await tools.callAll(calls.map((call) => ({ id: String(call['call_id']), name: nameOf(call), arguments: String(call['arguments'] ?? '') })), signal);
  ledger.add(done.map(({ report }) => report));
  input.push(...items, ...done.map(({ output, report }) => ({ type: 'function_call_output', call_id: report.id, output })));
  return done.map(({ output, report }, n) => {
    const isGood = report.outcome === 'result';
    return { ...shownCall(/** @type {Item} */ (calls[n])), output: isGood ? output : null, error: isGood ? null : output, status: isGood ? 'completed' : 'failed' };
  });
}

/** @param {Item} call */
function shownCall(call) {
  return { id: call['call_id'], type: 'mcp_call', server_label: LABEL, name: call['name'], arguments: call['arguments'], approval_request_id: null };
}

/** @param {Item} call @param {number} place */
function begun(call, place) {
  const item_id = call['call_id'];
  return [
    { type: 'response.output_item.added', output_index: place, item: { ...shownCall(call), output: null, error: null, status: 'in_progress' } },
    { type: 'response.mcp_call_arguments.done', output_index: place, item_id, arguments: call['arguments'] },
    { type: 'response.mcp_call.in_progress', output_index: place, item_id },
  ];
}

/** @param {Item} item @param {number} place */
function ended(item, place) {
  return [{ type: `response.mcp_call.${String(item['status'])}`, output_index: place, item_id: item['id'] }, { type: 'response.output_item.done', output_index: place, item }];
}

/** @param {import('./turns.mjs').Turn} turn @param {Record<string, unknown>} answer @param {Item[]} output @param {unknown} usage */
function finished({ body, ledger }, answer, output, usage) {
  return { ...answer, output, tools: body['tools'] ?? [], ...(usage === undefined ? {} : { usage }), ...(ledger.member === undefined ? {} : { precinct: ledger.member }) };
}

/** @param {Record<string, unknown>} answer @returns {Item[]} */
function itemsOf(answer) {
  return Array.isArray(answer['output']) ? answer['output'] : [];
}

/** @param {readonly Item[]} items @param {import('./governed-tools.mjs').GovernedTools} tools */
function parted(items, tools) {
  const calls = items.filter(({ type }) => type === 'function_call' || type === 'custom_tool_call');
  return { governed: calls.filter((item) => isGoverned(item, tools)), own: calls.filter((item) => !isGoverned(item, tools)) };
}

/** @param {unknown} item @param {import('./governed-tools.mjs').GovernedTools} tools */
function isGoverned(item, tools) {
  const { type, name } = /** @type {Item} */ (item ?? {});
  return type === 'function_call' && tools.has(name);
}

/** @param {Item} item */
function nameOf(item) {
  return String(item['name']);
}
