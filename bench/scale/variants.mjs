// What the defaults bench changes, one thing at a time: a key of gateway.yaml, the tool's registration, what comes with a call, or who asks for figures.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { freePort } from '../support/ports.mjs';
import { CALLER } from '../wire/servers.mjs';

const RELOAD_MS = 3000; // watched files are active within a second
const SCRAPE_EVERY_MS = 1000;
const TRACE = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'vendor=abc' };

/** Of `dir`, a variant's own: `config` for gateway.yaml, then `prepared` once the gateway runs; its answer goes into the calls' options, `stop` when all is over. */
export const VARIANTS = [
  { name: 'async', what: 'audit.durability: async, answers do not wait for the disk', config: () => ({ audit: { durability: 'async' } }) },
  { name: 'intent', what: 'audit.intent: all, a second durable line before each call', config: () => ({ audit: { intent: 'all' } }) },
  { name: 'sha256', what: 'audit.arguments_digest: sha256, not keyed', config: () => ({ audit: { arguments_digest: 'sha256' } }) },
  { name: 'no-rules', what: 'no detection rules: layer 7 and the response firewall find nothing', config: noRules },
  { name: 're2', what: 'dlp.engine: re2 instead of Hyperscan', config: () => ({ dlp: { engine: 're2' } }) },
  { name: 'pooled', what: 'dlp.inline_bytes_max: 0, every scan in the pool', config: () => ({ dlp: { inline_bytes_max: 0 } }) },
  { name: 'no-memory', what: 'policy.cache_entries: 0, every decision anew', config: () => ({ policy: { cache_entries: 0 } }) },
  { name: 'external', what: 'a tool that sends data out: destinations are looked for, risk is kept', prepared: (gateway) => changeTool(gateway, { external: true, allowed_destinations: ['localhost'] }) },
  { name: 'tool-limit', what: 'a tool with a rate limit of its own', prepared: (gateway) => changeTool(gateway, { rate_limit: { per_minute: 100_000_000, burst: 100_000_000 } }) },
  { name: 'secret', what: 'one secret reference in each call, redeemed at layer 13', prepared: withSecret },
  { name: 'jwt', what: 'a JWT-SVID with each call instead of a declared identity', config: withJwt, prepared: (_gateway, own) => ({ more: { Authorization: `Bearer ${own.token}`, 'X-SPIFFE-ID': undefined } }) },
  { name: 'mtls', what: 'mutual TLS: an X.509-SVID on each connection', config: withTls, prepared: (_gateway, own) => ({ port: own.port, tls: own.tls, more: { 'X-SPIFFE-ID': undefined } }) },
  { name: 'no-shedding', what: 'front.shed_after_ms: 0', config: () => ({ front: { shed_after_ms: 0 } }) },
  { name: 'metrics', observes: true, what: 'metrics scraped every second', prepared: scraped },
  { name: 'log', observes: true, what: 'log_level: debug', config: () => ({ log_level: 'debug' }) },
  { name: 'trace', observes: true, what: 'each call continues a trace: traceparent and tracestate are checked, scanned and passed on', prepared: () => ({ more: TRACE }) },
  { name: 'traces', observes: true, what: 'traces to a collector: 100 a second of them, the default', ...exported({}) },
  { name: 'traces-1-in-100', observes: true, what: 'traces of 1 % of all calls, without a most', ...exported({ sample_ratio: 0.01, traces_per_second_max: 1_000_000 }) },
  { name: 'traces-all', observes: true, what: 'a trace of every call', ...exported({ traces_per_second_max: 1_000_000 }) },
];

/** To a collector that takes everything, and keeps nothing. */
function exported(telemetry) {
  return {
    config: async (_dir, own) => {
      own.collector = createServer((asked, answer) => asked.resume().on('end', () => answer.end())).listen(0, '127.0.0.1');
      await once(own.collector, 'listening');
      return { telemetry: { otlp_endpoint: `http://127.0.0.1:${own.collector.address().port}`, ...telemetry } };
    },
    prepared: (_gateway, own) => ({ stop: () => {
      own.collector.close();
      own.collector.closeAllConnections();
    } }),
  };
}

function noRules(dir) {
  mkdirSync(join(dir, 'gateway', 'config', 'no-rules'), { recursive: true });
  return { dlp: { dir: 'config/no-rules' } };
}

async function changeTool({ project }, change) {
  const file = join(project, 'config', 'capability-registry-v2.yaml');
  const { tools } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ tools: tools.map((tool) => ({ ...tool, ...change })) }));
  await sleep(RELOAD_MS);
  return {};
}

async function withSecret(gateway) {
  await changeTool(gateway, { required_scope: 'vault' });
  await ask(gateway, 'POST', '/v1/secrets/put', { name: 'vault', owner: CALLER, scope: 'vault', value: 'correct-horse-battery-staple' });
  const { token } = JSON.parse(await ask(gateway, 'POST', '/v1/secrets/issue', { name: 'vault', ttl_s: 3600 }));
  return { text: token };
}

function scraped(gateway) {
  const timer = setInterval(() => void ask(gateway, 'GET', '/metrics'), SCRAPE_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

/** One question to the control socket. */
function ask({ project }, method, path, body) {
  return new Promise((resolve, reject) => {
    const one = request({ socketPath: join(project, '.precinct', 'control.sock'), method, path, headers: { 'content-type': 'application/json' } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`${path}: ${text}`))));
    });
    one.on('error', reject);
    one.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function withJwt(dir, own) {
  const pki = await loadPki();
  const authority = pki.makeJwtAuthority('bench');
  const nowS = Math.floor(Date.now() / 1000);
  own.token = await pki.makeJwtSvid(authority, CALLER, { claims: { iat: nowS - 10, exp: nowS + 3600 } });
  return { identity: { jwt_bundle_file: write(dir, 'jwt.json', pki.jwtBundleText(authority)), jwt_audience: ['precinct'] } };
}

async function withTls(dir, own) {
  const pki = await loadPki();
  const authority = pki.makeAuthority('bench');
  const server = pki.makeServerCertificate(authority, Date.now());
  const client = pki.makeSvid(authority, CALLER, pki.validAround(Date.now()));
  own.port = await freePort();
  own.tls = { ca: authority.pem, cert: client.pem, key: client.privateKeyPem };
  return { tls: { enabled: true, port: own.port, certificate_file: write(dir, 'server.pem', server.pem), private_key_file: write(dir, 'server.key', server.privateKeyPem), trust_bundle_file: write(dir, 'ca.pem', authority.pem) } };
}

function write(dir, name, text) {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, name), text, { mode: 0o600 });
  return join(dir, name);
}

/** The tests' certificate authority, as JavaScript. */
async function loadPki() {
  const { outputFiles } = await build({ entryPoints: [fileURLToPath(new URL('../../test/support/pki.ts', import.meta.url))], bundle: true, platform: 'node', format: 'esm', write: false });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
}
