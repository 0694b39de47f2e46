// The driver of sdk/behaviour for TypeScript: one JSON line in, one out, until the input ends. It runs the built package.
import { createInterface } from 'node:readline';
import { inspect } from 'node:util';
import { GatewayClient, secretRef } from '../dist/index.js';

const CLIENT_OPTIONS = new Map([
  'gateway_url', 'spiffe_id', 'jwt_svid', 'cert_file', 'key_file', 'ca_file', 'gateway_spiffe_id', 'workload_api', 'audience', 'era', 'timeout', 'max_retries', 'backoff_base', 'wait_for_approval', 'max_answer_bytes',
  'client_name', 'client_version',
].map((name) => [name, camelCase(name)]));
const CALL_OPTIONS = new Map(['timeout', 'idempotent', 'wait_for_approval', 'meta', 'input_responses', 'request_state'].map((name) => [name, camelCase(name)]));
const DRIVER_OPTIONS = new Set(['raise_on_error', 'cancel_after_event', 'cancel_on_approval', 'on_progress', 'on_request']);

class DriverError extends Error {}

function camelCase(name) {
  return name.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase());
}

function mapped(options, known, also = new Set()) {
  const found = {};
  for (const [name, value] of Object.entries(options ?? {})) {
    if (known.has(name)) found[known.get(name)] = value;
    else if (!also.has(name)) throw new DriverError(`unknown option: ${name}`);
  }
  return found;
}

function withReferences(value) {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  const reference = value.$secret_ref;
  if (reference !== undefined) return secretRef(reference.ref, { expiresIn: reference.expires_in, scope: reference.scope });
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withReferences(member)]));
}

function newClient(options, events, cancel) {
  const { traceparent, ...others } = options ?? {};
  return new GatewayClient({
    ...mapped(others, CLIENT_OPTIONS),
    ...(traceparent === undefined ? {} : { traceparent: () => traceparent }),
    onApprovalRequested: ({ requestId, command, expiresAt }) => {
      events.push({ type: 'approval', request_id: requestId, command: command ?? null, expires_at: expiresAt ?? null });
      if (cancel.onApproval) cancel.controller.abort();
    },
  });
}

function shownEvent(event) {
  return event.type === 'progress' ? { type: 'progress', progress: event.progress, total: event.total ?? null, message: event.message ?? null }
    : event.type === 'log' ? { type: 'log', level: event.level, logger: event.logger ?? null, data: event.data }
      : event;
}

function shownResult(result, { raise_on_error: raises }) {
  if (raises === true) result.throwOnError();
  return { content: result.raw.content ?? [], structured_content: result.structuredContent ?? null, is_error: result.isError, text: result.text, meta: result.raw._meta ?? null, trace_id: result.traceId };
}

/** One operation of a client or a session. */
async function play(on, { operation, name, arguments: args, uri, method, params, options = {} }, events, cancel) {
  const call = { ...mapped(options, CALL_OPTIONS, DRIVER_OPTIONS), signal: cancel.controller.signal };
  cancel.onApproval = options.cancel_on_approval === true;
  const take = (event) => {
    events.push(shownEvent(event));
    if (options.cancel_after_event !== undefined && events.length >= options.cancel_after_event) cancel.controller.abort();
  };
  switch (operation) {
    case 'call_tool': {
      const follows = options.on_progress === true || options.cancel_after_event !== undefined;
      return shownResult(await on.callTool(name, withReferences(args ?? {}), { ...call, ...(follows ? { onProgress: (progress) => take({ type: 'progress', ...progress }) } : {}) }), options);
    }
    case 'stream_tool': {
      let result;
      for await (const event of on.streamTool(name, withReferences(args ?? {}), call)) {
        if (event.type === 'result') result = event.result;
        else take(event);
      }
      return shownResult(result, options);
    }
    case 'list_tools': return on.listTools(call);
    case 'list_resources': return on.listResources(call);
    case 'list_resource_templates': return on.listResourceTemplates(call);
    case 'read_resource': return on.readResource(uri, call);
    case 'list_prompts': return on.listPrompts(call);
    case 'get_prompt': return on.getPrompt(name, args ?? {}, call);
    case 'ping': await on.ping(call); return {};
    case 'request': return on.request(method, params ?? {}, call);
    case 'discover': if (on.discover !== undefined) return on.discover(call);
    // falls through: a session has none
    default: throw new DriverError(`unknown operation: ${operation}`);
  }
}

async function playSession(client, { steps = [], options = {} }, cancel) {
  const { on_request: answers, on_notification: hears, ...others } = options;
  let events = [];
  const session = await client.session({
    ...mapped(others, new Map([['timeout', 'timeout']])),
    ...(answers === undefined ? {} : {
      onRequest: ({ method, params }) => {
        if (answers[method] === undefined) return undefined;
        events.push({ type: 'request', method, params });
        return answers[method];
      },
    }),
    ...(hears === true ? { onNotification: ({ method, params }) => events.push({ type: 'notification', method, params }) } : {}),
  });
  try {
    const played = [];
    for (const step of steps) {
      events = [];
      cancel.controller = new AbortController();
      played.push({ ...(await outcome(() => play(session, step, events, cancel))), ...(events.length === 0 ? {} : { events }) });
    }
    return { steps: played, session_id: session.id ?? null };
  } finally {
    await session.close();
  }
}

async function outcome(run) {
  try {
    return { result: await run() };
  } catch (error) {
    return { error: shownError(error) };
  }
}

function shownError(error) {
  if (error instanceof DriverError) return { class: 'DriverError', message: error.message };
  if (error?.name === 'AbortError') return { class: 'Cancelled' };
  const known = {
    code: error.code, step: error.step, middleware: error.middleware, reason_code: error.reasonCode, message: error.message, decision_id: error.decisionId, trace_id: error.traceId, remediation: error.remediation,
    docs_url: error.docsUrl, retry_after: error.retryAfter, details: error.details, http_status: error.httpStatus, rpc_code: error.rpcCode, data: error.data, may_have_run: error.mayHaveRun,
    request_id: error.requestId ?? error.details?.request_id, command: error.command ?? error.details?.command, input_requests: error.inputRequests, request_state: error.requestState,
  };
  return { class: error.name, ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)), shown: [String(error), error.message, inspect(error, { depth: null }), JSON.stringify(error)].join('\n') };
}

const clients = new Map();

function withEnvironment(variables = {}) {
  const before = Object.keys(variables).map((name) => [name, process.env[name]]);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** A client of its own, unless the line names one that is kept. */
async function withClient({ client: options, client_id: kept }, events, cancel, run) {
  const shared = kept === undefined ? undefined : clients.get(kept) ?? { events, cancel };
  if (shared !== undefined) Object.assign(shared, { events, cancel });
  const client = shared?.client ?? newClient(options, shared === undefined ? events : { push: (event) => shared.events.push(event) }, shared === undefined ? cancel : { get controller() { return shared.cancel.controller; }, get onApproval() { return shared.cancel.onApproval; } });
  if (shared !== undefined) clients.set(kept, Object.assign(shared, { client }));
  try {
    return await run(client);
  } finally {
    if (shared === undefined) await client.close();
  }
}

async function answer(line) {
  const events = [];
  const cancel = { controller: new AbortController(), onApproval: false };
  const reset = withEnvironment(line.env);
  try {
    const played = await outcome(async () => {
      if (line.operation === 'close') {
        await clients.get(line.client_id)?.client.close();
        return {};
      }
      return withClient(line, events, cancel, async (client) => {
        switch (line.operation) {
          case 'construct': return {};
          case 'identity': {
            const { source, spiffeId } = await client.connect();
            return { source, spiffe_id: spiffeId ?? null };
          }
          case 'session': return playSession(client, line, cancel);
          default: return play(client, line, events, cancel);
        }
      });
    });
    return { id: line.id, ...played, ...(events.length === 0 ? {} : { events }) };
  } finally {
    reset();
  }
}

for await (const text of createInterface({ input: process.stdin })) {
  if (text.trim() === '') continue;
  let line = {};
  try {
    line = JSON.parse(text);
  } catch {
    // Answered as a line without an operation.
  }
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
for (const { client } of clients.values()) await client.close();
