// One call: node call.mjs TOOL '{"query":"hello"}'. The gateway and the identity come from the environment.
import { GatewayClient, GatewayError } from '@precinct/sdk';

const [tool = 'my_tool', args = '{}'] = process.argv.slice(2);
const client = new GatewayClient();
try {
  const { text, traceId } = await client.callTool(tool, JSON.parse(args));
  console.log(text);
  console.log(`agw audit explain ${traceId}`);
} catch (error) {
  if (!(error instanceof GatewayError)) throw error;
  console.log(String(error)); // code, message, remedy, and the decision to look up
  process.exitCode = 1;
} finally {
  await client.close();
}
