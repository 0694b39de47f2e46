// Raw WebSocket clients that end with their test, for the tests of this folder.
import { afterEach } from 'vitest';
import { openRawWebSocket, type RawOptions, type RawWebSocket } from '../../support/raw-websocket.js';
import type { Rig } from './wire.js';

const sockets: RawWebSocket[] = [];
afterEach(() => {
  for (const { socket } of sockets.splice(0)) socket.destroy();
});

export async function connect(rig: Rig, options: RawOptions = {}): Promise<RawWebSocket> {
  const socket = await openRawWebSocket(rig.port, options);
  sockets.push(socket);
  return socket;
}
