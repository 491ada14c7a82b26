import { RateLimiterRedis } from 'rate-limiter-flexible';
import limiterPackage from 'rate-limiter-flexible/package.json' with { type: 'json' };
import { RateLimiter, type RateLimitAlgorithm } from 'nestjs-redis-auth';
import { startRedis } from 'nestjs-redis-auth/testing';
import { Redis } from 'ioredis';
import { interleave, type Contender } from './rounds.js';
import { quartiles, ratios, type Quartiles } from './statistics.js';

/** What a rate limit costs beside the script that does nothing, 64 calls in flight. */
export interface RateLimitCosts {
  cases: { name: string; ratio: Quartiles; perSecond: Quartiles; goal?: number }[];
}

const GOAL = 0.85;
const KEYS = 1024;
const RULE = { limit: 1_000_000, window: '1h' } as const;

export async function measureRateLimits(): Promise<RateLimitCosts> {
  await using redis = await startRedis({ port: 'tcp' });
  const raw = new Redis(redis.url);
  const limiter = new RateLimiter({ redis: redis.url });
  const sha = (await raw.script('LOAD', 'return 1')) as string;
  const baseline: Contender = { name: '`EVALSHA` of `return 1`', call: () => raw.evalsha(sha, 1, 'bench:key') };
  const algorithms = (['gcra', 'fixed', 'sliding'] as const).map((algorithm) => consume(limiter, algorithm));
  const single = new Set<Contender>(algorithms);
  const cases = [...algorithms, several(limiter), await denied(limiter), flexible(raw)];
  try {
    const measured = await interleave([baseline, ...cases]);
    return {
      cases: cases.map((contender) => ({
        name: contender.name,
        ...(single.has(contender) && { goal: GOAL }),
        perSecond: quartiles(measured.get(contender)!),
        ratio: ratios(measured.get(contender)!, measured.get(baseline)!),
      })),
    };
  } finally {
    raw.disconnect();
    await limiter.close();
  }
}

function consume(limiter: RateLimiter, algorithm: RateLimitAlgorithm): Contender {
  let next = 0;
  // A sliding window remembers each use: a limit of the size that is usual for one.
  const rule = algorithm === 'sliding' ? { limit: 100, window: '1s', algorithm } : { ...RULE, algorithm };
  return { name: `\`consume\`, ${algorithm}`, call: () => limiter.consume(`${algorithm}-${next++ % KEYS}`, rule) };
}

function several(limiter: RateLimiter): Contender {
  let next = 0;
  const rules = [RULE, { limit: 2_000_000, window: '1d' }, { limit: 500_000, window: '1m' }];
  return { name: '`consume`, three limits', call: () => limiter.consume(`several-${next++ % KEYS}`, rules) };
}

async function denied(limiter: RateLimiter): Promise<Contender> {
  await limiter.block('denied', '1h');
  return { name: '`consume` of a key that is denied', call: () => limiter.consume('denied', RULE) };
}

function flexible(raw: Redis): Contender {
  const limiter = new RateLimiterRedis({ storeClient: raw, points: RULE.limit, duration: 3600 });
  let next = 0;
  return { name: `rate-limiter-flexible ${limiterPackage.version}`, call: () => limiter.consume(`flexible-${next++ % KEYS}`) };
}
