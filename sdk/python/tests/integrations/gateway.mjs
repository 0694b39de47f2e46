// A gateway in front of server-everything, for the tests of the integrations: prints its URL, and ends with its standard input.
import { startGatewayBefore } from '../../../../test/support/gateway-before.mjs';
import { SERVERS } from '../../../../test/clients/table/rows.mjs';

const [everything] = SERVERS;
const program = await everything.start();
const gateway = await startGatewayBefore(program.url, { refused: everything.refused });
process.stdout.write(`${gateway.url}\n`);
process.stdin.resume().on('end', async () => {
  await gateway.stop();
  await program.stop();
});
