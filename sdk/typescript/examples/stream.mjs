// Progress as it comes, and Ctrl-C cancels the tool itself: node stream.mjs TOOL '{"steps":5}'
import { GatewayClient } from '@precinct/sdk';

const [tool = 'my_tool', args = '{}'] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const client = new GatewayClient();
try {
  for await (const event of client.streamTool(tool, JSON.parse(args), { timeout: 600, signal: stop.signal })) {
    if (event.type === 'progress') console.log(`${event.progress} of ${event.total ?? '?'} ${event.message ?? ''}`.trim());
    if (event.type === 'result') console.log(event.result.text);
  }
} finally {
  await client.close();
}
