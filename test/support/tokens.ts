import { derivedKeys } from '../../lib/jwt/index.js';
import { type RedisAuthModuleOptions, resolveOptions } from '../../lib/options/index.js';
import { RedisAuthConnection } from '../../lib/redis/index.js';
import { tokenKeyPurpose, TokenStore } from '../../lib/tokens/index.js';
import { testOptions } from './sessions.js';

/** One instance of the package's TokenStore without Nest around it. */
export interface TokensUnderTest extends AsyncDisposable {
  readonly tokens: TokenStore;
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
}

/** Made as the module makes it, with the keys that sign. */
export async function openTokens(options: Parameters<typeof testOptions>[0]): Promise<TokensUnderTest> {
  const resolved = resolveOptions(testOptions(options) as RedisAuthModuleOptions);
  const { keyPrefix, commandTimeoutMs } = resolved;
  const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs });
  await connection.open();
  const keys = derivedKeys(resolved.jwt, tokenKeyPurpose(keyPrefix));
  const tokens = new TokenStore({ connection, keyPrefix, tokens: resolved.tokens, keys, close: () => Promise.resolve() });
  return { tokens, connection, keyPrefix, [Symbol.asyncDispose]: () => connection.close() };
}
