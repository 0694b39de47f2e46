// The part of @grpc/grpc-js that is used, loaded when the Workload API is: most clients need none.
import { ConfigurationError } from '../errors.js';
import { isObject, type JsonObject } from '../json.js';

export interface GrpcStatusError extends Error {
  readonly code: number;
}

export interface GrpcStream {
  on(event: 'data', listener: (message: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: GrpcStatusError) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  cancel(): void;
}

export interface GrpcClient {
  makeServerStreamRequest(path: string, serialize: (bytes: Buffer) => Buffer, deserialize: (bytes: Buffer) => Buffer, argument: Buffer, metadata: GrpcMetadata, options: JsonObject): GrpcStream;
  makeUnaryRequest(path: string, serialize: (bytes: Buffer) => Buffer, deserialize: (bytes: Buffer) => Buffer, argument: Buffer, metadata: GrpcMetadata, options: JsonObject, then: (error: GrpcStatusError | null, message?: Buffer) => void): { cancel(): void };
  close(): void;
}

export interface GrpcMetadata {
  set(name: string, value: string): void;
}

export interface Grpc {
  readonly Client: new (target: string, credentials: unknown, options: JsonObject) => GrpcClient;
  readonly Metadata: new () => GrpcMetadata;
  readonly credentials: { createInsecure(): unknown };
}

export async function loadGrpc(): Promise<Grpc> {
  const name = '@grpc/grpc-js'; // no static import: it is an optional peer
  let loaded: unknown;
  try {
    loaded = await import(name) as unknown;
  } catch {
    throw new ConfigurationError('The SPIFFE Workload API is spoken over gRPC, which is not installed: npm install @grpc/grpc-js');
  }
  const grpc = isObject(loaded) && isObject(loaded['default']) ? loaded['default'] : loaded;
  if (!isGrpc(grpc)) throw new ConfigurationError('The installed @grpc/grpc-js is none that this package knows: npm install @grpc/grpc-js@1');
  return grpc;
}

function isGrpc(value: unknown): value is Grpc {
  return isObject(value) && typeof value['Client'] === 'function' && typeof value['Metadata'] === 'function' && isObject(value['credentials']);
}
