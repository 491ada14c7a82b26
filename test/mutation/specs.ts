import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './mutant.js';

const integration = (folder: string, names: string): string[] =>
  names.split(' ').map((name) => `test/integration/${folder}/${name}.spec.ts`);
const unit = (folder: string, names: string): string[] => names.split(' ').map((name) => `test/unit/${folder}/${name}.spec.ts`);
const conformance = (...names: string[]): string[] => names.map((name) => `test/conformance/${name}.spec.ts`);

const SESSIONS = [
  ...integration('sessions', 'lifecycle guards keys full-redis scripts edges commands data'),
  ...conformance('s'),
  ...integration('sessions', 'sign-ins events'),
  ...integration('revocation', 'tokens local data feed'),
];
const REVOCATION = [
  ...unit('revocation', 'replica revocation'),
  ...integration('revocation', 'bound tokens local data replica feed streams'),
  ...integration('sessions', 'full-redis'),
  'test/faults/revocation/rolled-back.spec.ts',
  'test/faults/revocation/single-faults.spec.ts',
  'test/faults/revocation/many.spec.ts',
];
const JWT = [
  ...unit('jwt', 'hostile-tokens access-token token-id token-memory'),
  ...unit('sessions', 'ids'),
  ...integration('sessions', 'lifecycle'),
  ...conformance('s.tokens', 'j'),
  ...integration('revocation', 'remembered local'),
];
const TOKENS = [
  ...integration('tokens', 'custom kind original clients full-redis requests paging upkeep scripts commands'),
  ...conformance('t', 'r4'),
  ...integration('tokens', 'data delete-all clock'),
  ...integration('migration', 'round-trip'),
];
const LOCKS = [
  ...integration('locks', 'guards shared locks using waiting arguments'),
  'test/faults/locks/fencing.spec.ts',
  'test/faults/locks/interleavings.spec.ts',
  'test/faults/locks/rolled-back.spec.ts',
  'test/faults/locks/losses.spec.ts',
];
const CACHE = [
  ...unit('cache', 'local-tier'),
  ...integration('cache', 'guards fill clients lifecycle one-flight races'),
  'test/e2e/cache/cached.spec.ts',
  'test/faults/cache/cache.spec.ts',
];
const LIMITS = [...integration('rate-limit', 'rate-limiter models throttler clients'), 'test/faults/rate-limit/rate-limiter.spec.ts'];
const OAUTH = integration('oauth', 'revocation token-store introspection token-store.places token-cache');

/** For each file, or folder, the specs that are to tell when something is wrong with it; those first that tell most. */
export const SPEC_SETS: Readonly<Record<string, readonly string[]>> = {
  'lib/sessions/liveness.ts': [
    ...integration('revocation', 'remembered local tokens data feed replica streams'),
    ...integration('sessions', 'lifecycle'),
    'test/faults/revocation/single-faults.spec.ts',
    'test/faults/revocation/outages.spec.ts',
  ],
  'lib/sessions/token-checks.ts': [
    ...integration('revocation', 'remembered local tokens data feed'),
    ...integration('sessions', 'lifecycle'),
    'test/e2e/guard.spec.ts',
  ],
  'lib/sessions/presented-token.lua.ts': [...integration('oauth', 'introspection revocation'), 'test/e2e/oauth-endpoints.spec.ts'],
  'lib/sessions/refresh-token.ts': [...unit('sessions', 'refresh-token'), ...integration('sessions', 'lifecycle')],
  'lib/sessions/': SESSIONS,
  'lib/revocation/': REVOCATION,
  'lib/jwt/': JWT,
  'lib/tokens/code.lua.ts': [...integration('tokens', 'codes requests clients scripts'), ...conformance('t')],
  'lib/tokens/': TOKENS,
  'lib/migration/': integration('migration', 'readers round-trip'),
  'lib/locks/': LOCKS,
  'lib/cache/': CACHE,
  'lib/rate-limit/': LIMITS,
  'lib/adapters/throttler/': [...integration('rate-limit', 'throttler'), 'test/faults/rate-limit/rate-limiter.spec.ts'],
  'lib/adapters/oidc-provider/': integration('oidc-provider', 'adapter consume grants flows records concurrency'),
  'lib/oauth/': OAUTH,
  'lib/redis/zset-page.lua.ts': [...integration('tokens', 'paging'), ...integration('oauth', 'token-store')],
};

export function specsFor(file: string): readonly string[] {
  const [, specs] = Object.entries(SPEC_SETS).find(([start]) => file.startsWith(start)) ?? [];
  if (specs === undefined) throw new Error(`no specs are known for ${file}`);
  for (const spec of specs) if (!existsSync(join(ROOT, spec))) throw new Error(`${spec} is gone`);
  return specs;
}
