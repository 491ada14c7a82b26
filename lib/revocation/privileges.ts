import { type Privileges, scriptsIn } from '../redis/index.js';
import * as feed from './feed.lua.js';

/** To follow the feed of revocations and to tell it what has ended. */
export const revocationPrivileges = {
  scripts: scriptsIn(feed),
  commands: ['xread', 'xrange'],
  keys: ['f:{feed}*'],
} satisfies Privileges;
