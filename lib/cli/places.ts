import { RedisAuthConfigError, withoutArguments } from '../errors/index.js';
import {
  type ForeignTokenRecord,
  fromAtxp,
  fromExpressSession,
  fromRedisJwt,
  fromRedisTokens,
  type OAuthRecord,
  type SkippedRecord,
  TokenMigration,
} from '../migration/index.js';
import { OAuthTokenStore } from '../oauth/index.js';
import { parseRedisUrl, type StandaloneOptions } from '../options/index.js';
import { closeClient, createClient, isCluster, type RedisClient, type ScanOptions } from '../redis/index.js';
import { type Terminal, textOf, UsageError, type Values } from './command.js';

/** Nobody waits for a page here, and a busy Redis is no reason to give up. */
const COMMAND_TIMEOUT_MS = 10_000;

const DEFAULT_URL = 'redis://localhost:6379';

type Reader = (
  source: RedisClient,
  options: ScanOptions,
  values: Values,
) => AsyncIterable<ForeignTokenRecord | OAuthRecord | SkippedRecord>;

/** Flags that not every system has. */
const PARTICULAR = ['source-prefix', 'owner-field'] as const;

const READERS = new Map<string, { takes: readonly (typeof PARTICULAR)[number][]; read: Reader }>([
  ['redis-tokens', { takes: [], read: (source, options) => fromRedisTokens(source, options) }],
  ['redis-jwt', { takes: [], read: (source, options) => fromRedisJwt(source, options) }],
  ['atxp', { takes: ['source-prefix'], read: (source, options, values) => fromAtxp(source, { ...options, ...prefixOf(values) }) }],
  [
    'express-session',
    {
      takes: PARTICULAR,
      read: (source, options, values) => {
        const owner = textOf(values, 'owner-field');
        return fromExpressSession(source, { ...options, ...prefixOf(values), ...(owner !== undefined && { owner }) });
      },
    },
  ],
]);

/** Where this package's keys are. */
export function connectionOptions(values: Values, { env }: Terminal): StandaloneOptions {
  const keyPrefix = textOf(values, 'prefix') ?? env['REDIS_KEY_PREFIX'];
  return {
    redis: textOf(values, 'redis') ?? env['REDIS_URL'] ?? DEFAULT_URL,
    commandTimeout: COMMAND_TIMEOUT_MS,
    ...(keyPrefix !== undefined && { keyPrefix }),
  };
}

/** The tokens of this package, and the records of OAuth where there is a key for them; closed when `use` settles. */
export async function withStore<Result>(
  values: Values,
  terminal: Terminal,
  use: (migration: TokenMigration, oauth: OAuthTokenStore | undefined) => Promise<Result>,
): Promise<Result> {
  const secret = secretIn(terminal.env);
  const options = { ...connectionOptions(values, terminal), ...(secret !== undefined && { secret }) };
  const migration = new TokenMigration(options);
  const oauth = secret === undefined ? undefined : new OAuthTokenStore(options);
  try {
    return await use(migration, oauth);
  } finally {
    await Promise.all([migration.close(), oauth?.close()]);
  }
}

/** What another system stored, read while `use` runs. */
export async function withSource<Result>(
  values: Values,
  terminal: Terminal,
  options: ScanOptions,
  use: (records: ReturnType<Reader>) => Promise<Result>,
): Promise<Result> {
  const from = textOf(values, 'from');
  const reader = READERS.get(from ?? '');
  if (reader === undefined) throw new UsageError(`--from must be one of ${[...READERS.keys()].join(', ')}`);
  for (const name of PARTICULAR) {
    if (values[name] !== undefined && !reader.takes.includes(name)) throw new UsageError(`--${name} means nothing to ${from}`);
  }
  if (from === 'atxp' && secretIn(terminal.env) === undefined) {
    throw new UsageError('what atxp stored is encrypted here: set REDIS_AUTH_SECRET or JWT_SECRET to the secret of the module');
  }
  const url =
    textOf(values, 'source') ?? terminal.env['SOURCE_REDIS_URL'] ?? textOf(values, 'redis') ?? terminal.env['REDIS_URL'] ?? DEFAULT_URL;
  const client = createClient(parseRedisUrl(url, 'source'), COMMAND_TIMEOUT_MS);
  // Each command tells what is wrong.
  client.on('error', () => undefined);
  try {
    await connect(client);
    return await use(reader.read(client, options, values));
  } finally {
    await closeClient(client);
  }
}

async function connect(client: RedisClient): Promise<void> {
  const problem = await client
    .connect()
    .then(() => Promise.all((isCluster(client) ? client.nodes('master') : [client]).map((node) => node.ping())))
    .then(
      () => undefined,
      (error: unknown) => withoutArguments(error).message,
    );
  if (problem !== undefined) throw new Error(`the source cannot be read: ${problem}`);
}

function prefixOf(values: Values): { prefix?: string } {
  const prefix = values['source-prefix'];
  return typeof prefix === 'string' ? { prefix } : {};
}

function secretIn(env: Terminal['env']): string | undefined {
  return env['REDIS_AUTH_SECRET'] ?? env['JWT_SECRET'];
}

/** Whether the command line or the environment is to blame. */
export function isUsage(error: unknown): boolean {
  return error instanceof UsageError || error instanceof RedisAuthConfigError;
}
