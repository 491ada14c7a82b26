import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IntrospectionCache } from '../../../lib/oauth/index.js';
import { ClusterSetup } from '../../support/cluster.js';
import { type OAuthServices, openOAuthServices } from '../../support/oauth-services.js';
import { captureLog } from '../../support/open-connection.js';
import { until } from '../../support/until.js';

/** Enough that every master has some. */
const NAMES = Array.from({ length: 12 }, (_, n) => `name-${n}`);

let setup: ClusterSetup;
let on: OAuthServices;
let cache: IntrospectionCache;
let other: IntrospectionCache;
beforeAll(async () => {
  captureLog();
  setup = await ClusterSetup.start();
  on = await openOAuthServices({ redis: setup.url }, ['api-key']);
  cache = new IntrospectionCache({ redis: setup.url });
  other = new IntrospectionCache({ redis: setup.url });
  // what cannot be asked while the connections are made is not kept
  await Promise.all([cache, other].map((each) => until(() => each.evict('warm').then(() => true))));
});
afterAll(async () => {
  await cache?.close();
  await other?.close();
  await on?.[Symbol.asyncDispose]();
  await setup?.stop();
});

describe('on a Cluster of three masters', () => {
  it('R3 the token cache keeps and evicts in every slot', async () => {
    await Promise.all(
      NAMES.map(async (token) => {
        let asked = 0;
        const ask = () => ({ active: true, asked: ++asked });
        await cache.introspect(token, ask);
        await until(() => other.introspect(token, () => Promise.reject(new Error('it is not kept yet'))));
        await other.evict(token);
        expect(await cache.introspect(token, ask)).toEqual({ active: true, asked: 2 });
      }),
    );
  });

  it.each([undefined, 'acme'])('T12 T13 tokens of every kind are introspected and revoked (tenant: %s)', async (tenant) => {
    const of = tenant === undefined ? {} : { tenant };
    await Promise.all(
      NAMES.map(async (name) => {
        const [one, other] = [await on.sessions.create(name, of), await on.sessions.create(name, of)];
        const { token: opaque } = await on.tokens.create({ type: 'api-key', owner: name });
        for (const token of [one.accessToken, other.refreshToken, opaque]) {
          expect(await on.introspection.introspect({ token })).toMatchObject({ active: true, sub: name });
          expect(await on.revocation.revoke({ token })).toBe(true);
          expect(await on.introspection.introspect({ token })).toEqual({ active: false });
          expect(await on.revocation.revoke({ token })).toBe(false);
        }
      }),
    );
  });
});
