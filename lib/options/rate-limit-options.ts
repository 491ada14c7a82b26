import { isIP } from 'node:net';
import type { Issues } from './issues.js';
import { isIntegerWithin, OptionGroup } from './option-group.js';
import type { RateLimitOptions } from './service-options.js';
import type { ResolvedRateLimitOptions } from './resolved-options.js';

const RATE_LIMIT_KEYS = ['instances', 'ipv6Prefix', 'allow'] as const satisfies readonly (keyof RateLimitOptions)[];

export function resolveRateLimitOptions(value: unknown, issues: Issues): ResolvedRateLimitOptions {
  const group = new OptionGroup(value ?? undefined, 'rateLimit', issues, RATE_LIMIT_KEYS);
  return {
    instances: group.integer('instances', 1, { min: 1, max: 100_000 }),
    ipv6Prefix: group.integer('ipv6Prefix', 64, { min: 1, max: 128 }),
    allow: resolveNetworks(group),
  };
}

function resolveNetworks(group: OptionGroup): readonly string[] {
  const list = group.get('allow') ?? [];
  if (Array.isArray(list) && list.every(isNetwork)) return list as string[];
  return group.reject('allow', 'must be a list of addresses or networks, as "10.0.0.0/8" or "::1"') ?? [];
}

function isNetwork(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const [address = '', bits, ...more] = value.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && isIntegerWithin(Number(bits), { min: 0, max: version === 4 ? 32 : 128 }));
}
