import { type Privileges, scriptsIn } from '../../redis/index.js';
import * as record from './record.lua.js';

/** For the storage of oidc-provider. */
export const oidcProviderPrivileges = {
  scripts: scriptsIn(record),
  commands: ['get', 'set', 'del', 'hget', 'hmget'],
  keys: ['j:*', 'g:*'],
} satisfies Privileges;
