import type { SessionInit, SessionTokens } from 'nestjs-redis-auth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { openSessions, type SessionsUnderTest, testOptions } from '../../support/sessions.js';
import { Lateness, settledIn } from '../../support/settled-in.js';
import { until } from '../../support/until.js';
import { subscribed } from './graphql.js';
import { feeding } from './http.js';
import type { Endpoint } from './transport.js';
import { OPEN_TRANSPORTS } from './transports.js';

/** How each transport tells its client why it is closed. */
function endingOf(name: string, reason: string): unknown {
  if (name.startsWith('SSE')) return 'ended';
  return name.startsWith('socket.io') ? [{ reason }] : { code: 4401, reason };
}

describe.each(OPEN_TRANSPORTS)('what stays open on $name', (transport) => {
  let app: Endpoint;
  let other: SessionsUnderTest;
  beforeAll(async () => {
    const options = testOptions({ redis: inject('redisUrl'), sessions: { limit: 3 }, jwt: { clockTolerance: 0 } });
    app = await transport.start(options);
    other = await openSessions(options);
  });
  afterAll(async () => {
    await app[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  let user = 0;
  const signIn = (init: SessionInit = {}): Promise<SessionTokens> => app.sessions.create(`user-${++user}`, init);
  const nothingIsFed = () => until(() => feeding.streams === 0 && subscribed.count === 0);

  const ENDINGS: [string, string, (tokens: SessionTokens) => Promise<unknown>][] = [
    ['is revoked', 'revoked', ({ sessionId }) => other.sessions.revoke(sessionId)],
    ['is logged out', 'revoked', ({ refreshToken }) => other.sessions.logout(refreshToken)],
    ['is one of all that are revoked', 'revoked', () => other.sessions.revokeAll(`user-${user}`)],
    ['is evicted by others', 'evicted', () => Promise.all([1, 2, 3].map(() => other.sessions.create(`user-${user}`)))],
  ];

  it.each(ENDINGS)('closes within a second when its session %s on another instance', async (_how, reason, endSession) => {
    const [tokens, bystander] = [await signIn(), await app.sessions.create('bystander')];
    const [opened, kept] = [await app.open!(tokens.accessToken), await app.open!(bystander.accessToken)];
    let isKept = true;
    void kept.ended.then(() => (isKept = false));
    const { result, ms } = await settledIn(async () => {
      await endSession(tokens);
      return opened.ended;
    });
    expect(result).toEqual(endingOf(transport.name, reason));
    expect(ms).toBeLessThan(1_000);
    expect(isKept).toBe(true);
    kept.close();
    await nothingIsFed();
  });

  it('closes within a second when the token that opened it expires, though the session goes on', async () => {
    // it is issued in whole seconds: it lives for at least one of the two
    const tokens = await signIn({ accessTokenTtl: '2s' });
    const opened = await app.open!(tokens.accessToken);
    await app.sessions.refresh(tokens.refreshToken);
    const lateness = new Lateness();
    expect(await opened.ended).toEqual(endingOf(transport.name, 'expired'));
    const late = Date.now() - tokens.accessTokenExpiresAt.getTime();
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late - lateness.stop()).toBeLessThan(1_000);
    await nothingIsFed();
  });
});
