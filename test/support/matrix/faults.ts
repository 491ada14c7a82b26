import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { TestRedis } from '../../../lib/testing/index.js';
import { ask, clientOf } from '../ask.js';
import { until } from '../until.js';
import { MASTERS_OF, type Place, type Topology, TOPOLOGIES, USER } from './places.js';
import { migrateSlots } from './slot-migration.js';

/**
 * What a fault means for calls, which decides what is expected of them.
 *
 * - `unborn`: there is no connection yet · `gone`: it breaks, or what comes over it is not answered
 * - `lost request`, `lost reply`: of one call · `slow` · `unnoticed`: nothing that a call should notice
 * - `full`: no memory for more · `cutting`: connections end, others work · `failover`: a master ends, another takes over
 */
export type FaultKind = 'unborn' | 'gone' | 'lost request' | 'lost reply' | 'slow' | 'unnoticed' | 'full' | 'cutting' | 'failover';

/** How a fault ends. */
export interface Begun {
  /** Resolves when nothing is in the way of calls any more. */
  heal(): Promise<unknown>;
  /** Resolves when all is as it was before. */
  restore?(): Promise<unknown>;
}

export interface Fault {
  readonly name: string;
  readonly kind: FaultKind;
  /** A reason for each topology where it does not apply. */
  readonly except: Partial<Record<Topology, string>>;
  /** Ms between the first calls and later ones, by when it is known that there is no connection. @default no later ones */
  readonly laterBy?: number;
  /** Sets in before it resolves. */
  begin(place: Place, keyPrefix: string): Promise<Begun>;
}

const AS_MASTER_KILLED = 'the master that is killed is the fault “master killed”';
const AS_MASTER_STOPPED = 'the master that is stopped is the fault “master stopped”';
const only = (reason: string, ...topologies: Topology[]): Partial<Record<Topology, string>> =>
  Object.fromEntries(TOPOLOGIES.filter((topology) => !topologies.includes(topology)).map((topology) => [topology, reason]));
const SENTINELS = only('there are no Sentinels', 'Sentinel');
const REPLICATED = only('nothing takes over from one server', 'Sentinel', 'Cluster');
const CLUSTER = only('there are no slots', 'Cluster');

const each = <T>(servers: readonly TestRedis[], question: (client: Redis) => Promise<T>): Promise<T[]> =>
  Promise.all(servers.map((server) => ask(server, question)));
const healLinks = (place: Place): Begun => ({ heal: () => place.links.heal() });
/** Feeds of the prefix are kept there. */
const feedOf = (keyPrefix: string): string => `${keyPrefix}f:{feed}stream`;
const PATIENT = { within: 60_000 };
/** Of a round trip. */
const LATENCY_MS = 150;

async function repeatedly(everyMs: number, act: () => Promise<unknown>): Promise<Begun> {
  let over = false;
  const loop = (async () => {
    while (!over) {
      await act().catch(() => undefined);
      await sleep(everyMs);
    }
  })();
  return {
    heal: () => {
      over = true;
      return loop;
    },
  };
}

/** Nothing that is acknowledged by now is lost with a master. */
async function inStep({ sentinel, cluster, servers }: Place, keyPrefix: string): Promise<void> {
  if (cluster !== undefined) await cluster.replicaOf(feedOf(keyPrefix));
  else {
    await until(
      async () => (await ask(await sentinel!.master(), (client) => client.info('replication'))).match(/state=online/g)?.length === 2,
      {
        within: 30_000,
        what: 'both replicas are online',
      },
    );
  }
  const reached = new Map((await replications(servers)).map(({ port, offset }) => [port, offset]));
  await until(async () => (await replications(servers)).every(({ master, offset }) => offset >= (reached.get(master) ?? 0)), {
    within: 30_000,
    what: 'the replicas have what their masters have',
  });
}

/** How far each server is; `master` is the port of its own, 0 for none. */
async function replications(servers: readonly TestRedis[]): Promise<{ port: number; master: number; offset: number }[]> {
  const infos = await each(servers, (client) => client.info('replication'));
  return infos.map((info, n) => {
    const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
    const master = figure('master_port');
    return { port: servers[n]!.port!, master, offset: figure(master === 0 ? 'master_repl_offset' : 'slave_repl_offset') };
  });
}

/** The master ends somehow, and starts anew where it was ended. */
function masterEnds(name: string, end: (master: TestRedis) => Promise<void>, restore: (master: TestRedis) => Promise<void>): Fault {
  return {
    name,
    kind: 'failover',
    except: REPLICATED,
    async begin(place, keyPrefix) {
      await inStep(place, keyPrefix);
      const { sentinel, cluster } = place;
      const key = feedOf(keyPrefix);
      const master = cluster === undefined ? await sentinel!.master() : await cluster.masterOf(key);
      await end(master);
      return {
        heal: () => (cluster === undefined ? sentinel!.masterOtherThan(master, PATIENT) : cluster.masterOtherThan(master, key, PATIENT)),
        async restore() {
          await restore(master);
          await inStep(place, keyPrefix);
        },
      };
    },
  };
}

export const FAULTS: readonly Fault[] = [
  { name: 'down at boot', kind: 'unborn', except: {}, begin: async (place) => (await place.links.begin('refused'), healLinks(place)) },
  {
    name: 'kill −9',
    kind: 'gone',
    except: { Sentinel: AS_MASTER_KILLED, Cluster: AS_MASTER_KILLED },
    laterBy: 300,
    async begin({ servers: [server] }) {
      await server!.kill();
      return { heal: () => server!.restart() };
    },
  },
  {
    name: 'SIGSTOP',
    kind: 'gone',
    except: { Sentinel: AS_MASTER_STOPPED, Cluster: AS_MASTER_STOPPED },
    laterBy: 1_500,
    async begin({ servers: [server] }) {
      await server!.pause();
      return { heal: () => server!.resume() };
    },
  },
  {
    name: 'accept, then close',
    kind: 'gone',
    except: {},
    laterBy: 300,
    begin: async (place) => (await place.links.begin('accept then close'), healLinks(place)),
  },
  {
    name: 'accept, then silent',
    kind: 'gone',
    except: {},
    laterBy: 1_500,
    begin: async (place) => (await place.links.begin('silent'), healLinks(place)),
  },
  { name: 'request lost', kind: 'lost request', except: {}, begin: (place) => Promise.resolve(healLinks(place)) },
  { name: 'reply lost', kind: 'lost reply', except: {}, begin: (place) => Promise.resolve(healLinks(place)) },
  {
    name: '150 ms latency',
    kind: 'slow',
    except: {},
    begin: async (place) => (await place.links.begin('late', LATENCY_MS / 2), healLinks(place)),
  },
  {
    name: 'ACL user deleted',
    kind: 'gone',
    except: {},
    laterBy: 500,
    async begin({ servers }) {
      await each(servers, (client) => client.call('ACL', 'DELUSER', USER.username));
      return {
        heal: () => each(servers, (client) => client.call('ACL', 'SETUSER', USER.username, 'on', `>${USER.password}`, '~*', '&*', '+@all')),
      };
    },
  },
  {
    name: 'password changed',
    kind: 'gone',
    except: {},
    laterBy: 500,
    async begin({ servers, links }) {
      await each(servers, (client) => client.call('ACL', 'SETUSER', USER.username, 'resetpass', '>another'));
      // who is in stays in
      await links.begin('cut');
      return { heal: () => each(servers, (client) => client.call('ACL', 'SETUSER', USER.username, 'resetpass', `>${USER.password}`)) };
    },
  },
  {
    name: 'BUSY script',
    kind: 'gone',
    except: {},
    laterBy: 0,
    async begin(place) {
      const masters = await place.masters();
      await each(masters, (client) => client.config('SET', 'busy-reply-threshold', '1'));
      const scripts = masters.map((server) => {
        const client = clientOf(server);
        client.options.commandTimeout = 60_000;
        return client
          .eval('while true do end', 0)
          .catch(() => undefined)
          .finally(() => client.disconnect());
      });
      await until(async () => (await Promise.all(masters.map((server) => answers(server)))).every((answer) => answer.startsWith('BUSY')), {
        what: 'the scripts keep all masters busy',
      });
      return {
        async heal() {
          await each(masters, (client) => client.script('KILL').catch(() => undefined));
          await Promise.all(scripts);
        },
        restore: () => each(masters, (client) => client.config('SET', 'busy-reply-threshold', '5000')),
      };
    },
  },
  {
    name: 'LOADING',
    kind: 'gone',
    except: {},
    laterBy: 0,
    begin: async (place) => loading(await place.masters()),
  },
  {
    name: 'maxclients reached',
    kind: 'gone',
    except: {},
    laterBy: 500,
    async begin(place) {
      const admins = place.servers.map((server) => clientOf(server));
      await Promise.all(admins.map((admin) => admin.config('SET', 'maxclients', 1)));
      await place.links.begin('cut');
      return {
        async heal() {
          await Promise.all(admins.map((admin) => admin.config('SET', 'maxclients', 10_000)));
          for (const admin of admins) admin.disconnect();
        },
      };
    },
  },
  {
    name: 'full memory (noeviction)',
    kind: 'full',
    except: {},
    async begin(place) {
      const masters = await place.masters();
      await each(masters, (client) => client.config('SET', 'maxmemory', 1));
      return { heal: () => each(masters, (client) => client.config('SET', 'maxmemory', 0)) };
    },
  },
  {
    name: 'SCRIPT FLUSH in a loop',
    kind: 'unnoticed',
    except: {},
    begin: async (place) => {
      const masters = await place.masters();
      return repeatedly(10, () => each(masters, (client) => client.script('FLUSH')));
    },
  },
  {
    name: 'CLIENT KILL in a loop',
    kind: 'cutting',
    except: {},
    begin: async (place) => {
      const masters = await place.masters();
      return repeatedly(100, () => each(masters, (client) => client.call('CLIENT', 'KILL', 'USER', USER.username)));
    },
  },
  {
    name: 'all sentinels down',
    kind: 'gone',
    except: SENTINELS,
    laterBy: 500,
    async begin({ sentinel, links }) {
      await Promise.all(sentinel!.sentinels.map((server) => server.kill()));
      // who has a connection needs no Sentinel
      await links.begin('cut');
      return { heal: () => Promise.all(sentinel!.sentinels.map((server) => server.restart())) };
    },
  },
  {
    name: 'wrong master name',
    kind: 'gone',
    except: SENTINELS,
    laterBy: 500,
    async begin({ sentinel, links }) {
      const { name, sentinels } = sentinel!;
      const { port } = await sentinel!.master();
      await each(sentinels, (client) => client.call('SENTINEL', 'REMOVE', name));
      await links.begin('cut');
      return {
        heal: () =>
          each(sentinels, async (client) => {
            await client.call('SENTINEL', 'MONITOR', name, '127.0.0.1', port!, 2);
            await client.call('SENTINEL', 'SET', name, 'down-after-milliseconds', 1_000, 'failover-timeout', 5_000);
          }),
        restore: () =>
          until(
            async () =>
              (await each(sentinels, (client) => client.call('SENTINEL', 'CKQUORUM', name).catch(String))).every((state) =>
                String(state).startsWith('OK 3 '),
              ),
            {
              within: 30_000,
              what: 'the Sentinels know each other again',
            },
          ),
      };
    },
  },
  {
    name: 'slot migration',
    kind: 'unnoticed',
    except: CLUSTER,
    begin: async ({ cluster }, keyPrefix) => migrateSlots(cluster!, feedOf(keyPrefix)),
  },
  {
    name: 'planned failover',
    kind: 'failover',
    except: REPLICATED,
    async begin(place, keyPrefix) {
      await inStep(place, keyPrefix);
      const { sentinel, cluster } = place;
      const done = cluster === undefined ? sentinel!.failover() : cluster.failover(feedOf(keyPrefix));
      done.catch(() => undefined);
      return { heal: () => done, restore: () => inStep(place, keyPrefix) };
    },
  },
  masterEnds(
    'master killed',
    (master) => master.kill(),
    (master) => master.restart(),
  ),
  masterEnds(
    'master stopped',
    (master) => master.pause(),
    (master) => master.resume(),
  ),
  {
    name: 'all nodes down',
    kind: 'gone',
    except: CLUSTER,
    laterBy: 500,
    async begin({ cluster }) {
      await Promise.all(cluster!.nodes.map((node) => node.kill()));
      return {
        async heal() {
          await Promise.all(cluster!.nodes.map((node) => node.restart()));
          await until(
            async () => (await each(cluster!.nodes, (client) => client.cluster('INFO'))).every((info) => info.includes('cluster_state:ok')),
            {
              within: 30_000,
              what: 'the Cluster is whole again',
            },
          );
        },
      };
    },
  },
];

/** Begins the names of keys that a master holds: of a Cluster each in its own slots. */
const beside = (n: number): string => `{${MASTERS_OF[n]}}beside`;

/** Ten thousand keys beside ours, each of which takes its time to load. */
async function loading(masters: readonly TestRedis[]): Promise<Begun> {
  await Promise.all(masters.map((server, n) => ask(server, (client) => client.call('DEBUG', 'POPULATE', 10_000, beside(n)))));
  await each(masters, (client) => client.config('SET', 'key-load-delay', '500'));
  const reloads = masters.map((server) => {
    const client = clientOf(server);
    client.options.commandTimeout = 60_000;
    return client
      .call('DEBUG', 'RELOAD')
      .catch(() => undefined)
      .finally(() => client.disconnect());
  });
  await until(async () => (await Promise.all(masters.map(answers))).every((answer) => answer.startsWith('LOADING')), {
    what: 'all masters are loading',
  });
  return {
    async heal() {
      await each(masters, (client) => client.config('SET', 'key-load-delay', '0'));
      await Promise.all(reloads);
    },
    restore: () =>
      Promise.all(
        masters.map((server, n) =>
          ask(server, (client) => client.eval("for n = 0, 9999 do redis.call('UNLINK', ARGV[1] .. ':' .. n) end", 0, beside(n))),
        ),
      ),
  };
}

/** What a server says to somebody who asks for a key. */
function answers(server: TestRedis): Promise<string> {
  return ask(server, (client) => client.call('RANDOMKEY').then(String, (error: Error) => error.message));
}
