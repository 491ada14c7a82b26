import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { type CommandCounts, commandsDuring, commandStats } from '../../support/commands.js';
import { reasonOf } from '../../support/session-outcomes.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';

type Sessions = SessionsUnderTest['sessions'];
type Pair = Awaited<ReturnType<Sessions['create']>>;

let redis: TestRedis;
let on: SessionsUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  on = await openSessions({ redis: redis.url, sessions: { limit: 5 } });
  // the server gets to know the scripts
  for (const tenant of ['warm', undefined]) for (const [, call] of operations) await call(on.sessions, await signIn(tenant), tenant);
  await on.sessions.revokeTenant('warm');
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  await redis.stop();
});

let users = 0;
async function signIn(tenant?: string): Promise<Pair & { userId: string }> {
  const userId = `user-${users++}`;
  return { userId, ...(await on.sessions.create(userId, { ...(tenant !== undefined && { tenant }), data: { a: 1 } })) };
}

const operations: [name: string, call: (sessions: Sessions, pair: Pair & { userId: string }, tenant?: string) => Promise<unknown>][] = [
  ['create', (sessions, { userId }, tenant) => sessions.create(userId, of(tenant))],
  ['create with a requestId', (sessions, { userId }, tenant) => sessions.create(userId, { ...of(tenant), requestId: 'once' })],
  ['verify', (sessions, { accessToken }) => sessions.verify(accessToken)],
  ['verify with data', (sessions, { accessToken }) => sessions.verify(accessToken, { data: true })],
  ['refresh', (sessions, { refreshToken }) => sessions.refresh(refreshToken)],
  ['refresh with claims', (sessions, { refreshToken }) => sessions.refresh(refreshToken, { claims: { a: 1 } })],
  ['get', (sessions, { sessionId }) => sessions.get(sessionId, { data: true })],
  ['list', (sessions, { userId }, tenant) => sessions.list(userId, { ...of(tenant), data: true })],
  ['count', (sessions, { userId }, tenant) => sessions.count(userId, of(tenant))],
  ['update', (sessions, { sessionId }) => sessions.update(sessionId, { a: 2, b: null })],
  ['touch', (sessions, { sessionId }) => sessions.touch(sessionId)],
  ['reauthenticated', (sessions, { sessionId }) => sessions.reauthenticated(sessionId)],
  ['regenerate', (sessions, { sessionId }) => sessions.regenerate(sessionId)],
  ['revoke', (sessions, { sessionId }) => sessions.revoke(sessionId, 'why')],
  ['logout by access token', (sessions, { accessToken }) => sessions.logout(accessToken)],
  ['logout by refresh token', (sessions, { refreshToken }) => sessions.logout(refreshToken)],
  ['revokeAll', (sessions, { userId }, tenant) => sessions.revokeAll(userId, of(tenant))],
  ['revokeAll with except', (sessions, { userId, sessionId }, tenant) => sessions.revokeAll(userId, { ...of(tenant), except: sessionId })],
];

function of(tenant: string | undefined): { tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

describe('one command for', () => {
  it.each(operations)('%s', async (_name, call) => {
    const pair = await signIn();
    const { sent } = await commandsDuring(redis, () => call(on.sessions, pair));
    expect(sent).toEqual({ evalsha: 1 });
  });

  it('a sign-in that ends another session', async () => {
    const { userId } = await signIn();
    for (let n = 1; n < 5; n++) await on.sessions.create(userId);
    const { sent } = await commandsDuring(redis, () => on.sessions.create(userId));
    expect(sent).toEqual({ evalsha: 1 });
    expect(await on.sessions.count(userId)).toBe(5);
  });

  it('the end of a session by reuse', async () => {
    const { refreshToken } = await signIn();
    await on.sessions.refresh((await on.sessions.refresh(refreshToken)).refreshToken);
    const { sent, result } = await commandsDuring(redis, () => reasonOf(on.sessions.refresh(refreshToken)));
    expect({ sent, result }).toEqual({ sent: { evalsha: 1 }, result: 'reused' });
  });

  it('the end of a whole tenant, however many sessions it has', async () => {
    for (let n = 0; n < 20; n++) await signIn('many');
    const { sent } = await commandsDuring(redis, () => on.sessions.revokeTenant('many'));
    expect(sent).toEqual({ evalsha: 1 });
  });
});

describe('with a tenant one command more, for its epoch', () => {
  it.each(operations)('%s', async (_name, call) => {
    const pair = await signIn('acme');
    const { sent } = await commandsDuring(redis, () => call(on.sessions, pair, 'acme'));
    expect(sent).toEqual<CommandCounts>({ evalsha: 2 });
  });
});

describe('no command for', () => {
  it.each<[string, (pair: Pair) => Promise<unknown>]>([
    ['a touch within the interval', ({ sessionId }) => on.sessions.touch(sessionId)],
    [
      'an id that none can be',
      () => Promise.all([on.sessions.get('x'), on.sessions.touch('x'), on.sessions.revoke('*'), on.sessions.update('{}', {})]),
    ],
    ['an access token that was changed', ({ accessToken }) => reasonOf(on.sessions.verify(`${accessToken}A`))],
    ['a refresh token that was changed', ({ refreshToken }) => reasonOf(on.sessions.refresh(refreshToken.replace(/.$/, '~')))],
    [
      'the log-out of either',
      ({ accessToken, refreshToken }) => Promise.all([on.sessions.logout(`${accessToken}A`), on.sessions.logout(`${refreshToken}A`)]),
    ],
    [
      'an argument that is refused',
      () => Promise.allSettled([on.sessions.create(''), on.sessions.list('\ud800'), on.sessions.revokeTenant('')]),
    ],
  ])('%s', async (_name, call) => {
    const pair = await signIn();
    await on.sessions.touch(pair.sessionId);
    const { total } = await commandsDuring(redis, () => call(pair));
    expect(total).toBe(0);
    await on.sessions.verify(pair.accessToken);
  });

  it("verify with revocation 'off', but for data", async () => {
    await using off = await openSessions({ redis: redis.url, keyPrefix: on.keyPrefix, sessions: { revocation: 'off' } });
    const { accessToken } = await signIn();
    expect((await commandsDuring(redis, () => off.sessions.verify(accessToken))).total).toBe(0);
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

it('a forged or malformed token costs no command', async () => {
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
      ...forged.flatMap((token) => [reasonOf(on.sessions.refresh(token)), reasonOf(on.sessions.verify(token))]),
      ...forged.map((token) => on.sessions.logout(token)),
    ]),
  );
  expect(total).toBe(0);
  for (const answer of result) expect(['malformed', 'invalid', false]).toContain(answer);
  await on.sessions.refresh(refreshToken);
  await on.sessions.verify(accessToken);
});
