// One case in one language: sets the scene, asks the driver, compares what was on the wire, what reached a tool, what came back and what was recorded.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { differences } from './compare.mjs';
import { agw, APPROVER, callerOf, DEFAULT_CALLER, issueSecret, STRANGER } from './gateways.mjs';
import { filledAll } from './words.mjs';
import { nextOf } from './world.mjs';

/** What a run does at the tool's server or on disk may come a moment after the answer. */
const TRIES = 120;
const TRY_EVERY_MS = 25;
/** No waits but those that a case asks for; retries only where it says so. */
const CLIENT = { gateway_url: '{{gateway}}', spiffe_id: '{{caller}}', max_retries: 0, backoff_base: 0.01, timeout: 20 };
const PERMISSION_DENIED = 7; // of gRPC: no identity issued
const TRACE = /^00-([0-9a-f]{32})-/;

/** @param {import('./table.mjs').Case} one @param {any} lane @param {any} world @returns {Promise<string[]>} what differs; empty = passed */
export async function runCase(one, lane, world) {
  const gateway = world.gateways[one.gateway];
  const caller = callerOf(one.id, lane.language);
  const scene = await setScene(one, lane, world, gateway, caller);
  const given = [];
  for (const [n, ask] of one.asks.entries()) {
    if (ask.do !== undefined) await happen(ask.do, lane, world, caller, scene);
    else given.push(await askUntil(one, ask, n, lane, scene.values, given.length));
  }
  for (const id of new Set(one.asks.map((ask) => ask.client_id).filter((id) => id !== undefined))) await lane.driver.ask({ operation: 'close', client_id: `${one.id}-${id}` });
  return [...scene.faults, ...(await settle(one, lane, world, gateway, caller, scene.values, given))];
}

async function setScene(one, lane, world, gateway, caller) {
  const folder = join(world.folder, `${one.id}-${lane.language}`);
  /** @type {string[]} */
  const faults = [];
  const values = new Map(Object.entries({
    caller, language: lane.language, gateway: lane.proxy.url, tls: `https://localhost:${lane.tls.port}`, folder, workload_api: lane.workloadApi.address,
    agent: `${one.id}-${lane.language}`, default_caller: DEFAULT_CALLER, stranger: STRANGER, next: nextOf(caller), gateway_id: world.pki.gatewayId, another: callerOf('another', lane.language),
  }));
  for (const { as, owner, ...secret } of one.secrets ?? []) values.set(as, await issueSecret(gateway, owner === 'another' ? values.get('another') : caller, { ...secret, name: `${secret.name}-${one.id}-${lane.language}` }));
  values.set('token', await world.pki.token(caller));
  if (one.files) await world.pki.writeFiles(folder, caller);
  handOut(one.workload_api, lane, world, caller);
  lane.proxy.arm(gateway.url, filledAll(one.proxy ?? [], values));
  if (one.approver !== undefined) {
    let decided = () => undefined;
    lane.proxy.decided = new Promise((resolve) => { decided = resolve; });
    lane.proxy.onAnswer = (answer) => void decide(one.approver, answer, gateway).then((made) => { if (made) decided(undefined); }, (error) => {
      faults.push(String(error));
      decided(undefined);
    });
  }
  return { values, folder, faults };
}

/** Undefined = nothing. */
function handOut(what, { workloadApi }, { pki }, id) {
  workloadApi.give(what === 'x509' || what === 'both' ? [pki.workloadSvid(id)] : { status: PERMISSION_DENIED });
  workloadApi.token = (audience) => (what === 'jwt' || what === 'both' ? pki.token(id, { aud: [...audience, 'precinct'] }) : { status: PERMISSION_DENIED });
  workloadApi.tokenOf = id;
}

async function decide(how, answer, gateway) {
  const envelope = answer?.error?.data;
  if (envelope?.code !== 'stepup_approval_required') return false;
  const { code, output } = await agw(gateway.dir, 'approvals', how === 'approves' ? 'approve' : 'deny', envelope.details.request_id, '--as', APPROVER);
  if (code !== 0) throw new Error(`agw approvals: ${output}`);
  return true;
}

async function happen(what, lane, world, caller, { folder }) {
  switch (what) {
    case 'rotate': return lane.workloadApi.give([world.pki.workloadSvid(nextOf(caller))]);
    case 'replace_files': return world.pki.writeFiles(folder, nextOf(caller));
    case 'cut_connections': return lane.tls.cut();
    default: throw new Error(`nothing is called ${what}`);
  }
}

async function askUntil(one, ask, n, lane, values, at) {
  const { client, client_id: clientId, until, ...rest } = ask;
  const merged = Object.fromEntries(Object.entries({ ...CLIENT, ...one.client, ...client }).filter(([, value]) => value !== null));
  const line = filledAll({ client: merged, ...rest, ...(clientId === undefined ? {} : { client_id: `${one.id}-${clientId}` }) }, values);
  for (let tries = 0; ; tries++) {
    const answer = { events: [], ...(await lane.driver.ask(line)) }; // none is an empty list
    if (!until || tries >= TRIES || differences(one.given[at], answer, new Map(values)).length === 0) return answer;
    await sleep(TRY_EVERY_MS);
  }
}

async function settle(one, lane, world, gateway, caller, values, given) {
  for (let tries = 0; ; tries++) {
    const found = compareAll(one, lane, world, gateway, caller, new Map(values), given);
    if (found.length === 0 || tries >= TRIES) return found;
    await sleep(TRY_EVERY_MS);
  }
}

function compareAll(one, lane, world, gateway, caller, kept, given) {
  const seen = lane.proxy.seen;
  const traces = new Set([...seen.map(({ headers }) => TRACE.exec(String(headers.traceparent))?.[1]), ...given.flatMap(tracesIn)].filter((id) => id !== undefined));
  const found = [...(one.wire === undefined ? [] : differences(one.wire, seen, kept, 'wire'))];
  if (one.reaches_tool !== undefined) {
    const reached = world.tools.reached.filter(({ headers }) => traces.has(TRACE.exec(String(headers.traceparent))?.[1] ?? ''));
    found.push(...differences(one.reaches_tool, reached, kept, 'reaches_tool'));
  }
  found.push(...differences(one.given, given, kept, 'gives'));
  if (one.record !== undefined) {
    const records = gateway.lines('request').filter((line) => traces.has(String(line.trace_id)) || line.spiffe_id === caller);
    found.push(...differences(one.record, records, kept, 'record'));
  }
  return found;
}

function tracesIn(answer) {
  const own = [answer?.result?.trace_id, answer?.error?.trace_id];
  return [...own, ...(answer?.result?.steps ?? []).flatMap(tracesIn)].filter((id) => typeof id === 'string');
}
