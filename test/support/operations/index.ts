import { CACHE_OPERATIONS } from './cache.js';
import { LOCK_OPERATIONS } from './locks.js';
import { OAUTH_OPERATIONS } from './oauth.js';
import type { Operation } from './operation.js';
import { OTHER_OPERATIONS } from './others.js';
import { RATE_LIMIT_OPERATIONS } from './rate-limit.js';
import { SESSION_OPERATIONS } from './sessions.js';
import { TOKEN_OPERATIONS } from './tokens.js';

export { LOCK_WAIT_MS } from './locks.js';
export type { Feature, Kind, Operation, Prepared } from './operation.js';
export { openServices, type Services } from './services.js';

/** Every public method of every provider; test/integration/operations.spec.ts sees that none is missing. */
export const OPERATIONS: readonly Operation[] = [
  ...SESSION_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...OAUTH_OPERATIONS,
  ...CACHE_OPERATIONS,
  ...LOCK_OPERATIONS,
  ...RATE_LIMIT_OPERATIONS,
  ...OTHER_OPERATIONS,
];
