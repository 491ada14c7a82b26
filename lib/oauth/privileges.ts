import { type Privileges, scriptsIn } from '../redis/index.js';
import * as cache from './introspection-cache.lua.js';
import * as token from './oauth-token.lua.js';

/** For OAuthTokenStore. */
export const oauthPrivileges = {
  scripts: scriptsIn(token),
  commands: ['get', 'getex', 'getdel', 'set', 'exists'],
  keys: ['a:{*', 'l:{*'],
} satisfies Privileges;

/** For IntrospectionCache. */
export const introspectionCachePrivileges = {
  scripts: scriptsIn(cache),
  commands: ['mget'],
  keys: ['v:{*'],
} satisfies Privileges;
