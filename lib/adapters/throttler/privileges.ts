import { type Privileges, scriptsIn } from '../../redis/index.js';
import * as throttler from './throttler.lua.js';

/** For RedisThrottlerStorage. */
export const throttlerPrivileges = {
  scripts: scriptsIn(throttler),
  commands: ['hmget'],
  keys: ['b:{*}t'],
} satisfies Privileges;
