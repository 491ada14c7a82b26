import type { Issues } from './issues.js';
import { OptionGroup } from './option-group.js';
import type { LockOptions } from './service-options.js';
import type { ResolvedLockOptions } from './resolved-options.js';

const LOCK_KEYS = ['wait', 'minReplicas'] as const satisfies readonly (keyof LockOptions)[];

export function resolveLockOptions(value: unknown, issues: Issues): ResolvedLockOptions {
  const group = new OptionGroup(value ?? undefined, 'locks', issues, LOCK_KEYS);
  return {
    waitMs: group.duration('wait', '10s', { minMs: 0 }),
    minReplicas: group.integer('minReplicas', 0, { min: 0, max: 16 }),
  };
}
