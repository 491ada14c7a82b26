import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { CommandMonitor } from '../../support/monitor.js';
import { FaultProxy } from '../../support/proxy.js';
import { isAsked } from '../../support/revocation/is-asked.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.stop());

const streamOf = ({ keyPrefix }: SessionsUnderTest): string => `${keyPrefix}f:{feed}stream`;
const anchorOf = ({ keyPrefix }: SessionsUnderTest): string => `${keyPrefix}f:{feed}anchor`;

async function textsIn(on: SessionsUnderTest): Promise<string[]> {
  const entries = await on.connection.client.xrange(streamOf(on), '-', '+');
  return entries.map(([, fields]) => fields[1]!);
}

describe('where entries go missing', () => {
  it.each([
    ['the stream is deleted', (on: SessionsUnderTest) => on.connection.client.del(streamOf(on))],
    ['stream and anchor are deleted', (on: SessionsUnderTest) => on.connection.client.del(streamOf(on), anchorOf(on))],
    ['the stream is trimmed', (on: SessionsUnderTest) => on.connection.client.xtrim(streamOf(on), 'MAXLEN', 0)],
    ['its last entry is deleted', (on: SessionsUnderTest) => deleteLast(on)],
  ])('%s: noticed, put back by who knows, asked about until then', async (_what, lose) => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix() };
    await using one = await openSessions(options);
    await using other = await openSessions(options);
    const ended = await Promise.all(Array.from({ length: 20 }, (_, n) => one.sessions.create(`user-${n}`)));
    const kept = await one.sessions.create('kept');
    for (const { sessionId } of ended) await one.sessions.revoke(sessionId);
    await one.sessions.revokeAll('ann');
    for (let n = 0; n < 2; n++) expect(await isAsked(redis, other, kept.accessToken)).toBe(false);
    expect(other.sessions.recall(kept.accessToken)).toBeDefined();
    await lose(one);
    const texts = ended.map(({ sessionId }) => `s r ${sessionId}`);
    await until(async () => {
      const there = new Set(await textsIn(one));
      return texts.every((text) => there.has(text)) && [...there].some((text) => text.startsWith('u ')) && there;
    });
    // by the other one, too, which has read all of it anew before it covers tokens again
    await until(() => other.sessions.recall(kept.accessToken) === undefined);
    await until(async () => !(await isAsked(redis, other, (await one.sessions.create('covered')).accessToken)));
    // proven anew, token by token
    expect(await isAsked(redis, other, kept.accessToken)).toBe(true);
    expect(await isAsked(redis, other, kept.accessToken)).toBe(false);
    await using late = await openSessions(options);
    for (const on of [one, other, late]) {
      for (const { accessToken } of ended) expect(await reasonOf(on.sessions.verify(accessToken))).toBe('revoked');
      await on.sessions.verify(kept.accessToken);
    }
    // one who signs in from now on is covered
    expect(await isAsked(redis, other, (await one.sessions.create('new')).accessToken)).toBe(false);
    expect(await withoutTtl(redis)).toEqual([]);
  });

  it('an entry in the middle is deleted: who begins later does not believe to know all', async () => {
    const options = { redis: redis.url, keyPrefix: uniquePrefix() };
    await using one = await openSessions(options);
    const pairs = await Promise.all(Array.from({ length: 5 }, (_, n) => one.sessions.create(`user-${n}`)));
    const kept = await one.sessions.create('kept');
    for (const { sessionId } of pairs) await one.sessions.revoke(sessionId);
    const [[, [third]]] = [[0, (await one.connection.client.xrange(streamOf(one), '-', '+')).slice(2, 3)]] as [
      [number, [[string, string[]]]],
    ];
    await one.connection.client.xdel(streamOf(one), third[0]);
    await using late = await openSessions(options);
    for (const { accessToken } of pairs) expect(await reasonOf(late.sessions.verify(accessToken))).toBe('revoked');
    expect(await isAsked(redis, late, kept.accessToken)).toBe(true);
  });

  it('only the anchor is deleted: nothing is missing, and it is made anew with the next entry', async () => {
    await using on = await openSessions({ redis: redis.url });
    const [one, two] = [await on.sessions.create('one'), await on.sessions.create('two')];
    await on.connection.client.del(anchorOf(on));
    await on.sessions.revoke(one.sessionId);
    expect(await on.connection.client.exists(anchorOf(on))).toBe(1);
    expect(await reasonOf(on.sessions.verify(one.accessToken))).toBe('revoked');
    await on.sessions.verify(two.accessToken);
  });

  it('what others write there is passed over', async () => {
    await using on = await openSessions({ redis: redis.url });
    const { accessToken } = await on.sessions.create('ann');
    // within the millisecond in which the feed began their ids would go on as ours do
    await nextMs(on);
    for (const fields of [
      ['e', 'nonsense'],
      ['x', 'y'],
      ['e', 's r ../..'],
      ['e', `s r ${'x'.repeat(9_000)}`],
    ]) {
      await on.connection.client.xadd(streamOf(on), '*', ...fields);
    }
    await until(async () => (await textsIn(on)).filter((text) => text.startsWith('a ')).length >= 2);
    await on.sessions.verify(accessToken);
  });
});

/** By the server's clock. */
async function nextMs({ connection: { client } }: SessionsUnderTest): Promise<void> {
  const now = async (): Promise<number> => {
    const [seconds, micros] = await client.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  };
  const then = await now();
  await until(async () => (await now()) > then, { every: 1 });
}

async function deleteLast(on: SessionsUnderTest): Promise<number> {
  const [last] = await on.connection.client.xrevrange(streamOf(on), '+', '-', 'COUNT', 1);
  return on.connection.client.xdel(streamOf(on), last![0]);
}

/** A script's name for MONITOR and proxies is its SHA-1; the feed's is told by its keys. */
const isAppend = (args: string[]): boolean =>
  args.some((arg) => arg.endsWith('f:{feed}anchor')) && args.some((arg) => /^[sutjd] /.test(arg));

describe('where who revokes dies between the two steps', () => {
  it('of a named session: it is refused though it has not been ended, and refused to refresh', async () => {
    await using proxy = await FaultProxy.open(redis.url);
    const options = { keyPrefix: uniquePrefix() };
    await using dying = await openSessions({ ...options, redis: proxy.url });
    await using other = await openSessions({ ...options, redis: redis.url });
    const { accessToken, refreshToken, sessionId } = await other.sessions.create('ann');
    // the scripts are known
    await dying.sessions.revoke((await dying.sessions.create('eve')).sessionId);
    const lost = proxy.dropNextRequest(
      (args) => args[0]!.toLowerCase() === 'evalsha' && args.some((arg) => arg.endsWith(sessionId.slice(6))) && !isAppend(args),
    );
    await expect(dying.sessions.revoke(sessionId)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE' });
    await lost;
    await until(async () => (await reasonOf(other.sessions.verify(accessToken))) === 'revoked', { within: 500, every: 1 });
    expect(await other.sessions.get(sessionId)).not.toBeNull();
    expect(await reasonOf(other.sessions.refresh(refreshToken))).toBe('revoked');
    expect(await other.sessions.get(sessionId)).toBeNull();
  });

  it.each([
    ['revokeAll', (on: SessionsUnderTest) => on.sessions.revokeAll('ann', { tenant: 'acme' })],
    ['revokeTenant', (on: SessionsUnderTest) => on.sessions.revokeTenant('acme')],
  ])('of %s: whoever comes next to that user or tenant tells the others', async (_what, end) => {
    await using proxy = await FaultProxy.open(redis.url);
    const options = { keyPrefix: uniquePrefix() };
    await using dying = await openSessions({ ...options, redis: proxy.url });
    await using other = await openSessions({ ...options, redis: redis.url });
    const { accessToken, sessionId } = await other.sessions.create('ann', { tenant: 'acme' });
    await dying.sessions.revoke((await dying.sessions.create('eve')).sessionId);
    const lost = proxy.dropNextRequest(isAppend);
    await expect(end(dying)).rejects.toMatchObject({ code: 'ERR_REDIS_AUTH_STORE_UNAVAILABLE', ambiguous: true });
    await lost;
    expect(await other.sessions.get(sessionId)).toBeNull();
    expect(await reasonOf(other.sessions.verify(accessToken))).toBe('revoked');
  });
});

describe('a client of the application that gives commands up soon', () => {
  it('is not asked to wait for longer than that, so that the feed need not be read over and over', async () => {
    const client = new Redis(redis.url, { commandTimeout: 190 });
    try {
      await using _on = await openSessions({ redis: { client } });
      await using monitor = await CommandMonitor.start(redis);
      const waits = await until(async () => {
        const reads = (await monitor.everything()).map(({ args }) => args).filter((args) => args[0] === 'xread' && args.includes('BLOCK'));
        return reads.length > 2 && reads.map((args) => Number(args[args.indexOf('BLOCK') + 1]));
      });
      expect(Math.max(...waits)).toBeLessThan(190 / 2 + 1);
    } finally {
      client.disconnect();
    }
  });
});

describe('what the feed holds', () => {
  it('nothing secret, and of a user no more than the id', async () => {
    await using on = await openSessions({ redis: redis.url });
    const pair = await on.sessions.create('ann');
    await on.sessions.revokeToken(pair.accessToken);
    await on.sessions.logout(pair.refreshToken);
    const told = (await textsIn(on)).join('\n');
    for (const token of [pair.accessToken, pair.refreshToken])
      for (const part of token.split('.')) if (part.length > 20 && part !== pair.sessionId) expect(told).not.toContain(part);
  });

  it('entries only for as long as a token can be in force, and both keys with a TTL that is kept up', async () => {
    await using on = await openSessions({ redis: redis.url, jwt: { clockTolerance: 0 }, sessions: { accessTokenTtl: '1s' } });
    const { client } = on.connection;
    const first = await on.sessions.create('ann');
    await on.sessions.revoke(first.sessionId);
    // trimmed a node at a time
    for (let n = 0; n < 150; n++) await on.sessions.revokeAll(`user-${n}`);
    const began = Date.now();
    while (Date.now() - began < 2_500) {
      for (const key of [streamOf(on), anchorOf(on)]) expect(await client.pttl(key)).toBeGreaterThan(0);
      await sleep(100);
    }
    await on.sessions.revokeAll('one more');
    expect(await textsIn(on)).not.toContain(`s r ${first.sessionId}`);
  });
});
