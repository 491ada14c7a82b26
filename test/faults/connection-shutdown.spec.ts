import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResolvedConnection } from '../../lib/options/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ClusterSetup } from '../support/cluster.js';
import { PackageProgram } from '../support/package-program.js';
import { FaultProxy } from '../support/proxy.js';
import { SentinelSetup } from '../support/sentinel.js';

const CLOSES_WITHIN_MS = 2_000;
/** What is left of the 3 s that a process may take to end after that. */
const EXITS_WITHIN_MS = 3_000;

/** Opens a connection; when its input ends, closes it with calls under way, and then has nothing left to do. */
const PROGRAM = `
  import { RedisAuthConnection } from './lib/redis/index.js';
  const connection = new RedisAuthConnection(JSON.parse(process.argv[2]), { commandTimeoutMs: 1000 });
  await connection.open();
  connection.openLink();
  console.log('opened');
  for await (const _chunk of process.stdin);
  const outcome = (call) => call.then(() => 'ok', (error) => error.code);
  const calls = [outcome(connection.ping()), outcome(connection.info())];
  const start = performance.now();
  await Promise.all([connection.close(), connection.close()]);
  const ms = performance.now() - start;
  console.log(JSON.stringify({ ms, calls: await Promise.all(calls), later: await outcome(connection.ping()) }));
`;

let program: PackageProgram;
beforeAll(async () => {
  program = await PackageProgram.write(PROGRAM);
});
afterAll(() => program[Symbol.asyncDispose]());

interface Place {
  readonly redis: TestRedis;
  readonly proxy: FaultProxy;
}

const standalone = ({ proxy }: Place): ResolvedConnection => ({ kind: 'standalone', options: { host: '127.0.0.1', port: proxy.port } });
const sentinel = ({ proxy }: Place): ResolvedConnection => ({
  kind: 'sentinel',
  options: { sentinels: [{ host: '127.0.0.1', port: proxy.port }], name: 'mymaster' },
});
const cluster = ({ proxy }: Place): ResolvedConnection => ({
  kind: 'cluster',
  nodes: [{ host: '127.0.0.1', port: proxy.port }],
  options: {},
});
const nothing = (): void => undefined;
const refuse = ({ proxy }: Place): unknown => proxy.refuse();
const silence = ({ proxy }: Place): unknown => proxy.silence();

describe('S19 a process whose connection is closed ends by itself', () => {
  // they wait rather than work
  it.concurrent.each<[string, (place: Place) => ResolvedConnection, (place: Place) => unknown, (place: Place) => unknown]>([
    ['while ready', standalone, nothing, nothing],
    ['while connecting to one that is silent', standalone, silence, nothing],
    ['while reconnecting', standalone, nothing, refuse],
    ['while it was never there', standalone, refuse, nothing],
    ['while connections are accepted and closed', standalone, nothing, ({ proxy }) => proxy.acceptThenClose()],
    ['while the server is stopped', standalone, nothing, ({ redis }) => redis.pause()],
    ['while no Sentinel is there', sentinel, refuse, nothing],
    ['while the Sentinel is silent', sentinel, silence, nothing],
    ['while no node of a Cluster is there', cluster, refuse, nothing],
    ['while the node of a Cluster is silent', cluster, silence, nothing],
  ])('%s', async (_name, connection, before, after) => {
    const redis = await startRedis({ port: 'tcp' });
    const proxy = await FaultProxy.open(redis.url);
    try {
      await before({ redis, proxy });
      await endsByItself(connection({ redis, proxy }), () => after({ redis, proxy }));
    } finally {
      await proxy.close();
      await redis.stop();
    }
  });

  it('while ready behind Sentinels, of which one is down', async () => {
    await using setup = await SentinelSetup.start();
    await setup.sentinels[1]!.kill();
    await endsByItself({ kind: 'sentinel', options: { sentinels: setup.addresses, name: setup.name } }, nothing);
  });

  it('while ready in a Cluster, and while its nodes are stopped', async () => {
    await using setup = await ClusterSetup.start();
    const connection: ResolvedConnection = { kind: 'cluster', nodes: setup.addresses, options: {} };
    await endsByItself(connection, nothing);
    await endsByItself(connection, () => Promise.all(setup.nodes.map((node) => node.pause())));
  });
});

async function endsByItself(connection: ResolvedConnection, after: () => unknown): Promise<void> {
  const running = program.start(connection, { stderr: 'pipe' });
  const { child } = running;
  let errors = '';
  child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const line = async (): Promise<string> => {
    const heard = await running.hear().catch((error: Error) => Promise.reject(new Error(`${error.message}: ${errors}`)));
    return heard.includes('[Nest]') ? line() : heard;
  };
  expect(await line()).toBe('opened');
  await after();
  child.stdin!.end();
  const { ms, calls, later } = JSON.parse(await line()) as { ms: number; calls: string[]; later: string };
  const closed = performance.now();
  expect(ms).toBeLessThan(CLOSES_WITHIN_MS);
  for (const outcome of calls) expect(outcome).toMatch(/^(ok|ERR_REDIS_AUTH_STORE_UNAVAILABLE)$/);
  expect(later).toBe('ERR_REDIS_AUTH_STORE_UNAVAILABLE');
  if (child.exitCode === null) await once(child, 'exit');
  expect(child.exitCode).toBe(0);
  expect(performance.now() - closed).toBeLessThan(EXITS_WITHIN_MS - ms);
  expect(errors.replace(/^.*\[Nest\].*$/gm, '').trim()).toBe('');
}
