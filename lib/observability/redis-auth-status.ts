import { Injectable } from '@nestjs/common';
import type { CacheAdapter } from '../cache/index.js';
import type { RateLimiter } from '../rate-limit/index.js';
import type { RedisAuthConnection } from '../redis/index.js';
import type { SessionService } from '../sessions/index.js';

/**
 * `up`: all is well. `degraded`: tokens are verified, but something is done without. `down`: nobody can be verified, since
 * Redis would have to be asked and cannot be.
 */
export type Health = 'up' | 'degraded' | 'down';

/** Why it is not `up`. */
export type HealthReason =
  /** Nothing can be written: no sign-in, no refresh, no log-out. Verifying goes on by what is known here, for a while. */
  | 'redis-unavailable'
  /** Redis answers, but refuses calls (ACL, password). */
  | 'redis-refuses'
  /** What was revoked is not known closely enough: verifying asks Redis. */
  | 'revocations-late'
  /** It is not known at all, as at the start and after Redis lost data: verifying asks Redis. */
  | 'revocations-unknown'
  /** Reads of the cache are misses. */
  | 'cache-without-redis'
  /** Each instance keeps a part of the limits by itself. */
  | 'limits-without-redis';

/** How one registration is, at one moment, as seen by this process. */
export interface Status {
  /** Its name; `default` for the one without. */
  readonly instance: string;
  readonly state: Health;
  /** Empty while it is `up`. */
  readonly reasons: readonly HealthReason[];
  readonly redis: 'available' | 'unavailable' | 'refusing';
  readonly revocation: {
    /** `sessions.revocation`. */
    readonly mode: 'local' | 'remote' | 'off';
    /** Ms for which a revocation can have gone unheard here; null where nobody can tell. With `local` only. */
    readonly stalenessMs?: number | null;
    /** The bound on it. With `local` only. */
    readonly maxStalenessMs?: number;
  };
}

/** What a status is read from. */
export interface StatusSources {
  readonly instance: string;
  readonly connection: RedisAuthConnection;
  readonly sessions: SessionService;
  readonly cache: CacheAdapter;
  readonly limiter: RateLimiter;
}

/** How one registration of the module is: for health checks, metrics, and whoever wants to know. */
@Injectable()
export class RedisAuthStatus {
  /** @internal */
  constructor(private readonly sources: StatusSources) {}

  /** As it is known here: without a command, at once. A Redis that hangs is noticed by the calls that it leaves unanswered. */
  look(): Status {
    return this.statusWhere(this.sources.connection.isUsable && !this.sources.sessions.standing.hasGivenUp);
  }

  /** The same, after Redis was asked for a sign of life: one round trip, within `commandTimeout`. Never rejects. */
  async ask(): Promise<Status> {
    const answers = await this.sources.connection.ping().then(
      () => true,
      () => false,
    );
    return this.statusWhere(answers);
  }

  private statusWhere(isThere: boolean): Status {
    const { instance, connection, sessions, cache, limiter } = this.sources;
    const { standing } = sessions;
    const redis = !isThere ? 'unavailable' : connection.isRefusing ? 'refusing' : 'available';
    const staleness = standing.stalenessMs;
    const reasons: HealthReason[] = [];
    if (redis !== 'available') reasons.push(redis === 'refusing' ? 'redis-refuses' : 'redis-unavailable');
    if (standing.revocation === 'local' && staleness > standing.maxStalenessMs) {
      reasons.push(staleness === Infinity ? 'revocations-unknown' : 'revocations-late');
    }
    if (!cache.asksRedis) reasons.push('cache-without-redis');
    if (!limiter.store.asksRedis) reasons.push('limits-without-redis');
    return {
      instance,
      state: reasons.length === 0 ? 'up' : isThere || standing.verifiesWithoutRedis ? 'degraded' : 'down',
      reasons,
      redis,
      revocation: {
        mode: standing.revocation,
        ...(standing.revocation === 'local' && {
          stalenessMs: staleness === Infinity ? null : Math.round(staleness),
          maxStalenessMs: standing.maxStalenessMs,
        }),
      },
    };
  }
}
