import type { Issues } from './issues.js';
import { readKid } from './jwt-options.js';
import { readSecret } from './key-material.js';
import { isIntegerWithin, isObject, OptionGroup } from './option-group.js';
import type { RefreshKey, SessionLimit, SessionOptions } from './options.js';
import type { ResolvedJwtKey, ResolvedRefreshKey, ResolvedSessionOptions } from './resolved-options.js';

const SESSION_KEYS = [
  'accessTokenTtl',
  'idleTimeout',
  'absoluteTimeout',
  'limit',
  'refreshLeeway',
  'refreshKeys',
  'touchInterval',
  'revocation',
  'maxStaleness',
  'onStoreUnavailable',
  'keyspaceNotifications',
  'maxDataBytes',
  'maxClaimsBytes',
] as const satisfies readonly (keyof SessionOptions)[];
const LIMIT_KEYS = ['max', 'onExceeded'] as const satisfies readonly (keyof SessionLimit)[];
const REFRESH_KEY_KEYS = ['kid', 'secret'] as const satisfies readonly (keyof RefreshKey)[];

const LIMIT_RANGE = { min: 1, max: 1_000_000 };

/** `jwtKeys`: refresh tokens must not be MACed by a secret that signs access tokens. */
export function resolveSessionOptions(value: unknown, jwtKeys: readonly ResolvedJwtKey[], issues: Issues): ResolvedSessionOptions {
  const group = new OptionGroup(value ?? undefined, 'sessions', issues, SESSION_KEYS);
  const limit = resolveLimit(group, issues);
  const refreshKeys = resolveRefreshKeys(group, jwtKeys, issues);
  const revocation = group.oneOf('revocation', ['local', 'remote', 'off'], 'local');
  return {
    accessTokenTtlMs: group.duration('accessTokenTtl', '15m', { minMs: 1 }),
    idleTimeoutMs: group.duration('idleTimeout', '7d', { minMs: 1 }),
    absoluteTimeoutMs: group.duration('absoluteTimeout', '30d', { minMs: 1 }),
    ...(limit && { limit }),
    refreshLeewayMs: group.duration('refreshLeeway', '10s', { minMs: 0 }),
    ...(refreshKeys && { refreshKeys }),
    touchIntervalMs: group.duration('touchInterval', '60s', { minMs: 0 }),
    revocation,
    maxStalenessMs: group.duration('maxStaleness', '5s', { minMs: 1 }),
    ...resolveService(group, revocation, issues),
    keyspaceNotifications: group.boolean('keyspaceNotifications', false),
    maxDataBytes: group.integer('maxDataBytes', 16_384, { min: 2, max: 1_048_576 }),
    maxClaimsBytes: group.integer('maxClaimsBytes', 4096, { min: 2, max: 8192 }),
  };
}

function resolveLimit(group: OptionGroup, issues: Issues): SessionLimit | undefined {
  const value = group.get('limit');
  if (value === undefined) return undefined;
  if (isIntegerWithin(value, LIMIT_RANGE)) return { max: value, onExceeded: 'evict-oldest' };
  if (!isObject(value)) return group.reject('limit', 'must be an integer of at least 1, or { max, onExceeded }; leave it out for no limit');
  const limit = new OptionGroup(value, group.at('limit'), issues, LIMIT_KEYS);
  if (!limit.has('max')) limit.reject('max', 'is required');
  return {
    max: limit.integer('max', 1, LIMIT_RANGE),
    onExceeded: limit.oneOf('onExceeded', ['evict-oldest', 'evict-idle', 'reject'], 'evict-oldest'),
  };
}

function resolveRefreshKeys(group: OptionGroup, jwtKeys: readonly ResolvedJwtKey[], issues: Issues): ResolvedRefreshKey[] | undefined {
  const list = group.get('refreshKeys');
  if (list === undefined) return undefined;
  if (!Array.isArray(list) || list.length === 0) return group.reject('refreshKeys', 'must be a list of at least one { kid, secret }');
  const kids = new Set<string>();
  return list.flatMap((entry: unknown, index) => {
    const item = new OptionGroup(entry ?? null, `${group.at('refreshKeys')}[${index}]`, issues, REFRESH_KEY_KEYS);
    const kid = readKid(item, kids);
    const { key, problem } = readSecret(item.get('secret'));
    if (key === undefined) {
      item.reject('secret', item.has('secret') ? problem : 'is required');
      return [];
    }
    if (jwtKeys.some(({ signingKey }) => signingKey?.type === 'secret' && signingKey.equals(key))) {
      item.reject('secret', 'also signs access tokens; give refresh tokens a secret of their own, or leave refreshKeys out');
    }
    return [{ kid, secret: key }];
  });
}

/** For how long a replica serves while Redis does not answer. */
function resolveService(group: OptionGroup, revocation: string, issues: Issues): { serveForMs?: number } {
  const value = group.get('onStoreUnavailable');
  if (!isObject(value)) {
    if (value !== undefined && value !== 'reject') group.reject('onStoreUnavailable', 'must be "reject" or { serveFor: \'2m\' }');
    return {};
  }
  const service = new OptionGroup(value, group.at('onStoreUnavailable'), issues, ['serveFor']);
  if (!service.has('serveFor')) service.reject('serveFor', 'is required');
  if (revocation !== 'local') group.reject('onStoreUnavailable', '{ serveFor } needs revocation "local"; use "reject", or leave it out');
  return { serveForMs: service.duration('serveFor', '1m', { minMs: 1 }) };
}
