import assert from 'node:assert/strict';
import type { SessionEvent } from '../../../lib/sessions/index.js';
import { openSessions } from '../sessions.js';
import { ask } from '../ask.js';
import { settledIn } from '../settled-in.js';
import { until } from '../until.js';
import { type Place, reads } from './place.js';

const WITHIN_MS = 1_500;

/** SessionService on two instances: what one does the other hears of, by events and by the feed. */
export async function exerciseSessions(place: Place): Promise<void> {
  const { redis, keyPrefix } = place;
  const options = { redis, keyPrefix, sessions: { touchInterval: 0, limit: 2 } };
  await using here = await openSessions(options);
  await using there = await openSessions(options);
  const heard: SessionEvent[] = [];
  there.sessions.events.subscribe((event) => heard.push(event));
  const isHeard = async (): Promise<boolean> => {
    await here.sessions.create('zoe');
    return heard.some(({ type }) => type === 'created');
  };
  await until(isHeard, { within: WITHIN_MS, what: 'the event of a sign-in is heard' });

  const init = { data: { cart: [1], gone: true }, device: { name: 'x' }, claims: { c: 1 }, requestId: 'one' };
  const { sessionId } = await here.sessions.create('ann', init);
  assert.equal((await here.sessions.create('ann', init)).sessionId, sessionId);
  assert.equal((await here.sessions.update(sessionId, { cart: [2], gone: null }))?.version, 1);
  await here.sessions.update(sessionId, { cart: [3] }, { ifVersion: 1 });
  assert.deepEqual((await here.sessions.get(sessionId, { data: true }))?.data?.['cart'], [3]);
  assert.equal(await here.sessions.touch(sessionId), true);
  const again = (await here.sessions.regenerate(sessionId))!;
  const fresh = (await here.sessions.reauthenticated(again.sessionId))!;
  const refreshed = await here.sessions.refresh(fresh.refreshToken, { claims: { c: 2 } });
  assert.equal((await here.sessions.list('ann', { data: true })).length, 1);
  assert.equal(await here.sessions.count('ann'), 1);
  assert.equal(await here.sessions.revokeToken(again.accessToken), true);
  for (const device of ['b', 'c']) await here.sessions.create('ann', { device: { name: device } });
  assert.equal(await here.sessions.count('ann'), 2);
  assert.equal(await here.sessions.logout(refreshed.refreshToken), false);

  const ofTenant = await here.sessions.create('ben', { tenant: 'acme' });
  await there.sessions.verify(ofTenant.accessToken);
  await here.sessions.revokeTenant('acme');
  await assert.rejects(here.sessions.verify(ofTenant.accessToken));

  await isWarm(place, there, (await here.sessions.create('cleo')).accessToken);
  const dora = await here.sessions.create('dora');
  await here.sessions.verify(dora.accessToken);
  assert.equal(await there.sessions.revoke(dora.sessionId), true);
  const isRefused = (): Promise<boolean> =>
    here.sessions.verify(dora.accessToken).then(
      () => false,
      () => true,
    );
  const { ms } = await settledIn(() => until(isRefused, { what: 'what another instance ended is refused here' }));
  assert.ok(ms < 400, `refused here only ${ms} ms after another instance ended it`);
  assert.equal(await here.sessions.revokeAll('cleo'), 1);
  const stolen = await here.sessions.create('eve');
  await here.sessions.refresh((await here.sessions.refresh(stolen.refreshToken)).refreshToken);
  await assert.rejects(here.sessions.refresh(stolen.refreshToken));
}

/** That the feed is followed shows in that nothing is asked. */
async function isWarm(place: Place, { sessions }: Awaited<ReturnType<typeof openSessions>>, token: string): Promise<void> {
  const followed = async (): Promise<boolean> => {
    for (let n = 0; n < 3; n++) await sessions.verify(token);
    const before = await reads(place);
    for (let n = 0; n < 50; n++) await sessions.verify(token);
    return (await reads(place)) - before < 25;
  };
  await until(followed, { within: WITHIN_MS, what: 'tokens are verified without asking' });
}

/** A session's end is told although nobody looks at it. */
export async function exerciseExpiryNotices({ redis, keyPrefix, servers }: Place): Promise<void> {
  await Promise.all(servers.map((server) => ask(server, (client) => client.config('SET', 'notify-keyspace-events', ''))));
  await using on = await openSessions({ redis, keyPrefix, sessions: { keyspaceNotifications: true } });
  const heard: SessionEvent[] = [];
  on.sessions.events.subscribe((event) => heard.push(event));
  let users = 0;
  // again, since it is listened in the background; each time of another user, so that nobody looks at those before
  const isTold = async (): Promise<boolean> => {
    await on.sessions.create(`ann ${users++}`, { idleTimeout: '100 ms' });
    return heard.some(({ type }) => type === 'expired');
  };
  await until(isTold, { within: WITHIN_MS, every: 100, what: 'an expiry is told by itself' });
  const short = await on.sessions.create('ben', { idleTimeout: '1m' });
  assert.equal(await on.sessions.revoke(short.sessionId), true);
}
