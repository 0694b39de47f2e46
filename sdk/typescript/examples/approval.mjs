// Waits until a person has decided: node approval.mjs TOOL '{"command":"uptime"}'
import { ApprovalTimeoutError, GatewayClient, StepUpError } from '@precinct/sdk';

const [tool = 'bash', args = '{}'] = process.argv.slice(2);
const client = new GatewayClient({ waitForApproval: 600, onApprovalRequested: ({ command }) => console.log(`An approver runs: ${command}`) });
try {
  console.log((await client.callTool(tool, JSON.parse(args))).text);
} catch (error) {
  if (error instanceof ApprovalTimeoutError) console.log(`nobody decided on ${error.requestId}`);
  else if (error instanceof StepUpError) console.log(`denied: ${error.message}`);
  else throw error;
  process.exitCode = 1;
} finally {
  await client.close();
}
