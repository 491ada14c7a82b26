import { type Privileges, scriptsIn } from '../redis/index.js';
import * as code from './code.lua.js';
import * as owner from './owner.lua.js';
import * as pointer from './pointer.lua.js';
import * as token from './token.lua.js';

/** For TokenStore. */
export const tokenPrivileges = {
  scripts: scriptsIn(token, owner, pointer, code),
  commands: ['get'],
  keys: ['k:{*', 'i:{*', 'o:{*', 'd:{*', 'p:{*', 'c:{*', 'r:{*'],
} satisfies Privileges;

/** To store custom tokens whose records are there already. */
export const claimPrivileges = {
  scripts: [pointer.POINT, token.GET, token.DELETE],
  keys: ['k:{*', 'i:{*', 'o:{*', 'd:{*', 'p:{*'],
} satisfies Privileges;
