import { dataOf } from '../data/index.js';
import { InvalidArgumentError, type InvalidTokenReason, SessionConflictError } from '../errors/index.js';
import type { TokenOrigin } from '../jwt/index.js';
import { decodeIdentity, type Identity } from '../redis/index.js';
import type { SessionInfo } from './session-types.js';
import type { GrantReply } from './chain.lua.js';
import type { ReplyNumber } from './session-state.lua.js';
import type { SessionReply, UpdateRefusal } from './session.lua.js';

/** What a script allows to be issued. */
export interface Grant {
  readonly identity: Identity;
  readonly generation: number;
  /** As it is stored: `''` for the default. */
  readonly kid: string;
  readonly claims: Record<string, unknown>;
  readonly scopes: readonly string[];
  /** The session's own; undefined where the module's applies. */
  readonly accessTokenTtlMs: number | undefined;
  /** Until the session expires. */
  readonly restMs: number;
  readonly authAgeMs: number;
  /** By the server's clock. */
  readonly expiresMs: number;
  readonly origin: TokenOrigin;
}

export function grantOf(reply: GrantReply): Grant {
  const [generation, restMs, authAgeMs, expiresMs, kid, identity, accessTokenTtlMs, claims, scopes, tenant, user, now] = reply;
  return {
    identity: decodeIdentity(identity),
    generation: Number(generation),
    kid,
    claims: claims === null ? {} : (JSON.parse(claims) as Record<string, unknown>),
    scopes: scopesOf(scopes),
    accessTokenTtlMs: accessTokenTtlMs === null ? undefined : Number(accessTokenTtlMs),
    restMs: Number(restMs),
    authAgeMs: Number(authAgeMs),
    expiresMs: Number(expiresMs),
    origin: originOf(user, tenant, now),
  };
}

/** Of a token issued under these epochs. */
export function originOf(userEpoch: string, tenantEpoch: string | null, nowMs: ReplyNumber): TokenOrigin {
  return { userEpoch: Number(userEpoch), tenantEpoch: Number(tenantEpoch ?? 0), issuedMs: Number(nowMs) };
}

export function sessionInfoOf(sessionId: string, reply: SessionReply, withData: boolean): SessionInfo {
  const [, identity, created, seen, authenticated, expires, absolute, generation, version, scopes, device, data] = reply;
  return {
    sessionId,
    ...decodeIdentity(identity),
    createdAt: new Date(Number(created)),
    lastSeenAt: new Date(Number(seen)),
    authTime: new Date(Number(authenticated)),
    expiresAt: new Date(Number(expires)),
    absoluteExpiresAt: new Date(Number(absolute)),
    ...(device !== null && { device: JSON.parse(device) as NonNullable<SessionInfo['device']> }),
    scopes: scopesOf(scopes),
    generation: Number(generation),
    version: Number(version),
    ...(withData && { data: dataOf(data) }),
  };
}

/** @throws SessionConflictError, InvalidArgumentError where the script wrote nothing */
export function updatedOf(sessionId: string, reply: SessionReply | UpdateRefusal, ifVersion: number | undefined): SessionInfo {
  if (reply.length > 3) return sessionInfoOf(sessionId, reply as SessionReply, true);
  const [refusal, detail] = reply as UpdateRefusal;
  if (refusal === 'conflict') throw new SessionConflictError(ifVersion!, Number(detail));
  throw new InvalidArgumentError('data', `would be ${detail} bytes as JSON, merged with what is there; that is more than maxDataBytes`);
}

/** Why verify refuses a session that ended so. */
export function endedBy(state: string): InvalidTokenReason {
  if (state === 'o') return 'revoked';
  return refusalOf(state);
}

/** Why refresh refuses a session that ended so; a logged-out token replayed is merely `invalid`. */
export function refusalOf(state: string): InvalidTokenReason {
  switch (state) {
    case 'r':
    case 'u':
      return 'revoked';
    case 'e':
      return 'evicted';
    case 'x':
      return 'expired';
    case 'reused':
      return 'reused';
    default:
      return 'invalid';
  }
}

function scopesOf(scopes: string | null): string[] {
  return scopes === null ? [] : scopes.split(' ');
}
