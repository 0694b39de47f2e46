// The one client for tool servers, as callbacks: the own HTTP/1.1 for http:, undici for https:. Both follow no redirect and decompress nothing.
import { systemClock } from '../base/clock/clock.js';
import { createNetWiring } from './h1/net-wire.js';
import { H1Origin } from './h1/origin.js';
import { requestTail } from './h1/request-head.js';
import { Runtime } from './h1/runtime.js';
import { Admission, type Origin, type OriginOptions, type Target } from './origin.js';
import { RefusedCall } from './refused-call.js';
import type { ReportingUpstreamClient } from './types.js';
import { loadUndici, UndiciOrigin } from './undici-origin.js';

const HEADER_BYTES_MAX = 32 * 1024; // an MCP answer has a dozen headers; more is an attack on memory
const WAITING_MAX = 10_000; // calls waiting for a connection of one upstream; above it a call is refused instead of queued
const HELD_BYTES_MAX = 512 * 1024 * 1024; // bodies of calls to one upstream, those included whose caller was already told that it took too long
const URLS_MAX = 4096; // distinct URLs come from the registry; the bound only stops a programming error
const STREAMS_MAX = 20_000; // sessions that listen to one upstream, each on a connection of its own: bounded by file descriptors, and never at the calls' expense
const KEEP_ALIVE_MS = 4_000; // shorter than the 5 s after which Node servers close an idle connection

export interface UpstreamClientOptions {
  readonly connectTimeoutMs: number;
  /** Connections to one origin. */
  readonly connectionsMax: number;
  readonly headerBytesMax?: number;
  readonly waitingMax?: number;
  readonly heldBytesMax?: number;
  readonly monotonicMs?: () => number;
  /** Calls on one connection to an http: origin before the first is answered. Default 1: each waits for the one before. */
  readonly pipelining?: number;
  /** Who speaks to http: origins; tests and the bench compare them. Default: the own client on native sockets where the addon is built, else on Node's. */
  readonly plain?: 'native' | 'node' | 'undici';
}

interface UpstreamTarget extends Target {
  readonly calls: Origin;
  /** A session's stream is open for hours: it must not take the connection of a call. */
  readonly streams: Origin;
  requests: number;
}

export function createUpstreamClient(options: UpstreamClientOptions): ReportingUpstreamClient {
  const origins = new Map<string, Origin>();
  const targets = new Map<string, UpstreamTarget>();
  const monotonicMs = options.monotonicMs ?? systemClock.monotonicMs;
  const runtime = new Runtime(monotonicMs, options.plain === 'node' ? createNetWiring() : undefined);
  let closed = false;

  function originOf(url: URL, use: 'calls' | 'streams'): Origin {
    const key = `${use} ${url.origin}`;
    const known = origins.get(key);
    if (known !== undefined) return known;
    const connectionsMax = use === 'calls' ? options.connectionsMax : STREAMS_MAX;
    const callsMax = use === 'calls' ? connectionsMax + (options.waitingMax ?? WAITING_MAX) : connectionsMax;
    const admission = new Admission(callsMax, options.heldBytesMax ?? HELD_BYTES_MAX);
    const limits: OriginOptions = { connectTimeoutMs: options.connectTimeoutMs, connectionsMax, headerBytesMax: options.headerBytesMax ?? HEADER_BYTES_MAX, keepAliveMs: KEEP_ALIVE_MS, pipelining: use === 'calls' ? options.pipelining ?? 1 : 1, monotonicMs };
    const own = url.protocol === 'http:' && options.plain !== 'undici';
    const origin = own ? new H1Origin(url, admission, runtime, limits) : new UndiciOrigin(url, admission, limits);
    origins.set(key, origin);
    return origin;
  }

  function targetOf(url: string, isKept: boolean): UpstreamTarget | string {
    const known = targets.get(url);
    if (known !== undefined) return known;
    if (isKept && targets.size >= URLS_MAX) return 'too many different upstream URLs';
    const parsed = parseUpstreamUrl(url);
    if (typeof parsed === 'string') return parsed;
    const target = { calls: originOf(parsed, 'calls'), streams: originOf(parsed, 'streams'), path: `${parsed.pathname}${parsed.search}`, requestTail: requestTail(parsed), requests: 0 };
    if (isKept) targets.set(url, target);
    return target;
  }

  return {
    send(request, sink) {
      const target = closed ? 'the upstream client is closed' : targetOf(request.url, request.ownUrl !== true);
      if (typeof target === 'string') return new RefusedCall(sink, { kind: 'transport', maybeSent: false, message: target });
      const origin = request.httpMethod === 'GET' || request.listens === true ? target.streams : target.calls;
      if (!origin.admission.admits(request.body?.length ?? 0)) return new RefusedCall(sink, { kind: 'transport', maybeSent: false, crowdedOut: true, message: 'too many calls wait for this upstream' });
      if (request.httpMethod === 'POST') target.requests += 1;
      return origin.start(request, sink, target);
    },
    report: () => [...targets].map(([url, { calls, streams, requests }]) => ({
      url, requests, underWay: calls.admission.calls + streams.admission.calls, connections: calls.connections + streams.connections,
    })),
    async close() {
      closed = true;
      await Promise.all([...origins.values()].map((origin) => origin.close()));
      runtime.close();
    },
  };
}

/** Loads what calls to these URLs will need, so that the first of them does not wait for it. */
export function prepareFor(urls: Iterable<string>): void {
  for (const url of urls) if (url.startsWith('https:')) return void loadUndici();
}

/** The URL, or why it can't be an upstream's. */
export function parseUpstreamUrl(text: string): URL | string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return 'the upstream URL is malformed';
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'an upstream URL starts with http: or https:';
  if (url.username !== '' || url.password !== '') return 'an upstream URL holds no user name or password';
  return url;
}
