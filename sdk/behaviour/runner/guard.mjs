// A guard model of three words: what holds "ignore" is an attack, what holds "guard is down" gets no judgement, all else is benign.
import { createServer } from 'node:http';

export async function startGuard() {
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const asked = Buffer.concat(parts).toString('utf8');
      if (asked.includes('guard is down')) return response.writeHead(500).end('{"error":"down"}');
      const content = /ignore/i.test(asked) ? 'INJECTION' : 'BENIGN';
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ choices: [{ message: { role: 'assistant', content } }] }));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1/chat/completions`,
    close: () => new Promise((resolve) => {
      server.close(() => resolve(undefined));
      server.closeAllConnections();
    }),
  };
}
