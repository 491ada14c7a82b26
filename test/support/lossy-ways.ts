import { StoreUnavailableError } from '../../lib/errors/index.js';
import { startRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';
import { ClusterSetup } from './cluster.js';
import { type CommandMatch, FaultProxy } from './proxy.js';
import { outcomeOf } from './session-outcomes.js';
import { until } from './until.js';

const RECOVERS_WITHIN_MS = 5_000;

/** A way to Redis on which replies can be lost. */
export interface LossyWay extends AsyncDisposable {
  readonly redis: string;
  readonly proxies: readonly FaultProxy[];
}

export const LOSSY_WAYS: Readonly<Record<string, () => Promise<LossyWay>>> = {
  async 'one server'() {
    const redis = await startRedis();
    const proxy = await FaultProxy.open(redis.url);
    return {
      redis: proxy.url,
      proxies: [proxy],
      async [Symbol.asyncDispose]() {
        await proxy.close();
        await redis.stop();
      },
    };
  },
  async 'a Cluster'() {
    const cluster = await ClusterSetup.start();
    const masters = cluster.nodes.slice(0, 3);
    const proxies = await Promise.all(masters.map(({ url }) => FaultProxy.open(url)));
    // the nodes send everyone to the proxies, as the address under which they are known
    await Promise.all(masters.map((node, n) => ask(node, (client) => client.config('SET', 'cluster-announce-port', proxies[n]!.port))));
    await until(
      async () => {
        const views = await Promise.all(cluster.nodes.map((node) => ask(node, (client) => client.cluster('NODES'))));
        return views.every((view) => proxies.every(({ port }) => String(view).includes(`127.0.0.1:${port}@`)));
      },
      { within: 10_000, what: 'every node names the proxies' },
    );
    return {
      redis: `redis://${proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
      proxies,
      async [Symbol.asyncDispose]() {
        await Promise.all(proxies.map((proxy) => proxy.close()));
        await cluster.stop();
      },
    };
  },
};

const isScript: CommandMatch = ([command]) => command?.toLowerCase() === 'evalsha';

/** How the call ended whose reply was lost, once there is a connection again. */
export async function withLostReply(way: LossyWay, call: () => Promise<unknown>, match: CommandMatch = isScript): Promise<unknown> {
  const lost = Promise.race(way.proxies.map((proxy) => proxy.dropNextReply(match)));
  const { error } = await outcomeOf(call());
  await lost;
  await Promise.all(way.proxies.map((proxy) => proxy.heal()));
  return error;
}

/** What a client does after a failure: the same again, as soon as there is a connection. */
export async function retried<T>(call: () => Promise<T>): Promise<T> {
  const settled = await until(
    async () => {
      const outcome = await outcomeOf(call());
      return !(outcome.error instanceof StoreUnavailableError) && outcome;
    },
    { within: RECOVERS_WITHIN_MS, what: 'the retry is answered' },
  );
  if (settled.error !== undefined) throw settled.error;
  return settled.result as T;
}
