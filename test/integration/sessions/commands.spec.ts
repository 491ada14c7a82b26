import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type CommandCounts, commandsDuring, commandStats } from '../../support/commands.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';

type Sessions = SessionsUnderTest['sessions'];
type Pair = Awaited<ReturnType<Sessions['create']>>;

const MODES = ['local', 'remote'] as const;
type Mode = (typeof MODES)[number];

let redis: TestRedis;
let on: SessionsUnderTest;
let instances: Record<Mode, SessionsUnderTest>;
beforeAll(async () => {
  redis = await startRedis();
  const open = (revocation: Mode, keyPrefix?: string) =>
    openSessions({
      redis: redis.url,
      commandTimeout: 10_000,
      sessions: { limit: 5, revocation },
      ...(keyPrefix !== undefined && { keyPrefix }),
    });
  on = await open('local');
  instances = { local: on, remote: await open('remote', on.keyPrefix) };
  // the server gets to know the scripts
  for (const tenant of ['warm', undefined]) for (const [, , call] of operations) await call(on.sessions, await signIn(tenant), tenant);
  await instances.remote.sessions.verify((await signIn()).accessToken);
  await on.sessions.revokeTenant('warm');
});
afterAll(async () => {
  for (const each of Object.values(instances)) await each[Symbol.asyncDispose]();
  await redis.stop();
});

let users = 0;
async function signIn(tenant?: string): Promise<Pair & { userId: string }> {
  const userId = `user-${users++}`;
  return { userId, ...(await on.sessions.create(userId, { ...(tenant !== undefined && { tenant }), data: { a: 1 } })) };
}

/** Of one script. */
const ONE = { evalsha: 1 };
/** Where one session or token is named: the feed is told, then the state is changed. Who does not follow the feed does it as below. */
const TOLD_FIRST = { evalsha: 2 };
/** Where only a script can decide what ends or changes: that, then the feed is told, then that it was told. */
const TOLD_AFTER = { evalsha: 2, zrem: 1 };

const operations: [
  name: string,
  cost: CommandCounts,
  call: (sessions: Sessions, pair: Pair & { userId: string }, tenant?: string) => Promise<unknown>,
][] = [
  ['create', ONE, (sessions, { userId }, tenant) => sessions.create(userId, of(tenant))],
  ['create with a requestId', ONE, (sessions, { userId }, tenant) => sessions.create(userId, { ...of(tenant), requestId: 'once' })],
  ['verify with data', ONE, (sessions, { accessToken }) => sessions.verify(accessToken, { data: true })],
  ['refresh', ONE, (sessions, { refreshToken }) => sessions.refresh(refreshToken)],
  ['refresh with claims', ONE, (sessions, { refreshToken }) => sessions.refresh(refreshToken, { claims: { a: 1 } })],
  ['get', ONE, (sessions, { sessionId }) => sessions.get(sessionId, { data: true })],
  ['list', ONE, (sessions, { userId }, tenant) => sessions.list(userId, { ...of(tenant), data: true })],
  ['count', ONE, (sessions, { userId }, tenant) => sessions.count(userId, of(tenant))],
  ['touch', ONE, (sessions, { sessionId }) => sessions.touch(sessionId)],
  ['reauthenticated', ONE, (sessions, { sessionId }) => sessions.reauthenticated(sessionId)],
  ['revoke', TOLD_FIRST, (sessions, { sessionId }) => sessions.revoke(sessionId, 'why')],
  ['revokeToken', TOLD_FIRST, (sessions, { accessToken }) => sessions.revokeToken(accessToken)],
  ['logout by access token', TOLD_FIRST, (sessions, { accessToken }) => sessions.logout(accessToken)],
  ['logout by refresh token', TOLD_AFTER, (sessions, { refreshToken }) => sessions.logout(refreshToken)],
  ['update', TOLD_AFTER, (sessions, { sessionId }) => sessions.update(sessionId, { a: 2, b: null })],
  ['regenerate', TOLD_AFTER, (sessions, { sessionId }) => sessions.regenerate(sessionId)],
  ['revokeAll', TOLD_AFTER, (sessions, { userId }, tenant) => sessions.revokeAll(userId, of(tenant))],
  [
    'revokeAll with except',
    TOLD_AFTER,
    (sessions, { userId, sessionId }, tenant) => sessions.revokeAll(userId, { ...of(tenant), except: sessionId }),
  ],
];
const named = (cost: CommandCounts) => operations.filter(([, each]) => each === cost);

function of(tenant: string | undefined): { tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

async function sentBy(call: () => Promise<unknown>): Promise<CommandCounts> {
  return (await commandsDuring(redis, call)).sent;
}

describe.each(MODES)('where revocation is %s', (mode) => {
  const sessions = (): Sessions => instances[mode].sessions;

  describe('one command for', () => {
    it.each(named(ONE))('%s', async (_name, cost, call) => {
      const pair = await signIn();
      expect(await sentBy(() => call(sessions(), pair))).toEqual(cost);
    });
  });

  const inMode = (cost: CommandCounts): CommandCounts => (cost === TOLD_FIRST && mode === 'remote' ? TOLD_AFTER : cost);

  describe('two, to the feed and to the state, where the feed is followed, for', () => {
    it.each(named(TOLD_FIRST))('%s', async (_name, cost, call) => {
      const pair = await signIn();
      expect(await sentBy(() => call(sessions(), pair))).toEqual(inMode(cost));
    });
  });

  describe('three, to the state, to the feed, and that this was told, for', () => {
    it.each(named(TOLD_AFTER))('%s', async (_name, cost, call) => {
      const pair = await signIn();
      expect(await sentBy(() => call(sessions(), pair))).toEqual(cost);
    });

    it('a sign-in that ends another session', async () => {
      const { userId } = await signIn();
      for (let n = 1; n < 5; n++) await sessions().create(userId);
      expect(await sentBy(() => sessions().create(userId))).toEqual(TOLD_AFTER);
      expect(await sessions().count(userId)).toBe(5);
    });

    it('the end of a session by reuse', async () => {
      const { refreshToken } = await signIn();
      await sessions().refresh((await sessions().refresh(refreshToken)).refreshToken);
      const { sent, result } = await commandsDuring(redis, () => reasonOf(sessions().refresh(refreshToken)));
      expect({ sent, result }).toEqual({ sent: TOLD_AFTER, result: 'reused' });
    });

    it('the end of a whole tenant, however many sessions it has', async () => {
      for (let n = 0; n < 20; n++) await signIn('many');
      expect(await sentBy(() => sessions().revokeTenant('many'))).toEqual({ evalsha: 3 });
    });
  });

  describe('with a tenant one command more, for its epoch', () => {
    it.each(operations)('%s', async (_name, cost, call) => {
      const pair = await signIn('acme');
      expect(await sentBy(() => call(sessions(), pair, 'acme'))).toEqual({ ...inMode(cost), evalsha: cost['evalsha']! + 1 });
    });
  });
});

describe('verify', () => {
  it.each([undefined, 'acme'])('in local is no command, of tenant %s; first, again, and on an instance that begins now', async (tenant) => {
    const { accessToken } = await signIn(tenant);
    await using late = await openSessions({ redis: redis.url, keyPrefix: on.keyPrefix });
    for (const { sessions } of [on, on, on, late, late]) expect(await sentBy(() => sessions.verify(accessToken))).toEqual({});
  });

  it('in remote is one command, and one more with a tenant, each time', async () => {
    const { sessions } = instances.remote;
    const [plain, ofTenant] = [await signIn(), await signIn('acme')];
    for (let n = 0; n < 3; n++) {
      expect(await sentBy(() => sessions.verify(plain.accessToken))).toEqual({ evalsha: 1 });
      expect(await sentBy(() => sessions.verify(ofTenant.accessToken))).toEqual({ evalsha: 2 });
    }
  });
});

describe.each(MODES)('where revocation is %s, no command for', (mode) => {
  it.each<[string, (sessions: Sessions, pair: Pair) => Promise<unknown>]>([
    ['a touch within the interval', (sessions, { sessionId }) => sessions.touch(sessionId)],
    [
      'an id that none can be',
      (sessions) => Promise.all([sessions.get('x'), sessions.touch('x'), sessions.revoke('*'), sessions.update('{}', {})]),
    ],
    ['an access token that was changed', (sessions, { accessToken }) => reasonOf(sessions.verify(`${accessToken}A`))],
    ['a refresh token that was changed', (sessions, { refreshToken }) => reasonOf(sessions.refresh(refreshToken.replace(/.$/, '~')))],
    [
      'the log-out of either',
      (sessions, { accessToken, refreshToken }) => Promise.all([sessions.logout(`${accessToken}A`), sessions.logout(`${refreshToken}A`)]),
    ],
    [
      'an argument that is refused',
      (sessions) => Promise.allSettled([sessions.create(''), sessions.list('\ud800'), sessions.revokeTenant('')]),
    ],
  ])('%s', async (_name, call) => {
    const { sessions } = instances[mode];
    const pair = await signIn();
    await sessions.touch(pair.sessionId);
    expect(await sentBy(() => call(sessions, pair))).toEqual({});
    await sessions.verify(pair.accessToken);
  });
});

describe('no command for', () => {
  it("verify with revocation 'off', but for data", async () => {
    await using off = await openSessions({ redis: redis.url, keyPrefix: on.keyPrefix, sessions: { revocation: 'off' } });
    const { accessToken } = await signIn();
    expect(await sentBy(() => off.sessions.verify(accessToken))).toEqual({});
    const { sent, result } = await commandsDuring(redis, () => off.sessions.verify(accessToken, { data: true }));
    expect(sent).toEqual({ evalsha: 1 });
    expect(result.data).toEqual({ a: 1 });
  });
});

describe('inside the scripts', () => {
  it('S15 there is no KEYS and no SCAN, whatever was called', async () => {
    const stats = await commandStats(redis);
    expect(stats['evalsha']).toBeGreaterThan(50);
    expect(Object.keys(stats).filter((name) => /^(keys|(h|s|z)?scan)$/.test(name))).toEqual([]);
  });

  it('listing a user does not depend on how many other sessions there are', async () => {
    const { userId } = await signIn();
    const few = await commandsDuring(redis, () => on.sessions.list(userId));
    await Promise.all(Array.from({ length: 500 }, () => signIn()));
    const many = await commandsDuring(redis, () => on.sessions.list(userId));
    expect(many.inScripts).toEqual(few.inScripts);
  });
});

it.each(MODES)('a forged or malformed token costs no command, where revocation is %s', async (mode) => {
  const { sessions } = instances[mode];
  const { refreshToken, accessToken } = await signIn();
  const parts = refreshToken.split('.');
  const swap = (text: string): string => (text.startsWith('A') ? `B${text.slice(1)}` : `A${text.slice(1)}`);
  const forged = [
    ...[0, 1, 2, 4].map((n) => parts.with(n, swap(parts[n]!)).join('.')),
    parts.with(3, '2').join('.'),
    `${refreshToken}A`,
    'a.b.c.d.e',
    'rubbish',
    '',
    'x'.repeat(2_000),
  ];
  const { total, result } = await commandsDuring(redis, () =>
    Promise.all([
      ...forged.flatMap((token) => [reasonOf(sessions.refresh(token)), reasonOf(sessions.verify(token))]),
      ...forged.map((token) => sessions.logout(token)),
    ]),
  );
  expect(total).toBe(0);
  for (const answer of result) expect(['malformed', 'invalid', false]).toContain(answer);
  await sessions.refresh(refreshToken);
  await sessions.verify(accessToken);
});
