// Who calls: shapes of layer 3's facts.

/** A SPIFFE ID that passed parseSpiffeId (SPIFFE-ID standard, section 2). */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

export type AuthMethod = 'mtls_svid' | 'jwt_svid' | 'header_declared' | 'path_declared' | 'default_identity';

/** 0 system, 1 owner, 2 delegated_admin, 3 agent, 4 external_user, 5 anonymous. */
export interface Principal {
  readonly level: 0 | 1 | 2 | 3 | 4 | 5;
  readonly role: string;
  readonly capabilities: readonly string[];
}

export interface Caller {
  readonly spiffeId: SpiffeId;
  readonly authMethod: AuthMethod;
  readonly principal: Principal;
  /** Milliseconds since the epoch after which this evidence is no longer good; Infinity for dev declarations. */
  readonly expiresMs: number;
}

/** What the socket and the headers offer as evidence; nothing of it is believed yet. */
export interface PeerEvidence {
  readonly ip: string;
  readonly loopback: boolean;
  /** True on a TLS listener: then `certificatePem` is the only evidence besides a bearer token. */
  readonly tls: boolean;
  readonly certificatePem: string;
  /** SHA-256, in hex, of the trust bundle that the TLS stack held the client's certificates against; '' where there was none, or nobody can say which. */
  readonly handshakeBundle: string;
  readonly authorization: string;
  readonly declaredSpiffeId: string;
  /** From /as/<agent>/<env>. */
  readonly declaredAgent: string;
  readonly declaredEnv: string;
}

export type IdentityRefusal = {
  readonly code: 'auth_missing_identity' | 'auth_invalid_identity' | 'auth_invalid_bearer_token';
  readonly reasonCode: string;
  readonly message?: string;
  readonly remediation?: string;
  /** Nothing else can be proven on this connection. */
  readonly endsConnection?: true;
};

export type IdentityResult = { readonly ok: true; readonly caller: Caller } | ({ readonly ok: false } & IdentityRefusal);

export interface RegisteredIdentity {
  readonly spiffeId: SpiffeId;
  readonly description: string;
}

/** Parsed config/identities.yaml; frozen, part of the snapshot. */
export interface IdentityTable {
  readonly trustDomain: string;
  readonly defaultIdentity: SpiffeId | undefined;
  readonly identities: readonly RegisteredIdentity[];
  readonly digest: string;
  has(id: string): boolean;
}

export interface Authenticator {
  /** Synchronous when the evidence is declared or cached; a promise only for a signature check. Never throws for bad evidence. */
  authenticate(evidence: PeerEvidence, table: IdentityTable, nowMs: number): IdentityResult | Promise<IdentityResult>;
  /** Forgets every cached proof (bundle replaced, identities reloaded). */
  forget(): void;
}
