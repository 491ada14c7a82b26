import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { Links } from '../../support/chaos/links.js';
import { Presented } from '../../support/revocation/presented.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const BOUND_MS = 2_000;
const RECOVERS_WITHIN_MS = 4_000;
type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

beforeAll(() => void captureLog());

const ENDINGS: Record<string, (sessions: SessionsUnderTest['sessions'], pair: Pair) => Promise<unknown>> = {
  revoke: (sessions, { sessionId }) => sessions.revoke(sessionId),
  'log-out by access token': (sessions, { accessToken }) => sessions.logout(accessToken),
  'log-out by refresh token': (sessions, { refreshToken }) => sessions.logout(refreshToken),
  revokeAll: (sessions) => sessions.revokeAll('ann', { tenant: 'acme' }),
  revokeTenant: (sessions) => sessions.revokeTenant('acme'),
  revokeToken: (sessions, { accessToken }) => sessions.revokeToken(accessToken),
};

/** As after a failover to a replica that lagged: what came after the snapshot is lost. */
async function goBack(redis: TestRedis, downForMs: number): Promise<void> {
  await redis.kill();
  await sleep(downForMs);
  await redis.restart({ keepData: true });
}

const snapshot = (redis: TestRedis): Promise<unknown> => ask(redis, (client) => client.save());

describe.concurrent('what was ended, and lost by Redis, which went back', () => {
  it.for(Object.keys(ENDINGS))('%s: who knows tells the others in time, and Redis', async (name, { expect }) => {
    await using redis = await startRedis();
    await using links = await Links.open([redis.url]);
    const options = { keyPrefix: uniquePrefix(), sessions: { maxStaleness: `${BOUND_MS} ms` } };
    await using one = await openSessions({ ...options, redis: redis.url });
    await using other = await openSessions({ ...options, redis: links.urlTo(redis.url), commandTimeout: 400 });
    await using asking = await openSessions({ ...options, redis: redis.url, sessions: { revocation: 'remote' } });
    const pair = await one.sessions.create('ann', { tenant: 'acme' });
    const kept = await one.sessions.create('kept');
    for (const { accessToken } of [pair, kept]) await until(() => other.sessions.verify(accessToken));
    using presented = new Presented(other.sessions, pair.accessToken);
    using goesOn = new Presented(other.sessions, kept.accessToken);
    await links.begin('silent');
    await snapshot(redis);
    await ENDINGS[name]!(one.sessions, pair);
    const endedAt = performance.now();
    await goBack(redis, 0);
    await links.heal();
    await until(() => presented.last === 'revoked' && goesOn.last === 'accepted', { within: RECOVERS_WITHIN_MS });
    const lag = Math.round(presented.lastAccept - endedAt);
    if (process.env['FIGURES'] !== undefined) console.log(`gone back, ${name}: ${lag} ms`);
    expect(lag).toBeLessThanOrEqual(BOUND_MS);
    expect(goesOn.refusals).toBe(0);
    await until(async () => (await reasonOf(asking.sessions.verify(pair.accessToken))) === 'revoked', {
      within: RECOVERS_WITHIN_MS,
      what: 'Redis knows again',
    });
    await using late = await openSessions({ ...options, redis: redis.url });
    expect(await reasonOf(late.sessions.verify(pair.accessToken))).toBe('revoked');
    await late.sessions.verify(kept.accessToken);
  });

  it('after an outage longer than the bound: who knows tells the others as soon as there is a way', async ({ expect }) => {
    await using redis = await startRedis();
    const options = { redis: redis.url, keyPrefix: uniquePrefix(), sessions: { maxStaleness: `${BOUND_MS} ms` } };
    await using links = await Links.open([redis.url]);
    await using one = await openSessions(options);
    await using other = await openSessions({ ...options, redis: links.urlTo(redis.url), commandTimeout: 400 });
    const pair = await one.sessions.create('ann');
    await until(() => other.sessions.verify(pair.accessToken));
    using presented = new Presented(other.sessions, pair.accessToken);
    await links.begin('silent');
    await snapshot(redis);
    await one.sessions.revoke(pair.sessionId);
    const endedAt = performance.now();
    await redis.kill();
    await links.heal();
    await sleep(BOUND_MS + 500);
    await redis.restart({ keepData: true });
    const backAt = performance.now();
    await until(() => presented.last === 'revoked', { within: RECOVERS_WITHIN_MS });
    if (process.env['FIGURES'] !== undefined) {
      console.log(
        `gone back after ${BOUND_MS + 500}: ${presented.lastAccept - endedAt} ms, ${presented.lastAccept - backAt} after it is back`,
      );
    }
    // nobody can know before there is a way to be told
    expect(presented.lastAccept - Math.max(endedAt, backAt)).toBeLessThanOrEqual(BOUND_MS);
  });
});
