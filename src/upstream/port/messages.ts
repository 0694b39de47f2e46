// What a thread and the owner of a tool server's channel say to each other.
import type { UpstreamFault, UpstreamRequest } from '../types.js';

export type ToOwner =
  | { readonly kind: 'send'; readonly call: number; readonly request: UpstreamRequest }
  | { readonly kind: 'abort' | 'pause' | 'resume'; readonly call: number }
  /** So many bytes of answers were handled. */
  | { readonly kind: 'taken'; readonly bytes: number };

export type FromOwner =
  | { readonly kind: 'head'; readonly call: number; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'data'; readonly call: number; readonly chunk: Uint8Array }
  | { readonly kind: 'end'; readonly call: number }
  | { readonly kind: 'fault'; readonly call: number; readonly fault: UpstreamFault };
