import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { KeySpace } from '../../../lib/redis/index.js';
import { FeedWriter } from '../../../lib/revocation/feed-writer.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { Links } from '../../support/chaos/links.js';
import { uniquePrefix } from '../../support/key-prefix.js';
import { captureLog } from '../../support/open-connection.js';
import { Presented } from '../../support/revocation/presented.js';
import { scaled } from '../../support/scale.js';
import { openSessions, type SessionsUnderTest } from '../../support/sessions.js';
import { until } from '../../support/until.js';

const MANY = 100_000;
const AT_ONCE = 1_000;
const BOUND_MS = 2_000;
const WINDOW_MS = 910_000;

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
  captureLog();
});
afterAll(() => redis.stop());

/** So many sessions, that there never were, are ended as fast as Redis takes it. */
async function endMany({ connection, keyPrefix }: SessionsUnderTest): Promise<void> {
  const writer = new FeedWriter(new KeySpace(keyPrefix), WINDOW_MS);
  const chunks = Array.from({ length: MANY / AT_ONCE }, () =>
    Array.from({ length: AT_ONCE }, () => `s r ${randomBytes(21).toString('base64url')}`),
  );
  const rest = chunks.values();
  const worker = async (): Promise<void> => {
    for (const texts of rest) await connection.execute('test.append', (_client, again) => writer.append(again, texts));
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

const WAYS = ['over a link that is silent until all is written', 'over a whole link', 'over a link that is late'];

it.each(WAYS.slice(0, scaled(1, 3)))(`sessions ended among ${MANY} others at once are refused in time, %s`, async (way) => {
  await using links = await Links.open([redis.url]);
  const options = { keyPrefix: uniquePrefix(), sessions: { maxStaleness: `${BOUND_MS} ms` } };
  await using one = await openSessions({ ...options, redis: redis.url });
  await using other = await openSessions({ ...options, redis: links.urlTo(redis.url) });
  const pairs = await Promise.all(Array.from({ length: 20 }, (_, n) => one.sessions.create(`user-${n}`)));
  const kept = await one.sessions.create('kept');
  for (const { accessToken } of [...pairs, kept]) await other.sessions.verify(accessToken);
  const presented = pairs.map(({ accessToken }) => new Presented(other.sessions, accessToken));
  using goesOn = new Presented(other.sessions, kept.accessToken);
  if (way.includes('silent')) await links.begin('silent');
  if (way.includes('late')) await links.begin('late', 100);
  let areWritten = false;
  const writing = endMany(one).then(() => (areWritten = true));
  const endedAt: number[] = [];
  for (const { sessionId } of pairs) {
    // spread over the time that the others take; the last come behind them all
    const before = endedAt.length;
    await until(async () => areWritten || (await one.connection.client.xlen(`${one.keyPrefix}f:{feed}stream`)) > (before * MANY) / 18, {
      within: 20_000,
    });
    await one.sessions.revoke(sessionId);
    endedAt.push(performance.now());
  }
  await writing;
  if (way.includes('silent')) await links.heal();
  await until(() => presented.every(({ last }) => last === 'revoked'), { within: 10_000, what: 'all are refused' });
  for (const each of presented) each[Symbol.dispose]();
  const lags = presented.map(({ lastAccept }, n) => Math.round(lastAccept - endedAt[n]!));
  if (process.env['FIGURES'] !== undefined) console.log(`${MANY} ${way}: at most ${Math.max(...lags)} ms`);
  for (const lag of lags) expect(lag).toBeLessThanOrEqual(BOUND_MS);
  await until(() => goesOn.last === 'accepted', { within: 10_000 });
  expect(goesOn.refusals).toBe(0);
  // and one who begins now learns of all of them
  await using late = await openSessions({ ...options, redis: redis.url });
  for (const { accessToken } of pairs) await expect(late.sessions.verify(accessToken)).rejects.toMatchObject({ reason: 'revoked' });
  await late.sessions.verify(kept.accessToken);
});
