import { type Privileges, scriptsIn } from '../redis/index.js';
import { claimPrivileges } from '../tokens/index.js';
import * as imports from './import.lua.js';

/** For TokenMigration; records of OAuth need what OAuthTokenStore needs besides. */
export const migrationPrivileges = {
  scripts: [...scriptsIn(imports), ...claimPrivileges.scripts],
  commands: ['scan', 'zscan', 'mget', 'time', 'exists'],
  keys: claimPrivileges.keys,
} satisfies Privileges;

/** To read what another package stored, under names of its own. */
export const migrationSourcePrivileges = {
  commands: ['scan', 'time', 'get', 'pttl'],
} satisfies Privileges;
