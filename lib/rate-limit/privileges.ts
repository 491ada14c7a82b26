import { type Privileges, scriptsIn } from '../redis/index.js';
import * as bucket from './bucket.lua.js';

/** For RateLimiter. */
export const rateLimitPrivileges = {
  scripts: scriptsIn(bucket),
  commands: ['del'],
  keys: ['b:{*', 'r:{*'],
} satisfies Privileges;
