import type { Duration } from '../options/index.js';

/** Where a session was opened; shown in lists of sessions, never compared with a request. */
export interface DeviceInfo {
  name?: string;
  ip?: string;
  userAgent?: string;
}

/** What a sign-in may say besides the user's id. */
export interface SessionInit {
  /** Public: kept with the session and copied to the top level of each access token. */
  claims?: Record<string, unknown>;
  /** Private: stays in Redis. */
  data?: Record<string, unknown>;
  device?: DeviceInfo;
  /** Travel as `scope`, space-separated (RFC 6749 §3.3). */
  scopes?: string[];
  /** A user id is unique within its tenant. */
  tenant?: string;
  /** At most the module's. @default `sessions.accessTokenTtl` */
  accessTokenTtl?: Duration;
  /** At most the module's. @default `sessions.idleTimeout` */
  idleTimeout?: Duration;
  /** At most the module's. @default `sessions.absoluteTimeout` */
  absoluteTimeout?: Duration;
  /** A repeat with the same id for the same user within 60 s gets the first answer. */
  requestId?: string;
}

/** What a client gets at sign-in and at each refresh. */
export interface SessionTokens {
  /** Public: may be shown, never authenticates. */
  sessionId: string;
  accessToken: string;
  refreshToken: string;
  tokenType: 'Bearer';
  /** Seconds until the access token expires, as in RFC 6749 §5.1. */
  expiresIn: number;
  /** By the clock of the process that issued it. */
  accessTokenExpiresAt: Date;
  /** When the session expires unless it is used, by the server's clock. */
  refreshTokenExpiresAt: Date;
  /** Whole seconds until then, whatever clocks show. */
  refreshExpiresIn: number;
}

/** A session as its user may see it in a list. Times are by the Redis server's clock. */
export interface SessionInfo {
  /** Public: may be shown and revoked, never authenticates. */
  sessionId: string;
  userId: string;
  tenant?: string;
  /** Sign-in; `regenerate` and `reauthenticated` keep it. */
  createdAt: Date;
  /** Last refresh or touch. */
  lastSeenAt: Date;
  authTime: Date;
  /** Idle: moved by refresh and touch, never beyond `absoluteExpiresAt`. */
  expiresAt: Date;
  absoluteExpiresAt: Date;
  device?: DeviceInfo;
  scopes: string[];
  /** Of the refresh token: 1 at sign-in, one more with each rotation. */
  generation: number;
  /** Number of updates of the data. */
  version: number;
  /** Only when asked for. */
  data?: Record<string, unknown>;
}

export type SessionEventType = 'created' | 'refreshed' | 'revoked' | 'evicted' | 'expired' | 'reuse-detected';

/** Something that happened to a session, on whichever instance. */
export interface SessionEvent {
  type: SessionEventType;
  sessionId: string;
  userId: string;
  tenant?: string;
  at: Date;
  /** As given to `revoke`, or `logout`, `revoke-all`, `regenerated`, `tenant revoked`. */
  reason?: string;
  /** Of a reused refresh token: the one presented, and the one that was current. */
  generation?: { presented: number; current: number };
}
