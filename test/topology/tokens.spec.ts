import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidArgumentError, TokenExistsError } from '../../lib/errors/index.js';
import type { TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { ClusterSetup } from '../support/cluster.js';
import { SentinelSetup } from '../support/sentinel.js';
import { outcomeOf } from '../support/session-outcomes.js';
import { testOptions } from '../support/sessions.js';
import { openTokens, type TokensUnderTest } from '../support/tokens.js';
import { until } from '../support/until.js';

/** What the master has, its replicas have: WAIT is about all that was written before the connection's last command. */
async function replicated(master: TestRedis, replicas: number): Promise<void> {
  const inStep = (): Promise<number> =>
    ask(master, async (client) => {
      await client.ping();
      return client.wait(replicas, 500);
    });
  await until(async () => (await inStep()) >= replicas, { within: 10_000, what: 'the replicas are in step' });
}

interface Topology extends AsyncDisposable {
  url: string;
  failover: (key: string) => Promise<void>;
}

const topologies: Record<string, () => Promise<Topology>> = {
  async 'Sentinels and replicas'() {
    const setup = await SentinelSetup.start();
    return {
      url: setup.url,
      async failover() {
        await replicated(await setup.master(), 2);
        await setup.failover();
      },
      [Symbol.asyncDispose]: () => setup.stop(),
    };
  },
  async 'a Cluster of three masters'() {
    const setup = await ClusterSetup.start();
    return {
      url: setup.url,
      async failover(key) {
        const master = await setup.masterOf(key);
        await Promise.all(setup.nodes.slice(0, 3).map((node) => replicated(node, 1)));
        await master.kill();
        await setup.masterOtherThan(master, key);
      },
      [Symbol.asyncDispose]: () => setup.stop(),
    };
  },
};

describe.each(Object.keys(topologies))('tokens on %s', (name) => {
  let setup: Topology;
  let one: TokensUnderTest;
  let two: TokensUnderTest;
  beforeAll(async () => {
    setup = await topologies[name]!();
    const options = testOptions({ redis: setup.url });
    one = await openTokens(options);
    two = await openTokens(options);
  });
  afterAll(async () => {
    await one?.[Symbol.asyncDispose]();
    await two?.[Symbol.asyncDispose]();
    await setup?.[Symbol.asyncDispose]();
  });

  // enough that every master has some owners, and that pointers lie elsewhere than their records
  const owners = Array.from({ length: 24 }, (_, n) => `owner-${n}`);

  it.each([false, true])('live their life, seen by both instances (custom: %s)', async (isCustom) => {
    await Promise.all(
      owners.map(async (owner) => {
        const of = { type: 'key', owner };
        const custom = isCustom ? { token: `mine of ${owner}` } : {};
        const made = await one.tokens.create({ ...of, ...custom, data: { a: 1 }, requestId: `r ${isCustom}` });
        expect(await two.tokens.create({ ...of, ...custom, requestId: `r ${isCustom}` })).toEqual(made);
        const reference = { type: 'key', token: made.token };
        expect(await two.tokens.get(reference)).toEqual(made);
        // the form of a generated token is never free for a custom one
        const taken = await outcomeOf(two.tokens.create({ type: 'key', owner: 'other', token: made.token }));
        expect(taken.error).toBeInstanceOf(isCustom ? TokenExistsError : InvalidArgumentError);
        expect(await two.tokens.update({ ...reference, data: { b: 2 } })).toMatchObject({ data: { a: 1, b: 2 } });
        expect(await one.tokens.refresh({ ...reference, ttl: 'never' })).toBe(true);
        expect(await two.tokens.list(of)).toMatchObject([{ id: made.id, expiresAt: null }]);
        const outcomes = await Promise.all([one, two, one, two].map(({ tokens }) => tokens.consume(reference)));
        expect(outcomes.filter((outcome) => outcome !== null)).toMatchObject([{ id: made.id }]);
        expect(await one.tokens.get(reference)).toBeNull();

        const again = await two.tokens.create({ ...of, ...custom });
        expect(await one.tokens.delete({ type: 'key', id: again.id })).toBe(true);
        await Promise.all(
          Array.from({ length: 5 }, (_, n) =>
            one.tokens.create({ ...of, type: `type-${n % 2}`, ...(isCustom && { token: `${n} of ${owner}` }) }),
          ),
        );
        expect(await two.tokens.deleteAll({ owner })).toBe(5);
        expect(await one.tokens.count({ owner, type: 'type-0' })).toBe(0);
      }),
    );
  });

  it('of custom text are kept apart from each other although their pointers share nodes with anything', async () => {
    const made = await Promise.all(owners.map((owner) => one.tokens.create({ type: 'key', owner, token: `t ${owner}` })));
    for (const each of made) expect(await two.tokens.get({ type: 'key', token: each.token })).toEqual(each);
    const raced = await Promise.all(
      owners.flatMap((owner) => [one, two].map(({ tokens }) => outcomeOf(tokens.create({ type: 'race', owner, token: 'the same' })))),
    );
    expect(raced.filter(({ result }) => result !== undefined)).toHaveLength(1);
    const counts = await Promise.all(owners.map((owner) => one.tokens.count({ type: 'race', owner })));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  it('go on after a failover, on a master that does not know the scripts', async () => {
    const live = await one.tokens.create({ type: 'key', owner: 'ann', data: { a: 1 } });
    const custom = await one.tokens.create({ type: 'key', owner: 'ann', token: 'before it', ttl: 'never' });
    const asked = await one.tokens.create({ type: 'key', owner: 'ann', requestId: 'before it' });
    const deleted = await one.tokens.create({ type: 'key', owner: 'ann' });
    const consumed = await one.tokens.create({ type: 'key', owner: 'ann' });
    await one.tokens.delete({ type: 'key', token: deleted.token });
    await one.tokens.consume({ ...consumed, requestId: 'holder' });
    await setup.failover(`${one.keyPrefix}k:{${live.id.slice(0, 6)}}`);
    await until(async () => (await one.tokens.get(live)) !== null, { within: 5_000, what: 'tokens go on on the new master' });
    expect(await one.tokens.get(live)).toEqual(live);
    expect(await until(() => one.tokens.get(custom), { within: 5_000 })).toEqual(custom);
    expect(await one.tokens.create({ type: 'key', owner: 'ann', requestId: 'before it' })).toEqual(asked);
    for (const gone of [deleted, consumed]) expect(await one.tokens.get(gone)).toBeNull();
    expect(await one.tokens.consume({ ...consumed, requestId: 'holder' })).toEqual(consumed);
    expect(await one.tokens.consume({ ...consumed, requestId: 'other' })).toBeNull();
    expect(await one.tokens.update({ ...live, data: { b: 2 } })).toMatchObject({ data: { a: 1, b: 2 } });
    expect(await one.tokens.list({ type: 'key', owner: 'ann' })).toHaveLength(3);
    expect(await one.tokens.deleteAll({ owner: 'ann' })).toBe(3);
    for (const gone of [live, custom, asked]) expect(await one.tokens.get(gone)).toBeNull();
  });
});
