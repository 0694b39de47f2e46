// The fixture's client with a gateway between it and the suite's server: what the suite runs in client mode. Takes the server's URL.
import { play } from './fixture/client.mjs';
import { startGatewayBefore } from '../support/gateway-before.mjs';

const gateway = await startGatewayBefore(process.argv.at(-1) ?? '');
try {
  await play(gateway.url, process.env);
} finally {
  await gateway.stop();
}
