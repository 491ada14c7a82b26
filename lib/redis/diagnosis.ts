import { setMaxListeners } from 'node:events';
import { type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { withoutArguments } from '../errors/index.js';
import type { ResolvedConnection } from '../options/index.js';
import { isCluster } from './cluster.js';
import { explainTrouble, type Trouble, TROUBLES } from './trouble.js';
import { type Endpoint, probeWire } from './wire-probe.js';

const ATTEMPT_MS = 1_000;

/**
 * Why a Redis cannot be used, found out by connections of its own, each of which asks one harmless thing. It knows more
 * than the errors of the driver, which tells of many troubles alike. Undefined where all is well, and once `signal` aborts.
 */
export async function diagnose(connection: ResolvedConnection, signal: AbortSignal): Promise<Trouble | undefined> {
  // As many as there are masters listen to it.
  setMaxListeners(0, signal);
  const trouble = await examine(connection, signal);
  return signal.aborted ? undefined : trouble;
}

function examine(connection: ResolvedConnection, signal: AbortSignal): Promise<Trouble | undefined> {
  switch (connection.kind) {
    case 'standalone':
      return examineServer(connection.options, signal);
    case 'sentinel':
      return examineSentinels(connection.options, signal);
    case 'cluster':
      return examineCluster(connection.nodes, connection.options, signal);
    case 'client': {
      const { client } = connection;
      if (isCluster(client)) return Promise.resolve(undefined);
      return client.options.sentinels ? examineSentinels(client.options, signal) : examineServer(client.options, signal);
    }
  }
}

/** What an error of the driver leaves open. */
export function isVague(trouble: Trouble | undefined): boolean {
  return trouble === undefined || ['connection-closed', 'connection-timeout', 'not-redis'].includes(trouble.code);
}

async function examineServer(options: RedisOptions, signal: AbortSignal): Promise<Trouble | undefined> {
  const { error } = await ask(options, (node) => node.ping(), signal);
  if (error === undefined) return undefined;
  const trouble = explainTrouble(error);
  if (!isVague(trouble)) return trouble;
  const { path, host, port } = options;
  const endpoint: Endpoint = path ? { path } : { host: host ?? 'localhost', port: port ?? 6379 };
  return (await probeWire(endpoint, Boolean(options.tls), signal)) ?? trouble;
}

async function examineSentinels(options: RedisOptions, signal: AbortSignal): Promise<Trouble | undefined> {
  const { sentinels = [], name = '', ...rest } = options;
  const found = await Promise.all(sentinels.map((address) => masterBy(address, name, options, signal)));
  const master = found.find(({ master }) => master)?.master;
  if (master) {
    const trouble = await examineServer({ ...rest, ...master }, signal);
    if (trouble === undefined || trouble.isRefusal) return trouble;
    return {
      code: 'master-unreachable',
      isRefusal: false,
      message: `the Sentinels send us to ${master.host}:${master.port}, but ${trouble.message}`,
      advice: `let them announce what can be reached from here (replica-announce-ip), or set natMap; else: ${trouble.advice}`,
    };
  }
  if (found.some(({ master }) => master === null)) return TROUBLES.masterUnknown;
  const troubles = found.flatMap(({ trouble }) => trouble ?? []);
  const telling = troubles.find(({ isRefusal, code }) => isRefusal || code === 'not-a-sentinel');
  if (telling) return telling;
  const whys = sentinels.map(({ host, port }, n) => `${host}:${port} (${found[n]?.trouble?.message ?? 'no answer'})`);
  return {
    code: 'sentinels-unreachable',
    isRefusal: false,
    message: `no Sentinel can be asked: ${whys.join(', ')}`,
    advice: 'start them, or check their addresses',
  };
}

/** The master by the word of one Sentinel; null where it knows none of that name. */
async function masterBy(
  { host, port }: { host?: string | undefined; port?: number | undefined },
  name: string,
  options: RedisOptions,
  signal: AbortSignal,
): Promise<{ master?: { host: string; port: number } | null; trouble?: Trouble | undefined }> {
  const { sentinelUsername: username, sentinelPassword: password, sentinelTLS: tls, family } = options;
  const access: RedisOptions = Object.fromEntries(
    Object.entries({ host: host ?? 'localhost', port: port ?? 26_379, username, password, tls, family }).filter(([, value]) => value),
  );
  const { answer, error } = await ask(access, (node) => node.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name), signal);
  if (error !== undefined) return { trouble: explainTrouble(error) };
  return { master: Array.isArray(answer) ? mapped(String(answer[0]), Number(answer[1]), options.natMap) : null };
}

async function examineCluster(
  nodes: readonly { host: string; port: number }[],
  { redisOptions = {}, natMap }: ClusterOptions,
  signal: AbortSignal,
): Promise<Trouble | undefined> {
  let first: Trouble | undefined;
  for (const node of nodes) {
    const options = { ...redisOptions, ...node };
    const { answer, error } = await ask(options, (client) => Promise.all([client.cluster('SLOTS'), client.cluster('INFO')]), signal);
    if (answer) return examineMasters(mastersIn(answer[0], node.host), answer[1], { redisOptions, natMap }, signal);
    const trouble = explainTrouble(error);
    if (trouble?.isRefusal === true) return trouble;
    first ??= isVague(trouble) ? await examineServer(options, signal) : trouble;
  }
  return first;
}

async function examineMasters(
  masters: readonly { host: string; port: number }[],
  info: string,
  { redisOptions, natMap }: { redisOptions: RedisOptions; natMap: RedisOptions['natMap'] },
  signal: AbortSignal,
): Promise<Trouble | undefined> {
  const troubles = await Promise.all(
    masters.map(({ host, port }) => examineServer({ ...redisOptions, ...mapped(host, port, natMap) }, signal)),
  );
  const lost = masters.filter((_, n) => troubles[n]?.isRefusal === false).map(({ host, port }) => `${host}:${port}`);
  if (lost.length > 0) {
    return {
      code: 'cluster-nodes-unreachable',
      isRefusal: false,
      message: `the Cluster sends us to ${lost.join(', ')}, but ${troubles.find((trouble) => trouble?.isRefusal === false)!.message}`,
      advice: 'let its nodes announce what can be reached from here (cluster-announce-ip, cluster-announce-hostname), or set natMap',
    };
  }
  const refusal = troubles.find((trouble) => trouble !== undefined);
  return refusal ?? (info.includes('cluster_state:ok') ? undefined : TROUBLES.clusterDown);
}

/** A node that does not know its own address leaves it empty: it is the one that was asked. */
function mastersIn(slots: readonly (readonly unknown[])[], asked: string): { host: string; port: number }[] {
  const addresses = slots.map(([, , master]) => master as [string | null, number, ...unknown[]]);
  const unique = new Map(addresses.map(([host, port]) => [`${host || asked}:${port}`, { host: host || asked, port }]));
  return [...unique.values()];
}

function mapped(host: string, port: number, natMap: RedisOptions['natMap']): { host: string; port: number } {
  const key = `${host}:${port}`;
  return (typeof natMap === 'function' ? natMap(key) : natMap?.[key]) ?? { host, port };
}

/** One question over a connection of its own, and what the driver has to say where there is no answer. */
async function ask<T>(
  options: RedisOptions,
  question: (node: Redis) => Promise<T>,
  signal: AbortSignal,
): Promise<{ answer: T; error?: undefined } | { answer?: undefined; error: Error }> {
  const { sentinels: _, name: _name, Connector: _connector, ...own } = options;
  const node = new Redis({
    ...own,
    lazyConnect: true,
    retryStrategy: () => null,
    reconnectOnError: () => false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableOfflineQueue: true,
    connectTimeout: ATTEMPT_MS,
    commandTimeout: ATTEMPT_MS,
    disconnectTimeout: 250,
    protocol: 2,
    replyMapping: 'legacy',
  });
  const stop = (): void => node.disconnect();
  signal.addEventListener('abort', stop, { once: true });
  // Of several it is the first that says why; the command itself then tells that its connection was closed.
  let told: Error | undefined;
  node.on('error', (error: Error) => (told ??= error));
  try {
    await node.connect();
    return { answer: await question(node) };
  } catch (error) {
    return { error: withoutArguments(told ?? error) };
  } finally {
    signal.removeEventListener('abort', stop);
    node.disconnect();
  }
}
