// The guard model over HTTP (OpenAI-compatible chat, or a classify endpoint).

export type GuardAnswer =
  | { readonly kind: 'benign'; readonly score: number }
  | { readonly kind: 'unsafe'; readonly label: string; readonly score: number }
  /** Time-out, refusal, nonsense, or its own breaker is open. The caller must refuse. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface Guard {
  readonly configured: boolean;
  classify(text: string): Promise<GuardAnswer>;
  close(): Promise<void>;
}
