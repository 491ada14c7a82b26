import type { Flag } from './command.js';

/** Where this package's keys are. */
export const STORE_FLAGS = {
  redis: {
    type: 'string',
    value: 'url',
    help: 'Redis of this package, every form of the redis option (default: REDIS_URL, else redis://localhost:6379)',
  },
  prefix: { type: 'string', value: 'text', help: "prefix of this package's keys (default: REDIS_KEY_PREFIX, else auth:)" },
} as const satisfies Record<string, Flag>;

/** What else is read. */
export const SOURCE_FLAGS = {
  from: { type: 'string', value: 'system', help: 'what stored them: redis-tokens, atxp, redis-jwt, express-session' },
  source: { type: 'string', value: 'url', help: 'Redis that has them (default: SOURCE_REDIS_URL, else that of --redis)' },
  'source-prefix': {
    type: 'string',
    value: 'text',
    help: 'prefix of keys of atxp (default: oauth:) and of express-session (default: sess:)',
  },
  'owner-field': { type: 'string', value: 'path', help: 'where a session of express-session names its user (default: passport.user)' },
} as const satisfies Record<string, Flag>;

export const JSON_FLAG = { json: { type: 'boolean', help: 'print the summary as JSON' } } as const satisfies Record<string, Flag>;

export const DRY_RUN_FLAG = {
  'dry-run': { type: 'boolean', help: 'check and count everything, write nothing' },
} as const satisfies Record<string, Flag>;

export function fileFlag(help: string) {
  return { file: { type: 'string', value: 'path', help } } as const satisfies Record<string, Flag>;
}

export const SECRETS = `Secrets come from the environment, never from flags: REDIS_URL and SOURCE_REDIS_URL may hold
passwords, and REDIS_AUTH_SECRET, else JWT_SECRET, is the module's secret.`;
