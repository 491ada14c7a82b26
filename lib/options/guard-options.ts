import { COOKIE_NAME_RULE, isCookieName } from './cookie-name.js';
import type { Issues } from './issues.js';
import { OptionGroup } from './option-group.js';
import type { Extractor, GuardOptions, VerifiedSession } from './options.js';
import type { ResolvedGuardOptions } from './resolved-options.js';

const GUARD_KEYS = ['from', 'cookie', 'touch', 'userLoader'] as const satisfies readonly (keyof GuardOptions)[];
const COOKIE_KEYS = ['name'] as const satisfies readonly (keyof NonNullable<GuardOptions['cookie']>)[];

export function resolveGuardOptions(value: unknown, issues: Issues): ResolvedGuardOptions {
  const group = new OptionGroup(value ?? undefined, 'guard', issues, GUARD_KEYS);
  const userLoader = group.get('userLoader');
  if (userLoader !== undefined && typeof userLoader !== 'function')
    group.reject('userLoader', 'must be a function of the verified session');
  return {
    from: resolveSources(group),
    cookieName: resolveCookieName(new OptionGroup(group.get('cookie'), group.at('cookie'), issues, COOKIE_KEYS)),
    touch: group.boolean('touch', false),
    ...(typeof userLoader === 'function' && { userLoader: userLoader as (session: VerifiedSession) => unknown }),
  };
}

function resolveSources(group: OptionGroup): ResolvedGuardOptions['from'] {
  const value = group.get('from') ?? ['bearer'];
  if (Array.isArray(value) && value.length > 0 && value.every(isSource)) return value;
  return group.reject('from', 'must be a list of at least one of "bearer", "cookie", or a function of the request') ?? [];
}

function isSource(value: unknown): value is 'bearer' | 'cookie' | Extractor {
  return value === 'bearer' || value === 'cookie' || typeof value === 'function';
}

function resolveCookieName(cookie: OptionGroup): string {
  const name = cookie.get('name') ?? 'access_token';
  return isCookieName(name) ? name : (cookie.reject('name', COOKIE_NAME_RULE) ?? '');
}
