import { KeySpace, type Privileges, scriptsIn } from '../redis/index.js';
import * as chain from './chain.lua.js';
import * as presented from './presented-token.lua.js';
import * as session from './session.lua.js';
import * as tenantEpoch from './tenant-epoch.lua.js';

/** For SessionService; the feed of revocations is apart. */
export const sessionPrivileges = {
  scripts: scriptsIn(session, tenantEpoch, chain, presented),
  commands: ['subscribe'],
  keys: ['s:{*', 'u:{*', 't:{*', 'r:{*'],
  channels: (database) => [new KeySpace('').eventChannel(database)],
} satisfies Privileges;

/** For `keyspaceNotifications` besides. */
export const expiryNoticePrivileges = {
  commands: ['psubscribe', 'config|get', 'config|set'],
  keys: ['x:{*'],
  serverChannels: ['__keyevent@*__:expired'],
} satisfies Privileges;
