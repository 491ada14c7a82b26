import type { Redis } from 'ioredis';
import { commandConnections, databaseOf, msOfTime, type RedisAuthConnection } from '../redis/index.js';
import { accessOf, type AuditedOptions, isLocalHost, parseInfo, type ServerFacts, type UserFacts } from './facts.js';

const PARAMETERS = ['maxmemory-policy', 'save', 'appendonly'];

/**
 * Asks every master about itself, one round trip each, all at once. What is not allowed stays unknown.
 *
 * @throws StoreUnavailableError
 */
export function gatherFacts(connection: RedisAuthConnection, options: AuditedOptions): Promise<ServerFacts[]> {
  const userName = accessOf(options.redis).username ?? 'default';
  const foreignKey = options.keyPrefix.startsWith('?') ? '!' : '?';
  return connection.execute('audit', async (client) => {
    const masters = commandConnections(client).filter(({ status }) => status === 'ready');
    const database = databaseOf(client);
    return Promise.all(
      masters.map(async (node) => ({ ...linkOf(node), database, userName, ...(await answersOf(node, userName, foreignKey)) })),
    );
  });
}

function linkOf({ stream, options: { path, host, port } }: Redis): Pick<ServerFacts, 'address' | 'isLocal' | 'isTls'> {
  const { remoteAddress, encrypted } = stream as typeof stream & { remoteAddress?: string; encrypted?: boolean };
  return {
    address: path ?? `${host}:${port}`,
    isLocal: path !== undefined || isLocalHost(remoteAddress ?? host ?? ''),
    isTls: encrypted === true,
  };
}

type Answers = Pick<ServerFacts, 'info' | 'config' | 'isManaged' | 'user' | 'mayUseForeignKeys' | 'clock'>;

async function answersOf(node: Redis, userName: string, foreignKey: string): Promise<Answers> {
  const asked = Date.now();
  const questions = [['time'], ['info'], ['config', 'get', ...PARAMETERS], ['acl', 'getuser', userName], ['exists', foreignKey]];
  const replies = ((await node.pipeline(questions).exec()) ?? []).map(readReply);
  const [time, info, config, user, foreign] = replies as [Reply, Reply, Reply, Reply, Reply];
  const tookMs = Date.now() - asked;
  return {
    isManaged: /unknown command/i.test(config.refusal),
    mayUseForeignKeys: !foreign.refusal.startsWith('NOPERM'),
    ...(typeof info.value === 'string' && { info: parseInfo(info.value) }),
    ...(config.value !== undefined && { config: textsOf(config.value) }),
    ...(user.value !== undefined && { user: userOf(user.value) }),
    ...(time.value !== undefined && {
      clock: { aheadMs: msOfTime(time.value as string[]) - asked - tookMs / 2, uncertaintyMs: tookMs / 2 },
    }),
  };
}

interface Reply {
  /** Undefined where it was refused. */
  readonly value: unknown;
  readonly refusal: string;
}

/** A refusal is an answer; anything else that went wrong, as a connection that was lost, is none. */
function readReply([error, value]: [Error | null, unknown]): Reply {
  if (error !== null && error.name !== 'ReplyError') throw error;
  return error === null ? { value: value ?? undefined, refusal: '' } : { value: undefined, refusal: error.message };
}

/** A reply of names and values; the application's own client may be set to give it as an object or a Map. */
function entriesOf(reply: unknown): [string, unknown][] {
  if (reply instanceof Map) return [...reply.entries()] as [string, unknown][];
  if (!Array.isArray(reply)) return Object.entries(reply ?? {});
  return reply.flatMap((name: unknown, n) => (n % 2 === 0 ? [[String(name), reply[n + 1]] as [string, unknown]] : []));
}

function textsOf(reply: unknown): Map<string, string> {
  return new Map(entriesOf(reply).map(([name, value]) => [name, String(value)]));
}

function userOf(reply: unknown): UserFacts {
  const root = new Map(entriesOf(reply));
  const selectors = ((root.get('selectors') ?? []) as unknown[]).map((selector) => new Map(entriesOf(selector)));
  return { flags: wordsOf(root.get('flags')), commands: [root, ...selectors].map((rights) => wordsOf(rights.get('commands'))) };
}

function wordsOf(value: unknown): string[] {
  const texts: unknown[] = Array.isArray(value) ? value : [value ?? ''];
  return texts.flatMap((text) => String(text).split(' ')).filter((word) => word !== '');
}
