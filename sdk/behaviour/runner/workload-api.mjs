// A SPIFFE Workload API on a Unix socket: gRPC over HTTP/2, the two profiles that hand out SVIDs. What it hands out may change, and goes to all who listen.
import { createServer } from 'node:http2';

const SERVICE = '/SpiffeWorkloadAPI';

/** @param {string} path of the socket */
export async function startWorkloadApi(path) {
  const state = {
    /** @type {{ spiffeId: string, certificate: Buffer, key: Buffer, bundle: Buffer }[]} */ x509: [],
    /** @type {(audience: string[]) => Promise<{ spiffeId: string, token: string }[]>} */ jwt: async () => [],
    /** @type {string[]} */ asked: [],
  };
  const streams = new Set();
  const sessions = new Set();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream, headers) => {
    const parts = [];
    stream.on('error', () => undefined);
    stream.on('close', () => streams.delete(stream));
    stream.on('data', (part) => parts.push(part));
    stream.on('end', () => void answer(stream, headers, Buffer.concat(parts)));
  });

  async function answer(stream, headers, body) {
    const method = String(headers[':path']);
    state.asked.push(method.slice(SERVICE.length + 1));
    if (headers['workload.spiffe.io'] !== 'true') return end(stream, 3);
    if (method === `${SERVICE}/FetchX509SVID`) {
      if (state.x509.length === 0) return end(stream, 7);
      open(stream);
      streams.add(stream);
      return stream.write(framed(x509Response(state.x509)));
    }
    if (method === `${SERVICE}/FetchJWTSVID`) {
      const svids = await state.jwt(stringsOf(body.subarray(5), 1));
      if (svids.length === 0) return end(stream, 7);
      open(stream);
      stream.write(framed(Buffer.concat(svids.map(({ spiffeId, token }) => field(1, Buffer.concat([field(1, spiffeId), field(2, token)]))))));
      return stream.end();
    }
    return end(stream, 12);
  }

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(undefined));
  });
  return Object.assign(state, {
    address: `unix://${path}`,
    /** Hands out others, also to those who have some already. @param {typeof state.x509} svids */
    rotate(svids) {
      state.x509 = svids;
      for (const stream of streams) stream.write(framed(x509Response(svids)));
    },
    close: () => new Promise((resolve) => {
      server.close(() => resolve(undefined));
      for (const session of sessions) session.destroy();
    }),
  });
}

function open(stream) {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
}

/** Without a message. @param {number} status of gRPC */
function end(stream, status) {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': 'no identity issued' }, { endStream: true });
}

const x509Response = (svids) => Buffer.concat(svids.map(({ spiffeId, certificate, key, bundle }) => field(1, Buffer.concat([field(1, spiffeId), field(2, certificate), field(3, key), field(4, bundle)]))));

function framed(message) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A length-delimited field of protobuf. */
function field(number, value) {
  const bytes = Buffer.from(value);
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value) {
  const bytes = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left & 0x7f) | 0x80);
  return Buffer.from([...bytes, left]);
}

/** The texts of one field of a message that has nothing but such fields. */
function stringsOf(message, number) {
  const found = [];
  for (let at = 0; at < message.length;) {
    const [tag, afterTag] = readVarint(message, at);
    const [length, from] = readVarint(message, afterTag);
    if (tag >> 3 === number) found.push(message.subarray(from, from + length).toString('utf8'));
    at = from + length;
  }
  return found;
}

function readVarint(bytes, from) {
  let value = 0;
  for (let at = from, shift = 0; ; at += 1, shift += 7) {
    value |= (bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return [value, at + 1];
  }
}
