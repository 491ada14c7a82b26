import { AccessTokenSigner, AccessTokenVerifier, namespaceOf } from '../jwt/index.js';
import type { ResolvedOptions } from '../options/index.js';
import { KeySpace, type RedisAuthConnection } from '../redis/index.js';
import { Revocations } from '../revocation/index.js';
import { DataCopies } from './data-copies.js';
import { ExpiryNotices } from './expiry-notices.js';
import { Liveness } from './liveness.js';
import { OpenStreams } from './open-streams.js';
import { PresentedTokens } from './presented-tokens.js';
import { refreshTokenKeys } from './refresh-token-keys.js';
import { RefreshTokenCodec } from './refresh-token.js';
import { ScriptCalls } from './script-calls.js';
import { SessionEndings } from './session-endings.js';
import { SessionEvents } from './session-events.js';
import { FeedSwitchboard, SessionLife } from './session-life.js';
import { SessionStore } from './session-store.js';
import { Standing } from './standing.js';
import { TokenChecks } from './token-checks.js';
import { TokenIssuer } from './token-issuer.js';
import { TouchThrottle } from './touch-throttle.js';

/** Makes the parts of a SessionService and puts them together. */
export function assemble(connection: RedisAuthConnection, { jwt, sessions, keyPrefix }: ResolvedOptions) {
  const namespace = namespaceOf(keyPrefix);
  const keys = new KeySpace(keyPrefix);
  const windowMs = sessions.accessTokenTtlMs + 2 * jwt.clockToleranceMs;

  const verifier = new AccessTokenVerifier(jwt, namespace);
  const codec = new RefreshTokenCodec(refreshTokenKeys(jwt, sessions, namespace));

  const copies = new DataCopies();
  const switchboard = new FeedSwitchboard(copies);
  const revocations = new Revocations(connection, keys, { windowMs, staleAfterMs: sessions.maxStalenessMs }, switchboard);
  const issuer = new TokenIssuer(new AccessTokenSigner(jwt, namespace), codec, sessions, () => revocations.dataset);
  const events = new SessionEvents(connection, keys);
  const calls = new ScriptCalls(connection, keys, events, revocations);
  const store = new SessionStore(calls, keys, sessions, revocations, windowMs);
  const endings = new SessionEndings(connection, calls, keys, revocations, { windowMs, epochTtlMs: store.epochTtlMs });
  const liveness = new Liveness(sessions, store, revocations, copies);
  const checks = new TokenChecks(verifier, liveness, copies);
  const streams = new OpenStreams(revocations, liveness, jwt.clockToleranceMs, sessions.revocation !== 'off');
  switchboard.streams = streams;
  switchboard.redoing = (texts) => endings.redo(texts);

  const presented = new PresentedTokens(jwt.issuer, verifier, codec, store, endings, calls, keys, sessions.revocation);
  const notices = sessions.keyspaceNotifications ? new ExpiryNotices(connection, keys, (id) => store.get(id, false)) : undefined;
  const life = new SessionLife(streams, events, notices, revocations, liveness, sessions.revocation === 'local');
  const standing = new Standing(sessions, revocations, liveness);
  const throttle = new TouchThrottle(sessions.touchIntervalMs);
  return { observer: connection.observer, events, store, endings, checks, presented, codec, issuer, life, standing, throttle };
}

export type SessionParts = ReturnType<typeof assemble>;
