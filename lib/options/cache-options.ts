import type { Issues } from './issues.js';
import { OptionGroup } from './option-group.js';
import type { CacheOptions } from './service-options.js';
import type { ResolvedCacheOptions } from './resolved-options.js';

const CACHE_KEYS = [
  'lockOnUnavailable',
  'localMaxBytes',
  'localMaxStaleness',
  'compressAbove',
] as const satisfies readonly (keyof CacheOptions)[];

export function resolveCacheOptions(value: unknown, issues: Issues): ResolvedCacheOptions {
  const group = new OptionGroup(value ?? undefined, 'cache', issues, CACHE_KEYS);
  return {
    lockOnUnavailable: group.oneOf('lockOnUnavailable', ['deny', 'allow', 'throw'], 'deny'),
    localMaxBytes: group.integer('localMaxBytes', 16_777_216, { min: 0, max: 2 ** 40 }),
    localMaxStalenessMs: group.duration('localMaxStaleness', '2s', { minMs: 1, maxMs: 60_000 }),
    compressAbove: group.integer('compressAbove', 0, { min: 0, max: 2 ** 30 }),
  };
}
