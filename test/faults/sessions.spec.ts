import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailableError } from '../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../lib/testing/index.js';
import { ask } from '../support/ask.js';
import { captureLog } from '../support/open-connection.js';
import { FaultProxy } from '../support/proxy.js';
import { EventsHeard, outcomeOf, reasonOf } from '../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest, testOptions } from '../support/sessions.js';
import { settledIn } from '../support/settled-in.js';
import { until } from '../support/until.js';

const DEADLINE_MS = 700;
const SETTLES_WITHIN_MS = DEADLINE_MS + 250;
const RECOVERS_WITHIN_MS = 2_000;
const PASSWORD = 'first-password';

type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

let redis: TestRedis;
let proxy: FaultProxy;
let options: ReturnType<typeof testOptions>;
beforeEach(async () => {
  redis = await startRedis({ password: PASSWORD });
  proxy = await FaultProxy.open(redis.url);
  options = testOptions({ redis: proxy.url, commandTimeout: DEADLINE_MS, sessions: { touchInterval: '1 ms', revocation: 'remote' } });
  captureLog();
});
afterEach(async () => {
  await proxy.close();
  await redis.stop();
});

/** Every method that asks Redis, on a session without and one with a tenant. */
function calls({ sessions }: SessionsUnderTest, of: { plain: Pair; tenant: Pair }): Record<string, () => Promise<unknown>> {
  const each = (name: string, call: (pair: Pair) => Promise<unknown>): [string, () => Promise<unknown>][] => [
    [name, () => call(of.plain)],
    [`${name}, tenant`, () => call(of.tenant)],
  ];
  return Object.fromEntries([
    ['create', () => sessions.create('ann')],
    ['create, tenant', () => sessions.create('ann', { tenant: 'acme' })],
    ['create, requestId', () => sessions.create('ann', { requestId: 'once' })],
    ['list', () => sessions.list('ann')],
    ['list, tenant', () => sessions.list('ann', { tenant: 'acme' })],
    ['count', () => sessions.count('ann')],
    ['revokeAll', () => sessions.revokeAll('ann')],
    ['revokeAll, tenant', () => sessions.revokeAll('ann', { tenant: 'acme' })],
    ['revokeTenant', () => sessions.revokeTenant('acme')],
    ...each('verify', ({ accessToken }) => sessions.verify(accessToken)),
    ...each('verify with data', ({ accessToken }) => sessions.verify(accessToken, { data: true })),
    ...each('refresh', ({ refreshToken }) => sessions.refresh(refreshToken)),
    ...each('get', ({ sessionId }) => sessions.get(sessionId)),
    ...each('update', ({ sessionId }) => sessions.update(sessionId, { a: 1 })),
    ...each('touch', ({ sessionId }) => sessions.touch(sessionId)),
    ...each('regenerate', ({ sessionId }) => sessions.regenerate(sessionId)),
    ...each('reauthenticated', ({ sessionId }) => sessions.reauthenticated(sessionId)),
    ...each('revoke', ({ sessionId }) => sessions.revoke(sessionId)),
    ...each('logout', ({ accessToken }) => sessions.logout(accessToken)),
    ...each('logout by refresh token', ({ refreshToken }) => sessions.logout(refreshToken)),
  ]) as Record<string, () => Promise<unknown>>;
}

/** All at once, so that the deadline is waited for once. */
async function allFailInTime(on: SessionsUnderTest, of: { plain: Pair; tenant: Pair }): Promise<StoreUnavailableError[]> {
  const outcomes = await Promise.all(
    Object.entries(calls(on, of)).map(async ([name, call]) => {
      const { error, ms } = await settledIn(call);
      return { name, error, ms };
    }),
  );
  for (const { name, error, ms } of outcomes) {
    expect(error, name).toBeInstanceOf(StoreUnavailableError);
    expect(error, name).toMatchObject({ operation: `sessions.${/^\w+/.exec(name)![0]}`, retryAfter: 1 });
    expect(ms, name).toBeLessThan(SETTLES_WITHIN_MS);
  }
  return outcomes.map(({ error }) => error as StoreUnavailableError);
}

async function signIn(on: SessionsUnderTest, user = 'ann', tenant = 'acme'): Promise<{ plain: Pair; tenant: Pair }> {
  return { plain: await on.sessions.create(user), tenant: await on.sessions.create(user, { tenant }) };
}

async function work({ sessions }: SessionsUnderTest, of: { plain: Pair; tenant: Pair }): Promise<void> {
  for (const { accessToken, refreshToken, sessionId } of [of.plain, of.tenant]) {
    await sessions.verify(accessToken);
    await sessions.verify((await sessions.refresh(refreshToken)).accessToken);
    expect(await sessions.get(sessionId)).toMatchObject({ generation: 2 });
  }
}

interface Fault {
  begin: () => Promise<void> | void;
  end: () => Promise<void> | void;
  /** What becomes of calls in flight when it begins. */
  inFlight: 'never sent' | 'lost' | 'executed later';
}

/** Those that leave the data where it is. */
const faults: Record<string, Fault> = {
  'nobody listens': { begin: () => proxy.refuse(), end: () => proxy.heal(), inFlight: 'never sent' },
  SIGSTOP: { begin: () => redis.pause(), end: () => redis.resume(), inFlight: 'executed later' },
  silence: { begin: () => proxy.silence(), end: () => proxy.heal(), inFlight: 'lost' },
  'accept, then close': { begin: () => proxy.acceptThenClose(), end: () => proxy.heal(), inFlight: 'never sent' },
  'password changed': {
    async begin() {
      await ask(redis, (client) => client.config('SET', 'requirepass', 'second-password'));
      proxy.cut();
    },
    inFlight: 'never sent',
    async end() {
      const url = new URL(redis.url);
      url.password = 'second-password';
      await ask(url.href, (client) => client.config('SET', 'requirepass', PASSWORD));
    },
  },
};

describe.each(Object.keys(faults))('S14 while running: %s', (name) => {
  const fault = faults[name]!;

  it('every method fails in time and typed, whatever was in flight is safe to repeat, and the same tokens work again', async () => {
    await using on = await openSessions(options);
    const of = await signIn(on);
    const untouched = await signIn(on, 'bob', 'other');
    await fault.begin();
    const first = await allFailInTime(on, of);
    if (fault.inFlight !== 'never sent') expect(first.every(({ ambiguous }) => ambiguous)).toBe(true);
    await until(() => on.connection.client.status !== 'ready', { within: 3_000, what: 'the connection is given up' });
    const later = await allFailInTime(on, of);
    expect(later.every(({ ambiguous }) => !ambiguous)).toBe(true);
    await fault.end();
    await until(() => on.sessions.verify(untouched.plain.accessToken), { within: RECOVERS_WITHIN_MS });
    await work(on, untouched);
    // what a stopped server has in its buffers it does when it goes on, which is why those errors were ambiguous
    if (fault.inFlight !== 'executed later') await work(on, of);
  });

  it('a refresh in flight when it begins does no harm to the session', async () => {
    await using on = await openSessions(options);
    using events = await EventsHeard.of(on.sessions);
    const { plain } = await signIn(on);
    await fault.begin();
    const { error } = await outcomeOf(on.sessions.refresh(plain.refreshToken));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    await fault.end();
    const again = await until(() => on.sessions.refresh(plain.refreshToken), { within: RECOVERS_WITHIN_MS });
    await on.sessions.verify(again.accessToken);
    await on.sessions.verify(plain.accessToken);
    await on.sessions.refresh(again.refreshToken);
    const heard = await until(() => events.untilNow(), { within: RECOVERS_WITHIN_MS });
    expect(heard.filter(({ type }) => type === 'reuse-detected' || type === 'revoked')).toEqual([]);
  });
});

describe.each(Object.keys(faults).filter((name) => name !== 'password changed'))('S14 at boot: %s', (name) => {
  const fault = faults[name]!;

  it('the instance starts, every method fails in time, nothing is done late, and it recovers by itself', async () => {
    await using elsewhere = await openSessions({ ...options, redis: redis.url });
    const of = await signIn(elsewhere);
    await fault.begin();
    const opened = await settledIn(() => openSessions(options));
    await using on = opened.result!;
    expect(opened.ms).toBeLessThan(SETTLES_WITHIN_MS);
    const errors = await allFailInTime(on, of);
    expect(errors.every(({ ambiguous }) => !ambiguous)).toBe(true);
    await fault.end();
    await until(() => on.sessions.verify(of.plain.accessToken), { within: RECOVERS_WITHIN_MS });
    await on.sessions.verify(of.tenant.accessToken);
    await on.sessions.refresh(of.tenant.refreshToken);
    expect(await on.sessions.list('ann')).toHaveLength(1);
    using events = await EventsHeard.of(on.sessions);
    await elsewhere.sessions.revoke(of.plain.sessionId);
    expect((await events.untilNow()).map(({ type }) => type)).toEqual(['revoked']);
  });
});

describe('a Redis that is killed and comes back empty', () => {
  it('every method fails in time; then old tokens are invalid, new ones work', async () => {
    await using on = await openSessions(options);
    const of = await signIn(on);
    await redis.kill();
    await allFailInTime(on, of);
    await redis.restart();
    expect(await until(() => on.sessions.count('ann').then((count) => count === 0), { within: RECOVERS_WITHIN_MS })).toBe(true);
    for (const { accessToken, refreshToken, sessionId } of [of.plain, of.tenant]) {
      expect(['invalid', 'revoked']).toContain(await reasonOf(on.sessions.verify(accessToken)));
      expect(await reasonOf(on.sessions.refresh(refreshToken))).toBe('invalid');
      expect(await on.sessions.get(sessionId)).toBeNull();
      expect(await on.sessions.touch(sessionId)).toBe(false);
      expect(await on.sessions.update(sessionId, { a: 1 })).toBeNull();
      expect(await on.sessions.revoke(sessionId)).toBe(false);
      expect(await on.sessions.logout(refreshToken)).toBe(false);
    }
    const fresh = await signIn(on);
    await on.sessions.verify(fresh.plain.accessToken);
    await on.sessions.verify((await on.sessions.refresh(fresh.tenant.refreshToken)).accessToken);
    expect(await reasonOf(on.sessions.verify(of.tenant.accessToken))).toBe('invalid');
  });

  it('keeps its sessions over a restart that keeps its data', async () => {
    await using on = await openSessions(options);
    const of = await signIn(on);
    await redis.restart({ keepData: true });
    await until(() => on.sessions.verify(of.plain.accessToken), { within: RECOVERS_WITHIN_MS });
    await on.sessions.verify(of.tenant.accessToken);
    await on.sessions.refresh(of.plain.refreshToken);
    await on.sessions.refresh(of.tenant.refreshToken);
  });
});

describe('a refresh that has to end its session, since its tenant was revoked', () => {
  it('settles within one deadline, however slow each answer is', async () => {
    await using on = await openSessions(options);
    const { tenant } = await signIn(on);
    await on.sessions.revokeTenant('acme');
    // each answer takes most of the deadline
    proxy.delay = DEADLINE_MS / 2 - 20;
    const { error, ms } = await settledIn(() => on.sessions.refresh(tenant.refreshToken));
    expect(ms).toBeLessThan(SETTLES_WITHIN_MS);
    expect(error).toMatchObject({ operation: 'sessions.refresh', ambiguous: true });
    await proxy.heal();
    expect(await until(async () => (await reasonOf(on.sessions.refresh(tenant.refreshToken))) === 'revoked')).toBe(true);
  });
});

describe('subscribing to events while Redis does not answer', () => {
  it('does not make calls late', async () => {
    await using on = await openSessions(options);
    const of = await signIn(on);
    proxy.silence();
    const subscription = on.sessions.events.subscribe();
    await allFailInTime(on, of);
    subscription.unsubscribe();
  });
});
