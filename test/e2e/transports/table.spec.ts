import type { SessionTokens } from 'nestjs-redis-auth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../../lib/testing/index.js';
import { resign } from '../../support/resign.js';
import { testOptions } from '../../support/sessions.js';
import { until } from '../../support/until.js';
import type { Handler } from './handlers.js';
import type { Endpoint } from './transport.js';
import { TRANSPORTS } from './transports.js';

const nowInSeconds = (): number => Math.floor(Date.now() / 1000);

type Credential = (tokens: SessionTokens) => string | undefined;

const genuine: Credential = ({ accessToken }) => accessToken;
const none: Credential = () => undefined;
const rubbish: Credential = () => 'rubbish';
const forged: Credential = ({ accessToken }) => `${accessToken.slice(0, accessToken.lastIndexOf('.'))}.${'A'.repeat(43)}`;
const expired: Credential = ({ accessToken }) => {
  const past = nowInSeconds() - 600;
  return resign(accessToken, { iat: past - 60, exp: past, auth_time: past - 60 });
};
const stale: Credential = ({ accessToken }) => resign(accessToken, { auth_time: nowInSeconds() - 310 });

const anonymous = { userId: null, sessionId: null, data: null };
const refused = (statusCode: number, reason?: string) => ({ statusCode, reason });

const CASES: [name: string, Handler, Credential, expected: 'let in' | object][] = [
  ['a genuine token', 'me', genuine, 'let in'],
  ['private data where the handler asks for it', 'data', genuine, { data: { theme: 'dark' } }],
  ['no token', 'me', none, refused(401, 'missing')],
  ['rubbish', 'me', rubbish, refused(401, 'malformed')],
  ['a forged signature', 'me', forged, refused(401, 'invalid')],
  ['an expired token', 'me', expired, refused(401, 'expired')],
  ['a public handler without a token', 'open', none, anonymous],
  ['a public handler with rubbish', 'open', rubbish, anonymous],
  ['a public handler with a genuine token', 'open', genuine, anonymous],
  ['an optional handler without a token', 'optional', none, anonymous],
  ['an optional handler with a genuine token', 'optional', genuine, 'let in'],
  ['an optional handler with rubbish', 'optional', rubbish, refused(401, 'malformed')],
  ['a scope that the token lacks', 'scoped', genuine, refused(403, 'insufficient_scope')],
  ['a scope without a token', 'scoped', none, refused(401, 'missing')],
  ['a fresh authentication', 'fresh', genuine, 'let in'],
  ['an error of ours that a handler throws', 'fail', none, refused(409)],
  ['an authentication that is too old', 'fresh', stale, refused(401, 'reauthentication_required')],
];

describe.each(TRANSPORTS)('the guard on $name', (transport) => {
  let app: Endpoint;
  beforeAll(async () => {
    app = await transport.start(testOptions({ redis: inject('redisUrl') }));
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
  });

  it.each(CASES)('%s', async (_name, handler, credential, expected) => {
    const tokens = await app.sessions.create('alice', { data: { theme: 'dark' } });
    const outcome = await app.call(handler, credential(tokens));
    expect(outcome).toMatchObject(expected === 'let in' ? { userId: 'alice', sessionId: tokens.sessionId, data: null } : expected);
    // Again, by when this instance knows it without asking.
    for (const _ of [2, 3]) expect(await app.call(handler, credential(tokens))).toEqual(outcome);
  });

  it('a scope that the token has', async () => {
    const { accessToken } = await app.sessions.create('alice', { scopes: ['read'] });
    expect(await app.call('scoped', accessToken)).toMatchObject({ userId: 'alice' });
  });

  it('a session that was revoked after it was let in', async () => {
    const { accessToken, sessionId } = await app.sessions.create('alice');
    expect(await app.call('me', accessToken)).toMatchObject({ userId: 'alice' });
    await app.sessions.revoke(sessionId);
    expect(await app.call('me', accessToken)).toEqual(refused(401, 'revoked'));
    expect(await app.call('optional', accessToken)).toEqual(refused(401, 'revoked'));
    expect(await app.call('open', accessToken)).toEqual(anonymous);
  });

  it('userLoader makes the user and touch keeps the session; null is a 401', async () => {
    const options = testOptions({
      redis: inject('redisUrl'),
      sessions: { touchInterval: 0 },
      guard: { touch: true, userLoader: ({ userId }) => Promise.resolve(userId === 'ghost' ? null : { userId: `${userId}, loaded` }) },
    });
    await using own = await transport.start(options);
    const [alice, ghost] = [await own.sessions.create('alice'), await own.sessions.create('ghost')];
    const { createdAt } = (await own.sessions.get(alice.sessionId))!;
    await until(() => Date.now() > createdAt.getTime() + 1, { every: 1 });
    expect(await own.call('me', alice.accessToken)).toEqual({ userId: 'alice, loaded', sessionId: alice.sessionId, data: null });
    expect(await own.call('me', ghost.accessToken)).toEqual(refused(401, 'invalid'));
    const { lastSeenAt } = (await own.sessions.get(alice.sessionId))!;
    expect(lastSeenAt.getTime()).toBeGreaterThan(createdAt.getTime());
  });

  it('Redis down is a 503, never a 401', async () => {
    await using redis = await startRedis();
    const options = testOptions({ redis: redis.url, sessions: { revocation: 'remote' } });
    await using own = await transport.start(options);
    const { accessToken } = await own.sessions.create('alice');
    expect(await own.call('me', accessToken)).toMatchObject({ userId: 'alice' });
    await redis.kill();
    for (const handler of ['me', 'data', 'optional', 'scoped'] as const) {
      expect(await own.call(handler, accessToken)).toEqual(refused(503));
    }
    expect(await own.call('me')).toEqual(refused(401, 'missing'));
    expect(await own.call('open')).toEqual(anonymous);
  });
});
