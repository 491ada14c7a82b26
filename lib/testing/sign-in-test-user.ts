import type { SessionInit, SessionService, SessionTokens } from '../sessions/index.js';

/** Tokens of a real session, and the header that presents them. */
export interface TestUserTokens extends SessionTokens {
  /** Value of the `Authorization` header: `Bearer` and the access token. */
  authorization: string;
}

/**
 * Signs a user in without a password, as a test wants it: a real session in the Redis of `sessions`.
 *
 * One round trip; throws what {@link SessionService.create} throws.
 *
 * @param userId - default `'test-user'`
 * @param init - as of `SessionService.create`: claims, scopes, tenant, lifetimes …
 * @example
 * const { authorization } = await signInTestUser(app.get(SessionService), 'ada', { scopes: ['admin'] });
 * await request(app.getHttpServer()).get('/admin').set('authorization', authorization).expect(200);
 */
export async function signInTestUser(
  sessions: Pick<SessionService, 'create'>,
  userId = 'test-user',
  init: SessionInit = {},
): Promise<TestUserTokens> {
  const tokens = await sessions.create(userId, init);
  return { ...tokens, authorization: `Bearer ${tokens.accessToken}` };
}
