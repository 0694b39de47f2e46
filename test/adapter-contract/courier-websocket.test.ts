// The worked adapter, over WebSocket, does every duty of the contract.
import { holdToContract } from './held-to.js';

await holdToContract('kits/courier-websocket.mjs');
