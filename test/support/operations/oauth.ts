import { IntrospectionCache, OAuthTokenStore } from '../../../lib/oauth/index.js';
import { TEST_SECRET } from '../sessions.js';
import { until } from '../until.js';
import { closing } from './closing.js';
import { once, type Operation, operationsOf } from './operation.js';
import { SERVED_TYPE, type Services } from './services.js';

const operation = operationsOf('oauth');
const CREDENTIALS = { clientId: 'client', clientSecret: 'secret', redirectUri: 'https://app.test/back' };
const PKCE = { codeVerifier: 'verifier', codeChallenge: 'challenge', resourceUrl: '', url: '' };
const ACCESS = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: '' };
const urlOf = (id: string): string => `https://${id}.test`;
const isFound = { succeeded: (found: unknown) => found !== null };

async function isKept({ introspected }: Services, token: string): Promise<boolean> {
  const { active } = await introspected.introspect(token, () => ({ active: false }));
  return active;
}

export const OAUTH_OPERATIONS: readonly Operation[] = [
  operation(
    'OAuthTokenStore.getClientCredentials',
    'read',
    async ({ oauth }, by, id) => {
      await by.oauth.saveClientCredentials(urlOf(id), CREDENTIALS);
      return { call: () => oauth.getClientCredentials(urlOf(id)) };
    },
    isFound,
  ),
  operation('OAuthTokenStore.saveClientCredentials', 'write', ({ oauth }, _by, id) => ({
    call: () => oauth.saveClientCredentials(urlOf(id), CREDENTIALS),
    effects: (other) => once(other.oauth.getClientCredentials(urlOf(id)).then((found) => found !== null)),
  })),
  operation(
    'OAuthTokenStore.getPKCEValues',
    'change',
    async ({ oauth }, by, id) => {
      await by.oauth.savePKCEValues(id, 'state', PKCE);
      return {
        call: () => oauth.getPKCEValues(id, 'state'),
        effects: (other) => once(other.oauth.getPKCEValues(id, 'state').then((found) => found === null)),
      };
    },
    isFound,
  ),
  operation('OAuthTokenStore.savePKCEValues', 'write', ({ oauth }, _by, id) => ({
    call: () => oauth.savePKCEValues(id, 'state', PKCE),
    effects: (other) => once(other.oauth.getPKCEValues(id, 'state').then((found) => found !== null)),
  })),
  operation(
    'OAuthTokenStore.getAccessToken',
    'read',
    async ({ oauth }, by, id) => {
      await by.oauth.saveAccessToken(id, urlOf(id), ACCESS);
      return { call: () => oauth.getAccessToken(id, urlOf(id)) };
    },
    isFound,
  ),
  operation('OAuthTokenStore.saveAccessToken', 'write', ({ oauth }, _by, id) => ({
    call: () => oauth.saveAccessToken(id, urlOf(id), ACCESS),
    effects: (other) => once(other.oauth.getAccessToken(id, urlOf(id)).then((found) => found !== null)),
  })),
  operation('OAuthTokenStore.storeToken', 'write', ({ oauth }, _by, id) => ({
    call: () => oauth.storeToken(id, 'token'),
    effects: (other) => once(other.oauth.hasToken(id)),
  })),
  operation(
    'OAuthTokenStore.getToken',
    'read',
    async ({ oauth }, by, id) => {
      await by.oauth.storeToken(id, 'token');
      return { call: () => oauth.getToken(id) };
    },
    isFound,
  ),
  operation('OAuthTokenStore.deleteToken', 'change', async ({ oauth }, by, id) => {
    await by.oauth.storeToken(id, 'token');
    return { call: () => oauth.deleteToken(id), effects: (other) => once(other.oauth.hasToken(id).then((has) => !has)) };
  }),
  operation(
    'OAuthTokenStore.hasToken',
    'read',
    async ({ oauth }, by, id) => {
      await by.oauth.storeToken(id, 'token');
      return { call: () => oauth.hasToken(id) };
    },
    { succeeded: (has: boolean) => has },
  ),
  operation(
    'OAuthTokenStore.listTokens',
    'read',
    async ({ oauth }, by, id) => {
      await by.oauth.storeToken(id, 'token');
      return { call: () => oauth.listTokens() };
    },
    { succeeded: (list: unknown[]) => list.length > 0 },
  ),
  closing(operation, 'OAuthTokenStore.close', ({ redis, keyPrefix }) => {
    const store = new OAuthTokenStore({ redis, keyPrefix, secret: TEST_SECRET });
    return { ask: () => store.hasToken('nothing'), close: () => store.close() };
  }),
  operation('TokenRevocation.revoke', 'change', async ({ revocation }, by, id) => {
    const { sessionId, accessToken } = await by.sessions.create(id);
    return {
      call: () => revocation.revoke({ token: accessToken }),
      effects: (other) => once(other.sessions.get(sessionId).then((found) => found === null)),
    };
  }),
  operation('TokenRevocation.revoke (an opaque token)', 'change', async ({ revocation }, by, id) => {
    const { token } = await by.tokens.create({ type: SERVED_TYPE, owner: id });
    return {
      call: () => revocation.revoke({ token }),
      effects: (other) => once(other.tokens.get({ type: SERVED_TYPE, token }).then((found) => found === null)),
    };
  }),
  operation(
    'TokenIntrospection.introspect',
    'read',
    async ({ introspection }, by, id) => {
      const { accessToken } = await by.sessions.create(id);
      return { call: () => introspection.introspect({ token: accessToken }) };
    },
    { succeeded: ({ active }: { active: boolean }) => active },
  ),
  operation(
    'IntrospectionCache.introspect',
    'cache',
    async ({ introspected }, by, id) => {
      const answer = { active: true, exp: Math.floor(Date.now() / 1000) + 3_600 };
      // nobody waits for it to be kept
      const isKept = async (): Promise<boolean> => {
        let asked = false;
        await by.introspected.introspect(id, () => ((asked = true), answer));
        return !asked;
      };
      await until(isKept, { what: 'the answer is kept' });
      return { call: () => introspected.introspect(id, () => ({ ...answer, asked: true })) };
    },
    { succeeded: ({ asked }: { asked?: boolean }) => asked !== true },
  ),
  operation('IntrospectionCache.evict', 'change', async ({ introspected }, by, id) => {
    await by.introspected.introspect(id, () => ({ active: true }));
    return { call: () => introspected.evict(id), effects: (other) => once(isKept(other, id).then((kept) => !kept)) };
  }),
  closing(operation, 'IntrospectionCache.close', ({ redis, keyPrefix }) => {
    const cache = new IntrospectionCache({ redis, keyPrefix });
    return { ask: () => cache.evict('nothing'), close: () => cache.close() };
  }),
];
