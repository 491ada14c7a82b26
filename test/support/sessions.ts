import { type RedisAuthModuleOptions, resolveOptions } from '../../lib/options/index.js';
import { RedisAuthConnection } from '../../lib/redis/index.js';
import { SessionService } from '../../lib/sessions/index.js';
import { uniquePrefix } from './key-prefix.js';

/** A secret for tests only: long enough, and nobody's. */
export const TEST_SECRET = 'q7Zr-tests-only-9vKc2LmX4pWs8yBd';

/** One instance of the package without Nest around it. */
export interface SessionsUnderTest extends AsyncDisposable {
  readonly sessions: SessionService;
  readonly connection: RedisAuthConnection;
  readonly keyPrefix: string;
}

type Options = Partial<Omit<RedisAuthModuleOptions, 'jwt'>> & { jwt?: Partial<RedisAuthModuleOptions['jwt']> };

/** Options that make one instance equal to another but for what is given. */
export function testOptions(options: Options = {}): RedisAuthModuleOptions {
  const { jwt, ...rest } = options;
  const keys = jwt?.keys !== undefined || jwt?.privateKey !== undefined || jwt?.publicKey !== undefined;
  return {
    keyPrefix: uniquePrefix(),
    ...rest,
    jwt: { ...(!keys && { secret: TEST_SECRET }), issuer: 'https://issuer.test', audience: 'api', ...jwt },
  };
}

export async function openSessions(options: Options): Promise<SessionsUnderTest> {
  const resolved = resolveOptions(testOptions(options));
  const connection = new RedisAuthConnection(resolved.redis, { commandTimeoutMs: resolved.commandTimeoutMs });
  const sessions = new SessionService(connection, resolved);
  await connection.open();
  await sessions.open();
  return {
    sessions,
    connection,
    keyPrefix: resolved.keyPrefix,
    async [Symbol.asyncDispose]() {
      sessions.close();
      await connection.close();
    },
  };
}
