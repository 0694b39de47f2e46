// A small real guard server: /v1/chat/completions (OpenAI-compatible) and /classify. Judges by a few words; can hang, fail and talk nonsense, and fails over a text that says that it is down.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type GuardMood = 'well' | 'hang' | 'status_500' | 'nonsense' | 'html' | 'endless' | 'cut' | 'score';

export interface GuardServer {
  readonly url: string;
  /** Texts it was asked about, in order. */
  readonly asked: string[];
  /** Authorization headers it got. */
  readonly keys: (string | undefined)[];
  mood: GuardMood;
  close(): Promise<void>;
}

const UNSAFE_WORDS: readonly (readonly [RegExp, string])[] = [[/ignore (?:all )?previous/i, 'INJECTION'], [/do anything now/i, 'JAILBREAK'], [/steal/i, 'MALICIOUS']];

export async function startGuardServer(): Promise<GuardServer> {
  const guard = { mood: 'well' as GuardMood, asked: [] as string[], keys: [] as (string | undefined)[] };
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readJson(request);
    const chat = request.url === '/v1/chat/completions';
    const text = chat ? body.messages?.findLast((message) => message.role === 'user')?.content : body.inputs;
    if (request.method !== 'POST' || (!chat && request.url !== '/classify') || text === undefined) return void response.writeHead(400).end('{}');
    guard.asked.push(text);
    guard.keys.push(request.headers.authorization);
    const label = UNSAFE_WORDS.find(([words]) => words.test(text))?.[1] ?? 'BENIGN';
    respond(response, chat, label, text.includes('guard is down') ? 'status_500' : guard.mood);
  }

  function respond(response: ServerResponse, chat: boolean, label: string, mood: GuardMood): void {
    const say = (value: unknown): void => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const words = (content: string): void => say(chat ? { choices: [{ message: { role: 'assistant', content } }] } : [{ label: content, score: 0.9 }]);
    switch (mood) {
      case 'well': return words(label);
      case 'score': return chat ? words(label === 'BENIGN' ? '0.02' : '0.97') : say({ label, score: 0.9 });
      case 'hang': return;
      case 'status_500': return void response.writeHead(500).end('{"error":"down"}');
      case 'nonsense': return words('As a language model, I find this text quite BENIGN');
      case 'html': return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>welcome</html>');
      case 'endless': return void response.writeHead(200).end('x'.repeat(1 << 20));
      case 'cut':
        response.writeHead(200, { 'content-length': '100' }).write('{"label":');
        return void setImmediate(() => response.destroy());
    }
  }

  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return Object.assign(guard, {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    }),
  });
}

interface Asked {
  readonly inputs?: string;
  readonly messages?: readonly { readonly role: string; readonly content: string }[];
}

async function readJson(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked;
}
