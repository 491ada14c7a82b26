import type { Issues } from './issues.js';
import { OptionGroup } from './option-group.js';
import type { TokenOptions } from './service-options.js';
import type { ResolvedTokenOptions } from './resolved-options.js';

const TOKEN_KEYS = ['defaultTtl', 'maxDataBytes'] as const satisfies readonly (keyof TokenOptions)[];

/** `path` is where they stand: '' for a store made by hand. */
export function resolveTokenOptions(value: unknown, issues: Issues, path = 'tokens'): ResolvedTokenOptions {
  const group = new OptionGroup(value ?? undefined, path, issues, TOKEN_KEYS);
  return {
    defaultTtlMs: group.duration('defaultTtl', '24h', { minMs: 1 }),
    maxDataBytes: group.integer('maxDataBytes', 16_384, { min: 2, max: 1_048_576 }),
  };
}
