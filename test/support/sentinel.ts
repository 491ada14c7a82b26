import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from './ask.js';
import { until } from './until.js';

/** How {@link startSentinel} starts its servers. */
export interface SentinelOptions {
  /** Password of the data servers; Sentinels have none. @default none */
  password?: string;
  /** Further lines of redis.conf of the data servers. @default none */
  config?: readonly string[];
}

const DOWN_AFTER_MS = 1_000;
const FAILOVER_TIMEOUT_MS = 5_000;
/** A failover that has not come by now does not come. */
const GIVEN_UP_AFTER_MS = FAILOVER_TIMEOUT_MS + 2_000;

/** One master, two replicas, and three Sentinels of which two must agree that the master is down. */
export class SentinelSetup implements AsyncDisposable {
  /** What Sentinels call the master. */
  readonly name = 'mymaster';

  private constructor(
    readonly servers: readonly TestRedis[],
    readonly sentinels: readonly TestRedis[],
    private readonly password: string | undefined,
  ) {}

  /** Resolves when replication runs and every Sentinel knows everyone. */
  static async start({ password, config: further = [] }: SentinelOptions = {}): Promise<SentinelSetup> {
    const started: TestRedis[] = [];
    const start = async (...args: Parameters<typeof startRedis>): Promise<TestRedis> => {
      const server = await startRedis(...args);
      started.push(server);
      return server;
    };
    try {
      const auth = password === undefined ? {} : { password };
      const config = [
        'repl-diskless-sync-delay 0',
        'repl-ping-replica-period 1',
        ...(password === undefined ? [] : [`masterauth "${password}"`]),
        ...further,
      ];
      const master = await start({ port: 'tcp', ...auth, config });
      const replica = { port: 'tcp', ...auth, config: [...config, `replicaof 127.0.0.1 ${master.port}`] } as const;
      const replicas = await Promise.all([start(replica), start(replica)]);
      await until(async () => (await ask(master, (client) => client.info('replication'))).match(/state=online/g)?.length === 2, {
        within: 15_000,
        what: 'both replicas are online',
      });
      const sentinel = sentinelConfig(master.port!, password);
      const sentinels = await Promise.all([1, 2, 3].map(() => start({ port: 'tcp', args: ['--sentinel'], config: sentinel })));
      const setup = new SentinelSetup([master, ...replicas], sentinels, password);
      await until(() => setup.everyoneKnown(), { within: 30_000, what: 'the Sentinels know each other and both replicas' });
      return setup;
    } catch (error) {
      await Promise.all(started.map((server) => server.stop()));
      throw error;
    }
  }

  /** The `redis` option as a URL, of all three Sentinels. */
  get url(): string {
    const credentials = this.password === undefined ? '' : `:${encodeURIComponent(this.password)}@`;
    return `redis://${credentials}${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${this.name}`;
  }

  /** Hosts and ports of the Sentinels. */
  get addresses(): { host: string; port: number }[] {
    return this.sentinels.map(({ port }) => ({ host: '127.0.0.1', port: port! }));
  }

  /** The server that a majority of the Sentinels calls the master, now. */
  async master(): Promise<TestRedis> {
    return until(
      async () => {
        const votes = await this.votes();
        return this.servers.find(({ port }) => votes.filter((vote) => vote === port).length >= 2);
      },
      { what: 'two Sentinels agree on a master' },
    );
  }

  /** Waits until another server than this one is the master and accepts writes, and no Sentinel sends anybody to the former one. */
  async masterOtherThan(former: TestRedis, { within = 40_000 } = {}): Promise<TestRedis> {
    return until(
      async () => {
        const master = await this.master();
        if (master === former || (await this.votes()).includes(former.port)) return undefined;
        const [role] = await ask(master, (client) => client.role());
        return role === 'master' ? master : undefined;
      },
      { within, what: 'a replica has become the master' },
    );
  }

  /** A planned failover, as an operator orders it, and orders again while Sentinels give it up; resolves with the new master. */
  async failover({ within = 60_000 } = {}): Promise<TestRedis> {
    const former = await this.master();
    return until(
      async () => {
        // refused while one is under way, which is as good
        await ask(this.sentinels[0]!, (client) => client.call('SENTINEL', 'FAILOVER', this.name)).catch(() => undefined);
        return this.masterOtherThan(former, { within: GIVEN_UP_AFTER_MS });
      },
      { within, every: 200, what: 'a replica has taken over by order' },
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** The port of the master by the word of each Sentinel that answers. */
  private votes(): Promise<(number | undefined)[]> {
    return Promise.all(this.sentinels.map((sentinel) => this.masterBy(sentinel).catch(() => undefined)));
  }

  private async masterBy(sentinel: TestRedis): Promise<number> {
    const address = await ask(sentinel, (client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name));
    return Number((address as string[])[1]);
  }

  private async everyoneKnown(): Promise<boolean> {
    const states = await Promise.all(
      this.sentinels.map((sentinel) => ask(sentinel, (client) => client.call('SENTINEL', 'CKQUORUM', this.name)).catch(String)),
    );
    const counts = await Promise.all(this.sentinels.map((sentinel) => ask(sentinel, (client) => client.info('sentinel'))));
    return (
      states.every((state) => String(state).startsWith('OK 3 ')) &&
      counts.every((info) => info.includes('status=ok') && info.includes('slaves=2,sentinels=3'))
    );
  }
}

function sentinelConfig(masterPort: number, password: string | undefined): string[] {
  return [
    `sentinel monitor mymaster 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds mymaster ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout mymaster ${FAILOVER_TIMEOUT_MS}`,
    ...(password === undefined ? [] : [`sentinel auth-pass mymaster ${password}`]),
  ];
}
