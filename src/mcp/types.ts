// One JSON-RPC message as the gateway sees it: its kind, its era and where its parts lie in the bytes. No I/O here.

export type Era = 'legacy' | 'modern';

export interface Call {
  readonly kind: 'request' | 'notification' | 'response';
  readonly era: Era;
  /** Empty for a response. */
  readonly method: string;
  /** Raw JSON text of the id (a string with its quotes, or a number); undefined for notifications. */
  readonly idText: string | undefined;
  /** Byte span of the id; 0,0 = absent. */
  readonly idFrom: number;
  readonly idTo: number;
  /** params.name of tools/call and prompts/get, the prompt that completion/complete refers to; empty otherwise. */
  readonly name: string;
  /** params.uri of resources/*, the resource or template that completion/complete refers to; empty otherwise. */
  readonly uri: string;
  /** From _meta (modern), MCP-Protocol-Version (legacy), or params.protocolVersion (initialize); empty = none said. */
  readonly protocolVersion: string;
  /** Byte span of params.arguments; 0,0 = absent. */
  readonly argumentsFrom: number;
  readonly argumentsTo: number;
  /** Some string holds a backslash escape. */
  readonly escapes: boolean;
}

/** A protocol error with the specs' own code; distinct from a refusal with a code from the error table. */
export interface ProtocolError {
  readonly rpcCode: number;
  readonly httpStatus: number;
  readonly message: string;
  readonly idText: string | undefined;
  /** As a refusal's (mcp/errors.ts). */
  readonly reasonCode?: string | undefined;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Goes before that of the number. */
  readonly remediation?: string | undefined;
}

export type ParsedCall = { readonly ok: true; readonly call: Call } | { readonly ok: false; readonly error: ProtocolError };
