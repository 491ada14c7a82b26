import { RedisAuthKeyvStore } from '../../../lib/adapters/keyv/index.js';
import { RedisThrottlerStorage } from '../../../lib/adapters/throttler/index.js';
import { IntrospectionCache, OAuthTokenStore } from '../../../lib/oauth/index.js';
import { RateLimiter } from '../../../lib/rate-limit/index.js';
import { LocksUnderTest } from '../../support/locks.js';
import { isText, NAUGHTY_STRINGS } from '../../support/naughty-strings/index.js';
import { type OAuthServices, openOAuthServices } from '../../support/oauth-services.js';
import { TEST_SECRET } from '../../support/sessions.js';
import { CacheUnderTest } from '../cache/cache-under-test.js';

/** A place where text from outside says which of many things is meant. */
export interface Kind {
  /** Longest text that may stand there. */
  maxBytes: number;
  /** Whether it may be empty. */
  orEmpty?: true;
  /** Text that is not taken although it could be. */
  except?: RegExp;
  /** Makes the thing of that name; resolves to what {@link look} says of it from now on. */
  keep: (text: string, mark: number) => Promise<unknown>;
  look: (text: string) => Promise<unknown>;
  /** Ends it; then {@link look} resolves to `ended`. */
  end?: (text: string) => Promise<unknown>;
  ended?: unknown;
}

/** Everything that takes text from outside, with time for many calls at once. */
export class Services implements AsyncDisposable {
  private constructor(
    readonly on: OAuthServices,
    readonly cache: CacheUnderTest,
    readonly locks: LocksUnderTest,
    readonly limiter: RateLimiter,
    readonly oauth: OAuthTokenStore,
    readonly introspected: IntrospectionCache,
  ) {}

  /** Each is connected when it resolves. */
  static async open(redis: string): Promise<Services> {
    const own = { redis, commandTimeout: 10_000 };
    const services = new Services(
      await openOAuthServices({ ...own, sessions: { revocation: 'remote' } }),
      new CacheUnderTest(own),
      new LocksUnderTest(own),
      new RateLimiter(own),
      new OAuthTokenStore({ ...own, secret: TEST_SECRET }),
      new IntrospectionCache(own),
    );
    const { cache, locks, limiter, oauth, introspected } = services;
    await Promise.all([
      cache.isAvailable(),
      // what ends by itself would change how many keys there are
      locks.using('a', { ttl }, () => Promise.resolve()),
      limiter.reset('a'),
      oauth.hasToken('a'),
      introspected.evict('a'),
    ]);
    return services;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { on, cache, locks, limiter, oauth, introspected } = this;
    await Promise.all([on[Symbol.asyncDispose](), cache.close(), locks.close(), limiter.close(), oauth.close(), introspected.close()]);
  }
}

const ttl = '5m';

export function kindsOf({ on, cache, locks, limiter, oauth, introspected }: Services): Record<string, Kind> {
  const keyv = new RedisAuthKeyvStore(cache);
  const throttler = new RedisThrottlerStorage(limiter);
  const codes = new Map<string, string>();
  // so long that nothing comes back while it is looked at
  const used = { limit: 1_000, window: '30 days' } as const;
  const tagged = (tag: string, mark: number): Promise<number> =>
    cache.getOrSet(`tagged ${placeOf(tag)}`, async () => mark, { ttl, tags: [tag] });
  return {
    'user of a session': {
      maxBytes: 256,
      keep: (text, mark) => on.sessions.create(text, { data: { mark } }).then(() => [text, mark]),
      look: async (text) => {
        const session = await only(on.sessions.list(text, { data: true }));
        return session && [session.userId, session.data!['mark']];
      },
      end: (text) => on.sessions.revokeAll(text),
    },
    'tenant of a session': {
      maxBytes: 256,
      keep: (tenant, mark) => on.sessions.create('ann', { tenant, data: { mark } }).then(() => [tenant, mark]),
      look: async (tenant) => {
        const session = await only(on.sessions.list('ann', { tenant, data: true }));
        return session && [session.tenant, session.data!['mark']];
      },
      end: (tenant) => on.sessions.revokeTenant(tenant),
    },
    'requestId of a sign-in': {
      maxBytes: 256,
      keep: (requestId) => on.sessions.create('bob', { requestId }).then(({ sessionId }) => sessionId),
      look: (requestId) => on.sessions.create('bob', { requestId }).then(({ sessionId }) => sessionId),
    },
    'owner of a token': {
      maxBytes: 256,
      keep: (owner, mark) => on.tokens.create({ type: 'key', owner, data: { mark } }).then(() => [owner, mark]),
      look: async (owner) => {
        const token = await only(on.tokens.list({ type: 'key', owner }));
        return token && [token.owner, token.data['mark']];
      },
      end: (owner) => on.tokens.deleteAll({ owner }),
    },
    'type of a token': {
      maxBytes: 256,
      keep: (type, mark) => on.tokens.create({ type, owner: 'cat', data: { mark } }).then(() => [type, mark]),
      look: async (type) => {
        const token = await only(on.tokens.list({ type, owner: 'cat' }));
        return token && [token.type, token.data['mark']];
      },
      end: (type) => on.tokens.deleteAll({ type, owner: 'cat' }),
    },
    'app of a token': {
      maxBytes: 256,
      keep: (app, mark) => on.tokens.create({ type: 'key', owner: 'dan', app, data: { mark } }).then(() => [app, mark]),
      look: async (app) => {
        const token = await only(on.tokens.list({ type: 'key', owner: 'dan', app }));
        return token && [token.app, token.data['mark']];
      },
      end: (app) => on.tokens.deleteAll({ owner: 'dan', app }),
    },
    'token of one’s own': {
      maxBytes: 8_192,
      except: /^[\w-]{49}$/,
      keep: (token, mark) => on.tokens.create({ type: 'own', owner: 'eve', token, data: { mark } }).then(() => [token, mark]),
      look: async (token) => {
        const found = await on.tokens.get({ type: 'own', token });
        return found ? [found.token, found.data['mark']] : undefined;
      },
      end: (token) => on.tokens.delete({ type: 'own', token }),
    },
    'requestId of a token': {
      maxBytes: 256,
      keep: (requestId) => on.tokens.create({ type: 'key', owner: 'fay', requestId }).then(({ token }) => token),
      look: (requestId) => on.tokens.create({ type: 'key', owner: 'fay', requestId }).then(({ token }) => token),
    },
    'owner of a code': {
      maxBytes: 256,
      keep: async (owner, mark) => {
        const { code } = (await on.tokens.createCode({ type: 'code', owner, data: { mark } }))!;
        codes.set(owner, code);
        return { mark };
      },
      look: async (owner) => (await on.tokens.verifyCode({ type: 'code', owner, code: codes.get(owner)!, requestId: 'same' })).data,
    },
    'key of the cache': {
      maxBytes: 1_024,
      keep: (key, mark) => cache.set(key, mark, ttl).then(() => mark),
      look: (key) => cache.get<number>(key),
      end: (key) => cache.delete(key),
      ended: null,
    },
    'namespace of the cache': {
      maxBytes: 256,
      keep: async (name, mark) =>
        cache
          .namespace(name)
          .set('key', mark, ttl)
          .then(() => mark),
      look: async (name) => cache.namespace(name).get<number>('key'),
      end: async (name) => cache.namespace(name).clear(),
      ended: null,
    },
    'tag of the cache': {
      maxBytes: 256,
      keep: (tag, mark) => tagged(tag, mark),
      look: (tag) => tagged(tag, -1),
      end: (tag) => cache.invalidateTags(tag),
      ended: -1,
    },
    'lock of the cache': {
      maxBytes: 1_024,
      keep: (key) => cache.acquireLock(key, ttl).then((got) => !got),
      // there is no other way to look: who gets it gives it back
      look: async (key) => {
        const got = await cache.acquireLock(key, ttl);
        if (got) await cache.releaseLock(key);
        return got;
      },
      end: (key) => cache.releaseLock(key),
      ended: true,
    },
    'key of Keyv': {
      maxBytes: 1_024,
      keep: (key, mark) => keyv.set(key, mark, 60_000).then(() => mark),
      look: (key) => keyv.get<number>(key),
      end: (key) => keyv.delete(key),
    },
    'key of a lock': lock(locks, 1_024, (key) => key),
    'group of locks': lock(locks, 256, (group) => ({ group, keys: ['a'] })),
    // like ones together; a group keeps all of its locks in one value
    'key of a lock in a group': lock(locks, 1_024, (key) => ({ group: `group ${Math.floor(placeOf(key) / 40)}`, keys: [key] })),
    'key of a rate limit': {
      maxBytes: 1_024,
      keep: (key, mark) => limiter.consume(key, { ...used, cost: mark + 1 }).then(() => used.limit - mark - 1),
      look: (key) => limiter.peek(key, used).then(({ remaining }) => remaining),
      end: (key) => limiter.reset(key),
      ended: used.limit,
    },
    'requestId of a rate limit': {
      maxBytes: 256,
      keep: (requestId) => limiter.consume('gus', { limit: 100_000, window: '1h', requestId }).then(({ remaining }) => remaining),
      look: (requestId) => limiter.consume('gus', { limit: 100_000, window: '1h', requestId }).then(({ remaining }) => remaining),
    },
    'account that signs in': {
      maxBytes: 256,
      keep: (account, mark) => limiter.login({ account, ip: `10.0.${mark >> 8}.${mark & 255}` }).then(({ remaining }) => remaining - 1),
      look: (account) =>
        limiter.login({ account, ip: '10.1.0.0' }, { ip: { limit: 100_000, window: '1h' } }).then(({ remaining }) => remaining),
    },
    'key of a throttler': {
      maxBytes: 1_024,
      keep: (key) => throttler.increment(key, 60_000, 1e6, 0, 'x').then(({ totalHits }) => totalHits + 1),
      look: (key) => throttler.increment(key, 60_000, 1e6, 0, 'x').then(({ totalHits }) => totalHits),
    },
    'server of client credentials': {
      maxBytes: 8_192,
      orEmpty: true,
      keep: (url, mark) => oauth.saveClientCredentials(url, credentials(url, mark)).then(() => credentials(url, mark)),
      look: (url) => oauth.getClientCredentials(url),
    },
    'state of a sign-in elsewhere': {
      maxBytes: 8_192,
      keep: (state, mark) => oauth.savePKCEValues('hal', state, pkce(state, mark)).then(() => pkce(state, mark)),
      look: (state) => oauth.getPKCEValues('hal', state),
    },
    'user of a token of others': {
      maxBytes: 256,
      keep: (user, mark) => oauth.saveAccessToken(user, '', issued(user, mark)).then(() => issued(user, mark)),
      look: (user) => oauth.getAccessToken(user, ''),
    },
    'url of a token of others': {
      maxBytes: 8_192,
      orEmpty: true,
      keep: (url, mark) => oauth.saveAccessToken('ivy', url, issued(url, mark)).then(() => issued(url, mark)),
      look: (url) => oauth.getAccessToken('ivy', url),
    },
    'key of a token of others': {
      maxBytes: 1_024,
      keep: (key, mark) => oauth.storeToken(key, `token ${mark}`).then(() => `token ${mark}`),
      look: (key) => oauth.getToken(key),
      end: (key) => oauth.deleteToken(key),
      ended: null,
    },
    'token that another server introspects': {
      maxBytes: 8_192,
      keep: (token, mark) => introspected.introspect(token, () => ({ active: true, mark })),
      look: (token) => introspected.introspect(token, () => ({ active: false })),
      end: (token) => introspected.evict(token),
      ended: { active: false },
    },
  };
}

function lock(locks: LocksUnderTest, maxBytes: number, target: (text: string) => Parameters<LocksUnderTest['tryAcquire']>[0]): Kind {
  const held = new Map<string, { release(): Promise<boolean> } | null>();
  const take = (text: string): ReturnType<LocksUnderTest['tryAcquire']> => locks.tryAcquire(target(text), { ttl });
  return {
    maxBytes,
    keep: async (text) => {
      held.set(text, await take(text));
      return held.get(text) === null;
    },
    // there is no other way to look: who gets it gives it back
    look: async (text) => (await take(text))?.release() ?? false,
    end: async (text) => (held.get(text) ?? (await take(text)))!.release(),
    ended: true,
  };
}

function placeOf(text: string): number {
  return NAUGHTY_STRINGS.indexOf(text);
}

/** Of those there is one. */
async function only<T>(list: Promise<T[]>): Promise<T | undefined> {
  const all = await list;
  if (all.length > 1) throw new Error(`${all.length} in the place of one`);
  return all[0];
}

function credentials(text: string, mark: number) {
  return { clientId: `client ${mark}`, clientSecret: isText(text, 8_192) ? text : '', redirectUri: '' };
}

function pkce(text: string, mark: number) {
  return { codeVerifier: `verifier ${mark}`, codeChallenge: isText(text, 8_192) ? text : '', resourceUrl: '', url: '' };
}

function issued(text: string, mark: number) {
  return { accessToken: `token ${mark}`, refreshToken: isText(text, 8_192) ? text : '', resourceUrl: '' };
}
