import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { FaultProxy } from '../../support/proxy.js';
import { Presented } from '../../support/revocation/presented.js';
import { scaled } from '../../support/scale.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';

const OUTAGE_MS = scaled(4_000, 60_000);
const REFUSED_FOR_MS = scaled(2_000, 60_000);
const BOUND_MS = 1_000;
const RECOVERS_WITHIN_MS = 3_000;
const AT_ONCE_MS = 20;
const USERS = 30;

type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

let redis: TestRedis;
let proxy: FaultProxy;
beforeEach(async () => {
  redis = await startRedis();
  proxy = await FaultProxy.open(redis.url);
  captureLog();
});
afterEach(async () => {
  await redis.resume();
  await proxy.close();
  await redis.stop();
});

const OUTAGES: Record<string, { begin: () => Promise<void> | void; end: () => Promise<void> }> = {
  'connections are refused': { begin: () => proxy.refuse(), end: () => proxy.heal() },
  'Redis is stopped': { begin: () => redis.pause(), end: () => redis.resume() },
  'the link is silent': { begin: () => proxy.silence(), end: () => proxy.heal() },
};

const optionsOf = (sessions: object) => ({
  redis: proxy.url,
  keyPrefix: uniquePrefix(),
  commandTimeout: 700,
  sessions: { maxStaleness: `${BOUND_MS} ms`, ...sessions },
});

async function signIns({ sessions }: SessionsUnderTest): Promise<Pair[]> {
  return Promise.all(Array.from({ length: USERS }, (_, n) => sessions.create(`user-${n}`)));
}

describe.each(Object.keys(OUTAGES))('an outage under load: %s', (name) => {
  const { begin, end } = OUTAGES[name]!;

  it('with serveFor nobody is signed out, and nobody who was is let in', { timeout: OUTAGE_MS + 30_000 }, async () => {
    const options = optionsOf({ onStoreUnavailable: { serveFor: '2m' } });
    await using one = await openSessions(options);
    await using other = await openSessions(options);
    const [revoked, ...kept] = (await signIns(one)) as [Pair, ...Pair[]];
    await one.sessions.revoke(revoked.sessionId);
    await until(async () => (await reasonOf(other.sessions.verify(revoked.accessToken))) === 'revoked');
    const presented = [one, other].map(({ sessions }) => kept.map(({ accessToken }) => new Presented(sessions, accessToken))).flat();
    const refused = [one, other].map(({ sessions }) => new Presented(sessions, revoked.accessToken));
    await begin();
    await sleep(OUTAGE_MS);
    await end();
    // the same after it
    await until(async () => (await one.sessions.count('user-1')) === 1, { within: RECOVERS_WITHIN_MS });
    for (const each of [...presented, ...refused]) each[Symbol.dispose]();
    for (const { refusals, unavailable, unexpected, accepts } of presented) {
      expect({ refusals, unavailable, unexpected }).toEqual({ refusals: 0, unavailable: 0, unexpected: [] });
      expect(accepts).toBeGreaterThan(5);
    }
    for (const { accepts, unexpected, refusals } of refused) {
      expect({ accepts, unexpected }).toEqual({ accepts: 0, unexpected: [] });
      expect(refusals).toBeGreaterThan(20);
    }
    for (const { accessToken, refreshToken } of kept) {
      await other.sessions.verify(accessToken);
      await one.sessions.refresh(refreshToken);
    }
  });

  it('else every call fails at once, once that is known; and then the same tokens work', { timeout: OUTAGE_MS + 30_000 }, async () => {
    const options = optionsOf({});
    await using on = await openSessions(options);
    const pairs = await signIns(on);
    for (const { accessToken } of pairs) await on.sessions.verify(accessToken);
    await begin();
    const began = performance.now();
    // served until the bound, and then one call finds out
    const first = await until(async () => {
      const { error } = await settledIn(() => on.sessions.verify(pairs[0]!.accessToken));
      return error;
    });
    expect(first).toBeInstanceOf(StoreUnavailableError);
    let [longest, count] = [0, 0];
    while (performance.now() - began < REFUSED_FOR_MS || count <= 100) {
      const outcomes = await Promise.all(pairs.map(({ accessToken }) => settledIn(() => on.sessions.verify(accessToken))));
      for (const { error, ms } of outcomes) {
        expect(error).toBeInstanceOf(StoreUnavailableError);
        expect(error).toMatchObject({ retryAfter: 1, ambiguous: false });
        longest = Math.max(longest, ms);
        count += 1;
      }
      await sleep(20);
    }
    if (process.env['FIGURES'] !== undefined) console.log(`${name}: ${count} refusals, the longest took ${longest.toFixed(1)} ms`);
    expect(longest).toBeLessThan(AT_ONCE_MS);
    await end();
    await until(() => on.sessions.verify(pairs[0]!.accessToken), { within: RECOVERS_WITHIN_MS });
    for (const { accessToken } of pairs) await on.sessions.verify(accessToken);
  });
});

describe('with serveFor', () => {
  it('serving ends when that is over, and what was ended before the outage unheard is accepted no longer', async () => {
    const serveForMs = 3_000;
    const { redis: _, ...options } = optionsOf({ onStoreUnavailable: { serveFor: `${serveForMs} ms` } });
    await using one = await openSessions({ ...options, redis: redis.url });
    await using other = await openSessions({ ...options, redis: proxy.url });
    const [ended, kept] = [await one.sessions.create('ann'), await one.sessions.create('bob')];
    for (const { accessToken } of [ended, kept]) await other.sessions.verify(accessToken);
    using presented = new Presented(other.sessions, ended.accessToken);
    using goesOn = new Presented(other.sessions, kept.accessToken);
    proxy.silence();
    await one.sessions.revoke(ended.sessionId);
    const endedAt = performance.now();
    await until(() => presented.last === 'unavailable' && goesOn.last === 'unavailable', { within: serveForMs + 3_000 });
    for (const { lastAccept } of [presented, goesOn]) {
      expect(lastAccept - endedAt).toBeLessThanOrEqual(serveForMs);
      expect(lastAccept - endedAt).toBeGreaterThan(BOUND_MS);
    }
    expect(presented.refusals + goesOn.refusals).toBe(0);
    await proxy.heal();
    await until(() => presented.last === 'revoked' && goesOn.last === 'accepted', { within: RECOVERS_WITHIN_MS });
  });
});

describe('a Redis that comes back empty', () => {
  it.each(['with serveFor', 'without'])('%s: all instances refuse every old token within the bound, and take new ones', async (way) => {
    const options = optionsOf(way === 'without' ? {} : { onStoreUnavailable: { serveFor: '1s' } });
    await using one = await openSessions(options);
    await using two = await openSessions(options);
    await using three = await openSessions(options);
    const instances = [one, two, three];
    const pairs = await signIns(one);
    for (const { sessions } of instances) for (const { accessToken } of pairs) await sessions.verify(accessToken);
    const presented = instances.map(({ sessions }) => pairs.map(({ accessToken }) => new Presented(sessions, accessToken))).flat();
    await redis.kill();
    await redis.restart();
    const restartedAt = performance.now();
    await until(() => presented.every(({ last }) => last === 'invalid'), { within: RECOVERS_WITHIN_MS });
    for (const each of presented) each[Symbol.dispose]();
    const lag = Math.max(...presented.map(({ lastAccept }) => lastAccept)) - restartedAt;
    if (process.env['FIGURES'] !== undefined) console.log(`empty, ${way}: ${lag.toFixed(0)} ms`);
    expect(lag).toBeLessThanOrEqual(BOUND_MS);
    for (const { unexpected } of presented) expect(unexpected).toEqual([]);
    const fresh = await one.sessions.create('ann');
    for (const { sessions } of instances) {
      await sessions.verify(fresh.accessToken);
      for (const { accessToken } of pairs) expect(await reasonOf(sessions.verify(accessToken))).toBe('invalid');
    }
  });
});
