// What one address may have under way, and that all of it is given back.
import { describe, expect, it } from 'vitest';
import { Load } from '../../../src/front/admission.js';
import { createPeers } from '../../../src/front/peer-load.js';

describe('a peer', () => {
  it('has its own bound of bytes below that of all, and says which it ran into', () => {
    const load = new Load(1000);
    const peers = createPeers(load, { requestsPerIpMax: 10, bodyBytesPerIpMax: 600 });
    const [one, other] = [peers.of('192.0.2.1'), peers.of('192.0.2.2')];
    expect([one.takeBytes(600), one.takeBytes(1), one.full]).toEqual([true, false, 'body_bytes_per_ip']);
    expect([other.takeBytes(401), other.full, other.takeBytes(400), load.bytes]).toEqual([false, 'inflight_body_bytes', true, 1000]);
    one.giveBytes(600);
    expect([one.bytes, load.bytes, other.takeBytes(200), other.takeBytes(1)]).toEqual([0, 400, true, false]);
  });

  it('is remembered while it has a WebSocket, whoever comes meanwhile', () => {
    const peers = createPeers(new Load(1), { requestsPerIpMax: 1, bodyBytesPerIpMax: 1 });
    peers.of('192.0.2.1').channels = 1;
    for (let n = 0; n < 20_000; n++) peers.of(`198.51.${n >> 8}.${n & 255}`);
    expect(peers.of('192.0.2.1').channels).toBe(1);
  });

  it('is crowded at its bound, and no other is', () => {
    const load = new Load(1 << 20);
    const peers = createPeers(load, { requestsPerIpMax: 2, bodyBytesPerIpMax: 1 });
    const one = peers.of('2001:db8::1');
    one.enter();
    expect(one.crowded).toBe(false);
    peers.of('2001:db8::2').enter(); // the same network
    expect([one.crowded, peers.of('2001:db8:0:1::1').crowded, load.requests]).toEqual([true, false, 2]);
    one.leave();
    expect([one.crowded, load.requests]).toEqual([false, 1]);
  });
});

