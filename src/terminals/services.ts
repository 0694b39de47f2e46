// What the terminals ask: the way to tool servers, and the gateway's own knowledge of them.
import type { JsonGuard } from '../base/json/types.js';
import type { Context } from '../chain/context.js';
import type { Deny } from '../chain/verdict.js';
import type { McpSession } from '../engines/mcp-session/types.js';
import type { McpSessions } from '../engines/mcp-session/sessions.js';
import type { ToolCache } from '../engines/registry/served-tools.js';
import type { RegisteredTool, ServedTool, ToolState } from '../engines/registry/types.js';
import type { SentSecrets } from '../engines/secrets/sent-secrets.js';
import type { SessionRisk } from '../engines/session-risk/types.js';
import type { Era } from '../mcp/types.js';
import type { UpstreamClient } from '../upstream/types.js';
import type { AnswerMemory } from './answer-memory.js';
import type { Firewalls } from './firewalls.js';
import type { OpenStreams } from './open-streams.js';
import type { Routes } from './routes.js';
import type { TaskOwners } from './task-owners.js';

/** The headers of one message to one tool server, on behalf of one caller. */
export interface Leg {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The session is the gateway's own, shared by stateless callers: ids must be made unique. */
  readonly shared: boolean;
  /** A session id goes with it, so that a 404 means the session was lost. */
  readonly sessionBound: boolean;
  /** The server's era, where it is not the caller's: messages are changed on their way (src/mcp/other-era.ts). */
  readonly mappedTo?: Era;
}

export interface Legs {
  /** What `open` would give at once; undefined = it must wait, or can't. */
  known(ctx: Context, url: string): Leg | undefined;
  /** Calls one of the two, at once or later; in the latter case the body was retained. */
  open(ctx: Context, url: string, ready: (leg: Leg) => void, failed: (refusal: Deny) => void): void;
  /** The server no longer knows the session behind `leg`: the next open makes a new one. */
  forget(ctx: Context, leg: Leg): void;
  /** Ends a client session's sessions with its tool servers. */
  closeSession(session: McpSession): void;
}

/** What the control thread's listings found of one upstream. */
export interface UpstreamKnowledge {
  readonly url: string;
  readonly state: 'up' | 'down' | 'unknown';
  readonly modern: boolean;
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions: string | undefined;
}

export interface ToolKnowledge {
  stateOf(tool: RegisteredTool): ToolState;
  /** What of `served` may be shown: its text, without members changed since it was pinned; undefined = hide it. A change makes the control thread look. */
  presentable(tool: RegisteredTool, served: ServedTool): string | undefined;
  upstream(url: string): UpstreamKnowledge;
  /** The server said that its list changed: the control thread looks, once for all who say so. */
  refresh(upstream: string): Promise<void>;
}

export interface StreamListener {
  /** A message goes to one stream of each (2025-11-25, basic/transports: multiple connections). */
  readonly session: McpSession | undefined;
  /** The gateway's own notification that a list is another now. */
  tell(what: 'tools' | 'prompts' | 'resources'): void;
}

export interface TerminalServices {
  readonly client: UpstreamClient;
  readonly legs: Legs;
  readonly jsonGuard: JsonGuard;
  readonly mcpSessions: McpSessions;
  readonly sessionRisk: SessionRisk;
  readonly tools: ToolKnowledge;
  /** Hashes of definitions seen before: a tool is hashed when its text changes, not when it is listed. */
  readonly toolCache: ToolCache;
  /** Unique within this thread. */
  nextId(): number;
  readonly routes: Routes;
  readonly taskOwners: TaskOwners;
  /** Streams of GET requests that want the gateway's own list_changed notifications. */
  readonly listeners: Set<StreamListener>;
  /** Open subscriptions of each caller. */
  readonly subscriptions: Map<string, number>;
  /** Ends the streams that would never end by themselves, when the gateway stops. */
  readonly openStreams: OpenStreams;
  /** Whether the evidence of a request still proves the same caller, by what is in force now. */
  isProven(ctx: Pick<Context, 'inbound' | 'caller'>): boolean | Promise<boolean>;
  /** What no answer of a tool server may hold. */
  readonly sentSecrets: SentSecrets;
  readonly firewalls: Firewalls;
  readonly answerMemory: AnswerMemory;
  readonly every: (ms: number, tick: () => void) => () => void;
  /** Since the epoch; for what outlives its request. */
  readonly nowMs: () => number;
  readonly version: string;
}
