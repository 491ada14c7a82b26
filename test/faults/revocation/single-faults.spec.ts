import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, it } from 'vitest';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { Links } from '../../support/chaos/links.js';
import { Presented } from '../../support/revocation/presented.js';
import { scaled } from '../../support/scale.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const BOUND_MS = scaled(1_000, 5_000);
const RECOVERS_WITHIN_MS = 6_000;
type Pair = Awaited<ReturnType<SessionsUnderTest['sessions']['create']>>;

interface Place {
  readonly redis: TestRedis;
  /** Of the instance that shall hear. */
  readonly links: Links;
  /** The one that ends sessions, over a link of its own without a fault. */
  readonly one: SessionsUnderTest;
  readonly stream: string;
  readonly anchor: string;
}

interface Fault {
  /** Sets in before anything is ended. */
  readonly before?: (place: Place) => Promise<unknown>;
  /** Befalls as soon as everything is ended. */
  readonly after?: (place: Place) => Promise<unknown>;
  /** When the bound is over, or else at once. */
  readonly lasts?: 'until the bound is over';
  /** What brings things back to order, beside healing the link. */
  readonly end?: (place: Place) => Promise<unknown>;
  readonly losesData?: true;
}

const deleted = ({ redis, stream }: Place): Promise<unknown> => ask(redis, (client) => client.del(stream));
const silent = ({ links }: Place): Promise<void> => links.begin('silent');
const late =
  (ms: number) =>
  ({ links }: Place): Promise<void> =>
    links.begin('late', ms);
const lasts = 'until the bound is over';

const FAULTS: Record<string, Fault> = {
  'the link is cut': { before: ({ links }) => links.begin('cut') },
  'the link is silent': { before: silent, lasts },
  'the link is silent for a moment': { before: silent },
  'only what follows the feed is cut, each time': { before: ({ links }) => Promise.resolve(links.starveFeed()), lasts },
  'connections are refused': { before: ({ links }) => links.begin('refused'), lasts },
  'connections are accepted and closed': { before: ({ links }) => links.begin('accept then close'), lasts },
  'answers are late by less than the bound': { before: late(BOUND_MS / 8), lasts },
  'answers are late by more than the bound': { before: late(BOUND_MS * 0.7), lasts },
  'Redis is stopped before it is heard, and goes on': {
    before: late(BOUND_MS / 4),
    after: ({ redis }) => redis.pause(),
    lasts,
    end: ({ redis }) => redis.resume(),
  },
  'Redis is killed before it is heard, and comes back empty': {
    before: silent,
    after: ({ redis }) => redis.restart(),
    losesData: true,
  },
  'Redis is killed before it is heard, and comes back empty, when who ended it is gone': {
    before: silent,
    after: async ({ redis, one }) => {
      await one[Symbol.asyncDispose]();
      await redis.restart();
    },
    losesData: true,
  },
  'Redis is restarted with its data before it is heard': { before: silent, after: ({ redis }) => redis.restart({ keepData: true }) },
  'everything is deleted before it is heard': {
    before: silent,
    after: ({ redis }) => ask(redis, (client) => client.flushall()),
    losesData: true,
  },
  'the stream was deleted': { before: deleted },
  'the stream is deleted before it is heard': { before: silent, after: deleted },
  'the stream is deleted before it is heard, when who ended it is gone': {
    before: silent,
    after: async (place) => {
      await place.one[Symbol.asyncDispose]();
      await deleted(place);
    },
  },
  'stream and anchor are deleted before it is heard, when who ended it is gone': {
    before: silent,
    after: async ({ one, redis, stream, anchor }) => {
      await one[Symbol.asyncDispose]();
      await ask(redis, (client) => client.del(stream, anchor));
    },
  },
  'the stream is trimmed before it is heard': {
    before: late(BOUND_MS / 4),
    after: ({ redis, stream }) => ask(redis, (client) => client.xtrim(stream, 'MAXLEN', 0)),
  },
  'the anchor is deleted before it is heard': {
    before: silent,
    after: ({ redis, anchor }) => ask(redis, (client) => client.del(anchor)),
  },
  'scripts are flushed and clients killed': {
    before: ({ redis }) => ask(redis, (client) => client.multi().script('FLUSH').call('CLIENT', 'KILL', 'TYPE', 'normal').exec()),
  },
};

beforeAll(() => void captureLog());

/** Ends five sessions in five ways; resolves to when each was acknowledged. */
async function endAll({ sessions }: SessionsUnderTest, pairs: readonly Pair[]): Promise<number[]> {
  const [named, presented, , , token] = pairs as [Pair, Pair, Pair, Pair, Pair];
  const calls = [
    () => sessions.revoke(named.sessionId),
    () => sessions.logout(presented.refreshToken),
    () => sessions.revokeAll('ann-2'),
    () => sessions.revokeTenant('acme'),
    () => sessions.revokeToken(token.accessToken),
  ];
  // killed clients fail the calls that they had in flight
  return Promise.all(calls.map((call) => until(() => call().then(() => performance.now()), { within: RECOVERS_WITHIN_MS, every: 50 })));
}

describe.concurrent('what was ended on one instance is refused by another in time, though', () => {
  it.for(Object.keys(FAULTS))('%s', { timeout: BOUND_MS * 4 + 30_000 }, async (name, { expect }) => {
    const { before, after, lasts: doesLast, end, losesData } = FAULTS[name]!;
    await using redis = await startRedis();
    await using links = await Links.open([redis.url]);
    const options = { keyPrefix: uniquePrefix(), sessions: { maxStaleness: `${BOUND_MS} ms` } };
    await using one = await openSessions({ ...options, redis: redis.url });
    await using other = await openSessions({ ...options, redis: links.urlTo(redis.url), commandTimeout: 400 });
    const place = { redis, links, one, stream: `${options.keyPrefix}f:{feed}stream`, anchor: `${options.keyPrefix}f:{feed}anchor` };
    const pairs = await Promise.all([0, 1, 2, 3, 4].map((n) => one.sessions.create(`ann-${n}`, n === 3 ? { tenant: 'acme' } : {})));
    const kept = await one.sessions.create('bob');
    for (const { accessToken } of [...pairs, kept]) await until(() => other.sessions.verify(accessToken));
    const presented = pairs.map(({ accessToken }) => new Presented(other.sessions, accessToken));
    using goesOn = new Presented(other.sessions, kept.accessToken);
    await before?.(place);
    const endedAt = await endAll(one, pairs);
    await after?.(place);
    const untilOver = (): Promise<void> => sleep(Math.max(0, Math.max(...endedAt) + BOUND_MS + 500 - performance.now()));
    if (doesLast) await untilOver();
    await end?.(place);
    await links.heal();
    await untilOver();
    await until(() => presented.every(({ last }) => ['revoked', 'invalid'].includes(last)), {
      within: RECOVERS_WITHIN_MS,
      what: 'all are refused',
    });
    for (const each of presented) each[Symbol.dispose]();
    const lags = presented.map(({ lastAccept }, n) => Math.round(lastAccept - endedAt[n]!));
    if (process.env['FIGURES'] !== undefined) console.log(`${name}: ${lags.join(', ')} of ${BOUND_MS} ms`);
    for (const lag of lags) expect(lag).toBeLessThanOrEqual(BOUND_MS);
    for (const { unexpected, refusals } of presented) {
      expect(unexpected).toEqual([]);
      expect(refusals).toBeGreaterThan(0);
    }
    if (losesData) {
      await until(() => goesOn.last === 'invalid', { what: 'what Redis has lost is refused' });
    } else {
      await until(() => goesOn.last === 'accepted', { what: 'what nobody has ended is accepted' });
      expect(goesOn.refusals).toBe(0);
    }
  });
});
