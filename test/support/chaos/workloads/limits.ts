import { RateLimiter, type RateLimitResult } from '../../../../lib/rate-limit/index.js';
import type { LimitCall } from '../history.js';
import { every, type Workload, type WorkloadContext } from '../workload.js';

const ALGORITHMS = ['gcra', 'fixed', 'sliding'] as const;
const LIMIT = 6;
const WINDOW_MS = 1_500;

/** More than each limit allows, on a key of each algorithm. */
export async function limitsWorkload(context: WorkloadContext): Promise<Workload> {
  const { options, random, recorder } = context;
  const { redis, keyPrefix, commandTimeout, rateLimit } = options as {
    redis: string;
    keyPrefix: string;
    commandTimeout: number;
    rateLimit?: object;
  };
  const limiter = new RateLimiter({ redis, keyPrefix, commandTimeout, ...rateLimit });

  async function act(): Promise<void> {
    const algorithm = ALGORITHMS[Math.floor(random() * ALGORITHMS.length)]!;
    const key = `calls-${algorithm}`;
    await recorder.record<LimitCall, RateLimitResult>(
      'consume',
      { key, algorithm, limit: LIMIT, windowMs: WINDOW_MS },
      () => limiter.consume(key, { limit: LIMIT, window: `${WINDOW_MS}ms`, algorithm }),
      ({ allowed, limit }) => ({ allowed, toldLimit: limit }),
    );
  }

  const stop = every(6, context, act);
  return { rest: stop, [Symbol.asyncDispose]: () => limiter.close() };
}
