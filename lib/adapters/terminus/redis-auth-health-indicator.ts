import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import type { Health, HealthReason, Status } from '../../observability/index.js';
import { getRedisAuthStatusToken } from '../../index.js';

/** How {@link RedisAuthHealthIndicator.isHealthy} asks and answers. */
export interface HealthCheckOptions {
  /** Name of the registration that is meant. @default the one without a name */
  instance?: string;
  /** Ask Redis for a sign of life, rather than go by what is known here. @default true */
  ping?: boolean;
  /**
   * What `degraded` is reported as: `down` takes an instance out of service that can still verify, but signs nobody in.
   * @default 'degraded', which leaves the answer at 200
   */
  degradedAs?: Health;
}

/** What is told beside the status. */
interface Details {
  readonly instance: string;
  /** Why it is not up; empty where it is. */
  readonly reasons: readonly HealthReason[];
  readonly redis: Status['redis'];
  readonly revocation: Status['revocation']['mode'];
  /** Ms for which a revocation can have gone unheard here; null where nobody can tell. */
  readonly stalenessMs?: number | null;
  readonly maxStalenessMs?: number;
}

/**
 * Tells `@nestjs/terminus` how a registration of RedisAuthModule is: `up`; `degraded` while tokens are verified but
 * something is done without; `down` when nobody can be verified. See {@link RedisAuthStatus} for the reasons.
 *
 * A provider of the application's own, beside `TerminusModule` (which has to be imported): `providers:
 * [RedisAuthHealthIndicator]`. One serves every registration. With `@nestjs/terminus` 11, which knows no `degraded`, that is
 * `up` with its reasons.
 */
@Injectable()
export class RedisAuthHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly modules: ModuleRef,
  ) {}

  /**
   * For `health.check([() => redisAuth.isHealthy('redis-auth')])`. One round trip, within `commandTimeout`; none with
   * `ping: false`. Redis being away is an answer, no error.
   *
   * @throws UnknownElementException where no registration has that name
   */
  async isHealthy<const Key extends string>(key: Key, options: HealthCheckOptions = {}): Promise<HealthIndicatorResult<Key>> {
    const { instance, ping = true, degradedAs = 'degraded' } = options;
    const status = this.modules.get(getRedisAuthStatusToken(instance), { strict: false });
    const told = ping ? await status.ask() : status.look();
    const health = told.state === 'degraded' ? degradedAs : told.state;
    const session = this.indicators.check(key);
    const details = detailsOf(told);
    if (health === 'down') return session.down(details);
    // Terminus 11 has no such method.
    const knowsDegraded = (session as Partial<typeof session>).degraded !== undefined;
    return health === 'degraded' && knowsDegraded ? session.degraded(details) : session.up(details);
  }
}

function detailsOf({ instance, reasons, redis, revocation: { mode, ...staleness } }: Status): Details & Record<string, unknown> {
  return { instance, reasons, redis, revocation: mode, ...staleness };
}
