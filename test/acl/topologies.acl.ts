import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACL_FEATURES, type AclFeature, grantsFor, type Grants, SENTINEL_GRANTS } from '../../lib/privileges/index.js';
import { ask } from '../support/ask.js';
import { uniquePrefix } from '../support/key-prefix.js';
import { ConnectionUnderTest, PATIENT } from '../support/open-connection.js';
import { openServices, OPERATIONS, type Services } from '../support/operations/index.js';
import { allow, cluster, refused, sentinel, SENTINEL_USER, type Setup, standalone, tls } from '../support/privileges/setups.js';
import { type Grant, partsOf, tryFeature } from '../support/privileges/trial.js';
import { testOptions } from '../support/sessions.js';
import { until } from '../support/until.js';

/** What a Cluster's client sends without need, and goes on without. */
const NEEDLESS = ['command client|setname', 'command readonly'];
/** By this the audit sees that keys of others are none of ours. */
const ASKED_TO_BE_REFUSED = ['command exists', 'key ?'];
/** What a Cluster does not offer. */
const NOT_IN_A_CLUSTER: readonly AclFeature[] = ['expiry-notices'];

const SETUPS = { 'one server': standalone, TLS: tls, Sentinel: sentinel, 'a Cluster': cluster } satisfies Record<
  string,
  () => Promise<Setup>
>;

describe.each(Object.entries(SETUPS))('on %s', (_, start) => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await start();
    if ('sentinels' in setup) await allowOnSentinels(setup as Behind, SENTINEL_GRANTS);
  }, 60_000);
  afterAll(() => setup?.[Symbol.asyncDispose]());

  it.each(ACL_FEATURES)('who may do only what %s needs can do it all, and is refused nothing', async (feature) => {
    if (setup.isCluster && NOT_IN_A_CLUSTER.includes(feature)) return;
    const { user, error } = await tryFeature(feature, setup);
    expect(error).toBeUndefined();
    expect(await unexpected(user)).toEqual([]);
  });

  async function unexpected(user: string): Promise<string[]> {
    const expected = [...ASKED_TO_BE_REFUSED, ...(setup.isCluster ? NEEDLESS : [])];
    return (await refused(user, setup.servers)).filter((refusal) => !expected.includes(refusal));
  }

  describe('with everything that any feature needs', () => {
    const keyPrefix = uniquePrefix();
    let services: Services;
    beforeAll(async () => {
      const grants = grantsFor({ features: ACL_FEATURES, keyPrefix, keys: [`${keyPrefix}own:*`], cluster: setup.isCluster });
      await allow('everything', grants, setup.servers);
      services = await openServices({ ...testOptions({ keyPrefix, audit: 'off' }), redis: setup.as('everything'), keyPrefix });
    });
    afterAll(async () => {
      await services?.close();
      expect(await unexpected('everything')).toEqual([]);
    });

    it.each(OPERATIONS)('$name works', async (operation) => {
      const prepared = await operation.prepare(services);
      expect(operation.succeeded(await prepared.call())).toBe(true);
    });
  });
});

type Behind = Awaited<ReturnType<typeof sentinel>>;

describe('what Sentinels are asked', () => {
  let setup: Behind;
  beforeAll(async () => {
    setup = await sentinel();
    await allow('app', grantsFor({ features: [] }), setup.servers);
  });
  afterAll(() => setup?.[Symbol.asyncDispose]());

  const follows = async (): Promise<boolean> => {
    const lists = await Promise.all(setup.sentinels.sentinels.map((server) => ask(server, (client) => client.client('LIST'))));
    return lists
      .flatMap((list) => String(list).split('\n'))
      .some((line) => line.includes(`user=${SENTINEL_USER} `) && / sub=[1-9]/.test(line));
  };

  it('is allowed: the master is found, and its failovers are heard of', async () => {
    await allowOnSentinels(setup, SENTINEL_GRANTS);
    await using connection = await ConnectionUnderTest.open(setup.as('app'), PATIENT);
    expect(await connection.ping()).toBe('PONG');
    await until(follows, { what: 'failovers are heard of' });
    expect(await refused(SENTINEL_USER, setup.sentinels.sentinels)).toEqual([]);
  });

  it.each([
    ...SENTINEL_GRANTS.commands.map((name): Grant => ({ list: 'commands', name })),
    ...SENTINEL_GRANTS.channels.map((name): Grant => ({ list: 'channels', name })),
  ])('fails without $name', async ({ list, name }) => {
    const rest = { ...SENTINEL_GRANTS, [list]: SENTINEL_GRANTS[list].filter((other) => other !== name) };
    await until(async () => !(await follows()));
    await allowOnSentinels(setup, rest);
    await using connection = new ConnectionUnderTest(setup.as('app'));
    await connection.open().catch(() => undefined);
    const isWell = async (): Promise<boolean> => (await connection.ping()) === 'PONG' && (await follows());
    await expect(until(isWell, { within: 1_500 })).rejects.toThrow();
    const kind = list === 'commands' ? 'command' : 'channel';
    expect(await refused(SENTINEL_USER, setup.sentinels.sentinels)).toContain(`${kind} ${name}`);
  });
});

describe('what only a Cluster is asked', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await cluster();
  });
  afterAll(() => setup?.[Symbol.asyncDispose]());

  const particular = ACL_FEATURES.flatMap((feature) => {
    const names = partsOf(feature, { isCluster: false }).map(({ name }) => name);
    return partsOf(feature, { isCluster: true })
      .filter(({ name }) => !names.includes(name))
      .map((without) => ({ feature, without }));
  });

  it.each(particular)('$feature fails without $without.name', async ({ feature, without }) => {
    const { user, error } = await tryFeature(feature, setup, { without });
    expect(error).toBeInstanceOf(Error);
    expect(await refused(user, setup.servers), String(error)).toContain(`command ${without.name}`);
  });
});

function allowOnSentinels({ sentinels }: Behind, grants: Grants): Promise<void> {
  return allow(SENTINEL_USER, grants, sentinels.sentinels);
}
