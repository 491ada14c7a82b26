import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import {
  InvalidTokenError,
  LockBusyError,
  LockLostError,
  LockStoreUnavailableError,
  RedisAuthError,
  StoreUnavailableError,
} from '../../../lib/errors/index.js';
import { CacheAdapter, DistributedLock, OAuthTokenStore, RateLimiter, SessionService, TokenStore } from '../../../lib/index.js';

/** Names that come again: what is kept for each of them is there from the beginning on. */
const FIXED = { locks: 20, tags: 5, tenants: 3, limits: 500, entries: 500 };
/** More than a process remembers of what it has touched. */
const FILLERS = 11_000;
/** Of tokens seen twice a process remembers up to 32,768, in two generations: a saw-tooth of megabytes, so it gets few of them. */
const SEEN_TWICE = 0.03;
const AT_ONCE = 48;

/** A bit of everything that the package does, over and over, with lives of seconds; users, sessions and tokens are new ones each time. */
export class SoakLoad {
  /** What was not to be: anything but a result or an outcome that is promised. */
  readonly mishaps: string[] = [];
  calls = 0;
  /** Calls that a machine with too much to do was too slow for. */
  unavailable = 0;

  private readonly sessions: SessionService;
  private readonly tokens: TokenStore;
  private readonly oauth: OAuthTokenStore;
  private readonly cache: CacheAdapter;
  private readonly locks: DistributedLock;
  private readonly limiter: RateLimiter;
  private made = 0;
  /** Those that stand here more often are done more often. */
  private readonly acts: readonly (() => Promise<void>)[] = [
    ...Array.from({ length: 3 }, () => () => this.session()),
    ...Array.from({ length: 2 }, () => () => this.entry()),
    () => this.token(),
    () => this.tokensOfOwner(),
    () => this.credentials(),
    () => this.limit(),
  ];

  constructor(
    app: INestApplicationContext,
    private readonly random: () => number,
    private readonly name: string,
  ) {
    this.sessions = app.get(SessionService);
    this.tokens = app.get(TokenStore);
    this.oauth = app.get(OAuthTokenStore);
    this.cache = app.get(CacheAdapter);
    this.locks = app.get(DistributedLock);
    this.limiter = app.get(RateLimiter);
  }

  /** Everything once that is kept by a name, and every connection that is opened once it is needed. */
  async begin(): Promise<void> {
    for (let n = 0; n < FIXED.locks; n++) await this.lock(n);
    // one of them is handed on to the other
    await Promise.all([this.lock(0), this.lock(0)]);
    for (const cache of [this.cache, this.cache.namespace('part')]) {
      for (let n = 0; n < FIXED.tags; n++) await cache.invalidateTags(`tag-${n}`);
      await cache.clear();
    }
  }

  /** Until what is kept of sessions touched holds as much as it may: what grows from then on is a leak. */
  async fill(): Promise<void> {
    const worker = async (): Promise<void> => {
      while (this.made < FILLERS) {
        const { accessToken, sessionId } = await this.sessions.create(this.next('filler'));
        await this.sessions.verify(accessToken);
        await this.sessions.touch(sessionId);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  /** One of all that may be done. */
  async act(): Promise<void> {
    this.calls += 1;
    try {
      if (this.random() < 0.15) await this.lock(this.pick(FIXED.locks));
      else await this.acts[this.pick(this.acts.length)]!();
    } catch (error) {
      // another's turn, or a tenant that was revoked meanwhile
      if (error instanceof LockBusyError || (error instanceof InvalidTokenError && error.reason === 'revoked')) return;
      if (error instanceof StoreUnavailableError || error instanceof LockStoreUnavailableError || error instanceof LockLostError)
        this.unavailable += 1;
      else this.mishaps.push(error instanceof RedisAuthError ? `${error.code} ${error.message}` : String(error));
    }
  }

  private async session(): Promise<void> {
    const user = this.next('user');
    const tenant = this.random() < 0.3 ? { tenant: `tenant-${this.pick(FIXED.tenants)}` } : {};
    const init = { ...tenant, data: { theme: 'dark', n: this.made }, claims: { role: 'reader' } };
    const first = await this.sessions.create(user, init);
    await this.sessions.create(user, init);
    await this.sessions.verify(first.accessToken);
    if (this.random() < SEEN_TWICE) await this.sessions.verify(first.accessToken);
    const second = await this.sessions.refresh(first.refreshToken);
    await Promise.all([this.sessions.refresh(second.refreshToken), this.sessions.refresh(second.refreshToken)]);
    await this.sessions.update(first.sessionId, { n: null, at: Date.now() });
    await this.sessions.list(user, tenant);
    if (this.random() < 0.1) await this.sessions.verify(second.accessToken, { data: true });
    const end = this.random();
    if (end < 0.2) await this.sessions.revoke(first.sessionId);
    else if (end < 0.3) await this.sessions.logout(second.accessToken);
    else if (end < 0.4) await this.sessions.revokeAll(user, tenant);
    else if (end < 0.5) await this.sessions.refresh(first.refreshToken).catch(() => undefined);
    else if (end < 0.55) await this.sessions.regenerate(first.sessionId);
    else if (end < 0.6) await this.sessions.revokeToken(second.accessToken);
    else if (end < 0.61) await this.sessions.revokeTenant(`tenant-${this.pick(FIXED.tenants)}`);
    if (end < SEEN_TWICE) await this.sessions.verify(first.accessToken).catch(() => undefined);
  }

  private async token(): Promise<void> {
    const type = 'reset';
    const { token } = await this.tokens.create({ type, owner: this.next('owner'), data: { mail: 'a@b.test' }, ttl: '4s' });
    await this.tokens.update({ type, token, data: { seen: true } });
    await this.tokens.get({ type, token });
    if (this.random() < 0.7) await this.tokens.consume({ type, token });
  }

  private async tokensOfOwner(): Promise<void> {
    const owner = this.next('owner');
    for (const type of ['key', 'invite']) await this.tokens.create({ type, owner, ttl: '4s' });
    await this.tokens.list({ type: 'key', owner });
    if (this.random() < 0.5) await this.tokens.deleteAll({ type: 'key', owner });
  }

  private async credentials(): Promise<void> {
    const key = this.next('account');
    await this.oauth.storeToken(key, 'a'.repeat(40), new Date(Date.now() + 4_000));
    await this.oauth.getToken(key);
    if (this.random() < 0.5) await this.oauth.deleteToken(key);
  }

  private async entry(): Promise<void> {
    const cache = this.random() < 0.5 ? this.cache : this.cache.namespace('part');
    const key = `entry-${this.pick(FIXED.entries)}`;
    const tags = [`tag-${this.pick(FIXED.tags)}`];
    await cache.getOrSet(key, () => Promise.resolve({ n: this.made, list: [1, 2, 3] }), { ttl: '3s', grace: '2s', tags });
    const next = this.random();
    if (next < 0.2) await cache.set(key, `text ${this.made}`, '3s');
    else if (next < 0.3) await cache.delete(key);
    else if (next < 0.32) await cache.invalidateTags(...tags);
    else if (next < 0.33) await cache.clear();
    else await cache.get(key);
  }

  private async limit(): Promise<void> {
    const algorithm = (['gcra', 'fixed', 'sliding'] as const)[this.pick(3)]!;
    await this.limiter.consume(`limit-${this.pick(FIXED.limits)}`, { limit: 5, window: '3s', algorithm });
    await this.limiter.consume(this.next('ip'), { limit: 2, window: '3s', algorithm });
  }

  private async lock(n: number): Promise<void> {
    await this.locks.using(`lock-${n}`, { ttl: '2s', wait: '1s' }, async (lock) => {
      await sleep(2);
      lock.assertHeld();
    });
  }

  private pick(count: number): number {
    return Math.floor(this.random() * count);
  }

  private next(what: string): string {
    return `${what}-${this.name}-${(this.made += 1)}`;
  }
}
