import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, type StartRedisOptions, type TestRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';
import { until } from './until.js';

/** How {@link ClusterSetup.start} starts its nodes. */
export interface ClusterSetupOptions {
  /** Password of every node. @default none */
  password?: string;
  /** Further lines of redis.conf of every node. @default none */
  config?: readonly string[];
}

const NODE_TIMEOUT_MS = 2_000;
/**
 * Twice the time that votes are waited for: a node of Redis 7.0 whose next master dies within it takes the votes of its last
 * election for those of a new one, claims the slots under the old epoch, and nobody believes it, for good.
 */
const VOTES_FORGOTTEN_MS = 2 * 2 * NODE_TIMEOUT_MS + 500;
/** A manual failover that has not come by now does not come: the replica forgets it after five seconds. */
const GIVEN_UP_AFTER_MS = 7_000;
/** First and last slot of each of the three masters. */
const SLOTS = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

/** Three masters with all slots, and a replica of each. */
export class ClusterSetup implements AsyncDisposable {
  private lastFailover = -Infinity;

  private constructor(
    /** The three first masters, then the replica of each in the same order. */
    readonly nodes: readonly TestRedis[],
    private readonly password: string | undefined,
  ) {}

  /** Resolves when every node sees the whole Cluster and every replica is in step. */
  static async start({ password, config = [] }: ClusterSetupOptions = {}): Promise<ClusterSetup> {
    const options: StartRedisOptions = {
      port: 'tcp',
      ...(password === undefined ? {} : { password }),
      config: [
        'cluster-enabled yes',
        `cluster-node-timeout ${NODE_TIMEOUT_MS}`,
        'cluster-replica-validity-factor 0',
        'repl-diskless-sync-delay 0',
        'repl-ping-replica-period 1',
        ...(password === undefined ? [] : [`masterauth "${password}"`]),
        ...config,
      ],
    };
    const started = await Promise.allSettled(Array.from({ length: 6 }, () => startRedis(options)));
    const nodes = started.filter((outcome) => outcome.status === 'fulfilled').map(({ value }) => value);
    const setup = new ClusterSetup(nodes, password);
    try {
      for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
      await setup.join();
      return setup;
    } catch (error) {
      await setup.stop();
      throw error;
    }
  }

  /** The `redis` option as a URL, of three nodes. */
  get url(): string {
    const credentials = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`;
    return `redis://${credentials}${this.nodes
      .slice(0, 3)
      .map(({ port }) => `127.0.0.1:${port}`)
      .join(',')}`;
  }

  /** Hosts and ports of all nodes. */
  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ port }) => ({ host: '127.0.0.1', port: port! }));
  }

  /** The node that is master of the key's slot, by the word of a majority of the nodes. */
  async masterOf(key: string): Promise<TestRedis> {
    return until(() => this.ownerOf(key), { within: 10_000, what: `the nodes agree on the master of ${key}` });
  }

  /** Waits until another node than this one is master of the key's slot and the Cluster is whole again. */
  async masterOtherThan(former: TestRedis, key: string, { within = 40_000 } = {}): Promise<TestRedis> {
    const master = await until(
      async () => {
        const found = await this.ownerOf(key);
        if (!found || found === former) return undefined;
        const info = await ask(found, (client) => client.cluster('INFO'));
        return info.includes('cluster_state:ok') ? found : undefined;
      },
      { within, every: 50, what: `the replica has become master of ${key}` },
    );
    this.lastFailover = performance.now();
    return master;
  }

  /** The replica that is in step with the master of the key's slot, once every node knows who is what, and it may take over. */
  async replicaOf(key: string): Promise<TestRedis> {
    await sleep(Math.max(0, this.lastFailover + VOTES_FORGOTTEN_MS - performance.now()));
    return until(
      async () => {
        const owners = await Promise.all(this.nodes.map((node) => ownerBy(node, key)));
        if (owners.some((port) => port === undefined || port !== owners[0]) || !(await this.replicasInStep())) return undefined;
        const infos = await Promise.all(this.nodes.map((node) => ask(node, (client) => client.info('replication'))));
        return this.nodes.find((_, n) => infos[n]!.includes(`master_port:${owners[0]}\r`));
      },
      { within: 30_000, every: 50, what: `the master of ${key} has a replica` },
    );
  }

  /** A planned failover, as an operator orders it, and orders again while replicas give it up; resolves with the new master. */
  async failover(key: string, { within = 60_000 } = {}): Promise<TestRedis> {
    const former = await this.masterOf(key);
    const replica = await this.replicaOf(key);
    return until(
      async () => {
        // refused where it has taken over meanwhile
        await ask(replica, (client) => client.cluster('FAILOVER')).catch(() => undefined);
        return this.masterOtherThan(former, key, { within: GIVEN_UP_AFTER_MS });
      },
      { within, every: 200, what: `a replica has taken over ${key} by order` },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async join(): Promise<void> {
    const masters = this.nodes.slice(0, 3);
    await Promise.all([
      ...this.nodes.map((node, index) => ask(node, (client) => client.cluster('SET-CONFIG-EPOCH', index + 1))),
      ...masters.map((node, index) => ask(node, (client) => client.call('CLUSTER', 'ADDSLOTSRANGE', ...SLOTS[index]!))),
    ]);
    // Everyone with everyone: gossip alone takes seconds.
    for (const node of this.nodes) {
      await ask(node, (client) =>
        Promise.all(this.addresses.filter(({ port }) => port !== node.port).map(({ host, port }) => client.cluster('MEET', host, port))),
      );
    }
    await until(() => this.all('CLUSTER INFO', (info) => info.includes('cluster_known_nodes:6') && info.includes('cluster_state:ok')), {
      within: 30_000,
      what: 'every node knows all six',
    });
    const ids = await Promise.all(masters.map((node) => ask(node, (client) => client.cluster('MYID'))));
    await Promise.all(
      this.nodes
        .slice(3)
        .map((node, index) => until(() => ask(node, (client) => client.cluster('REPLICATE', ids[index]!)), { what: 'REPLICATE' })),
    );
    await until(() => this.replicasInStep(), { within: 30_000, what: 'every node knows of the replicas, and they are in step' });
  }

  private async all(command: string, holds: (answer: string) => boolean): Promise<boolean> {
    const [name, argument] = command.split(' ') as [string, string];
    const answers = await Promise.all(this.nodes.map((node) => ask(node, (client) => client.call(name, argument))));
    return answers.every((answer) => holds(String(answer)));
  }

  private async replicasInStep(): Promise<boolean> {
    const infos = await Promise.all(this.nodes.map((node) => ask(node, (client) => client.info('replication'))));
    const views = await Promise.all(this.nodes.map(slotRanges));
    return (
      infos.filter((info) => info.includes('master_link_status:up')).length === SLOTS.length &&
      views.every((view) => view.every(([, , ...nodes]) => nodes.length === 2))
    );
  }

  private async ownerOf(key: string): Promise<TestRedis | undefined> {
    const votes = await Promise.all(this.nodes.map((node) => ownerBy(node, key).catch(() => undefined)));
    return this.nodes.find(({ port }) => votes.filter((vote) => vote === port).length > this.nodes.length / 2);
  }
}

async function ownerBy(node: TestRedis, key: string): Promise<number | undefined> {
  const slot = await ask(node, (client) => client.cluster('KEYSLOT', key));
  const range = (await slotRanges(node)).find(([from, to]) => from <= slot && slot <= to);
  return range?.[2]?.[1];
}

/** First slot, last slot, master, and then those replicas of which the node knows that they hold data. */
function slotRanges(node: TestRedis): Promise<[number, number, ...[string, number, string, unknown[]][]][]> {
  return ask(node, (client) => client.cluster('SLOTS'));
}
