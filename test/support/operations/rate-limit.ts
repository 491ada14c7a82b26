import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { RateLimit, RateLimiter, type RateLimitResult } from '../../../lib/rate-limit/index.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';
import { INSTANCES, type Services } from './services.js';

const operation = operationsOf('rate-limit');
const withThrottler = operationsOf('throttler');
const LIMIT = 40;
const rule = { limit: LIMIT, window: '1h', algorithm: 'fixed' } as const;
/** Of the whole limit, not of the part that an instance keeps by itself. */
const isShared = { succeeded: ({ limit }: RateLimitResult) => limit === LIMIT };

const used = async ({ limiter }: Services, key: string): Promise<number> => LIMIT - (await limiter.peek(key, rule)).remaining;

class Routes {
  @RateLimit({ ...rule, by: ({ key }: { key: string }) => key })
  limited(): void {}
}

const LIMITED = Object.getOwnPropertyDescriptor(Routes.prototype, 'limited')!.value as () => void;

/** A request as a platform gives it to a guard. */
function requestOf(key: string): ExecutionContext {
  const context = new ExecutionContextHost([{ key, ip: '203.0.113.7' }, { header: () => undefined }], Routes, LIMITED);
  context.setType('http');
  return context;
}

export const RATE_LIMIT_OPERATIONS: readonly Operation[] = [
  operation(
    'RateLimiter.consume',
    'limit',
    ({ limiter }, _by, id) => ({
      call: () => limiter.consume(id, rule),
      effects: (other) => used(other, id),
    }),
    isShared,
  ),
  operation(
    'RateLimiter.consume (with a requestId)',
    'limit',
    ({ limiter }, _by, id) => ({
      call: () => limiter.consume(id, { ...rule, requestId: id }),
      effects: (other) => used(other, id),
    }),
    isShared,
  ),
  operation('RateLimiter.peek', 'limit', ({ limiter }, _by, id) => ({ call: () => limiter.peek(id, rule) }), isShared),
  operation(
    'RateLimiter.penalty',
    'limit',
    ({ limiter }, _by, id) => ({
      call: () => limiter.penalty(id, rule),
      effects: (other) => used(other, id),
    }),
    isShared,
  ),
  operation(
    'RateLimiter.reward',
    'limit',
    async ({ limiter }, by, id) => {
      await by.limiter.consume(id, { ...rule, cost: 10 });
      return { call: () => limiter.reward(id, rule), effects: async (other) => 10 - (await used(other, id)) };
    },
    isShared,
  ),
  operation('RateLimiter.reset', 'change', async ({ limiter }, by, id) => {
    await by.limiter.consume(id, rule);
    return { call: () => limiter.reset(id), effects: async (other) => 1 - (await used(other, id)) };
  }),
  operation('RateLimiter.block', 'write', ({ limiter }, _by, id) => ({
    call: () => limiter.block(id, '1h'),
    effects: (other) => once(other.limiter.peek(id, rule).then(({ allowed }) => !allowed)),
  })),
  operation(
    'RateLimiter.login',
    'limit',
    ({ limiter }, _by, id) => ({
      call: () => limiter.login({ account: id, ip: '203.0.113.7' }, { account: rule, ip: { limit: 100_000, window: '1h' } }),
    }),
    isShared,
  ),
  operation(
    'LoginAttempt.succeeded',
    'cache',
    async ({ limiter }, _by, id) => {
      const attempt = await limiter.login({ account: id, ip: '203.0.113.7' }, { account: rule, ip: { limit: 100_000, window: '1h' } });
      return { call: () => attempt.succeeded() };
    },
    { isBound: true },
  ),
  operation('RateLimitGuard.canActivate', 'limit', ({ rateLimitGuard }, _by, id) => ({
    call: () => rateLimitGuard.canActivate(requestOf(id)),
  })),
  closing(operation, 'RateLimiter.close', ({ redis, keyPrefix }) => {
    const limiter = new RateLimiter({ redis, keyPrefix, instances: INSTANCES });
    return { ask: () => limiter.peek('nothing', rule), close: () => limiter.close() };
  }),
  withThrottler('RedisThrottlerStorage.increment', 'limit', ({ throttler }, _by, id) => ({
    call: () => throttler.increment(id, 3_600_000, LIMIT, 0, 'default'),
    effects: async (other) => (await other.throttler.increment(id, 3_600_000, LIMIT, 0, 'default')).totalHits - 1,
  })),
  closing(withThrottler, 'RedisThrottlerStorage.onApplicationShutdown', ({ redis, keyPrefix }) => {
    const storage = new RedisThrottlerStorage({ redis, keyPrefix });
    return { ask: () => storage.increment('nothing', 1_000, LIMIT, 0, 'default'), close: () => storage.onApplicationShutdown() };
  }),
];
