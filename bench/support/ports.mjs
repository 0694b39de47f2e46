// A free loopback port for a server that can't choose its own: one that no outgoing connection takes before the server listens.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST = 10_000;
const ENOUGH = 1_000;
const OUTGOING_FROM = 32_768; // where none is known: Linux's own, and below those of macOS and Windows (49152)
const PORTS = 65_536;
const TRIES_MAX = 100;

/** Handed out by this process: whoever got one may not listen yet. */
const given = new Set();

/** From, and below: what lies before the ports of outgoing connections, as Linux writes them. A system that leaves too few there gets any. */
export function serverPorts(range) {
  const outgoing = range === undefined ? OUTGOING_FROM : Number(range.trim().split(/\s+/, 1)[0]);
  return outgoing - FIRST >= ENOUGH ? [FIRST, outgoing] : [FIRST, PORTS];
}

function outgoingPorts() {
  try {
    return readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  } catch {
    return undefined; // not Linux
  }
}

const isFree = (port) => new Promise((resolve) => {
  const probe = createServer().once('error', () => resolve(false)).listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
});

/** `draw` is given the two of serverPorts. @returns {Promise<number>} */
export async function freePort(draw = randomInt) {
  const [from, below] = serverPorts(outgoingPorts());
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = draw(from, below);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port in ${TRIES_MAX} tries from ${from} to ${below - 1}`);
}
