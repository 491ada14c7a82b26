import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockLostError, LockStoreUnavailableError } from '../../../lib/errors/index.js';
import { startRedis, type TestRedis } from '../../../lib/testing/index.js';
import { ask } from '../../support/ask.js';
import { LocksUnderTest } from '../../support/locks.js';
import { captureLog } from '../../support/open-connection.js';
import { scaled } from '../../support/scale.js';
import { until } from '../../support/until.js';
import { withoutTtl } from '../../support/without-ttl.js';

captureLog();

const CLIENTS = 8;
const ACQUISITIONS = scaled(10_000, 100_000);

let redis: TestRedis;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());

/** From the moment at which a lock was obtained to that at which its release was asked for. */
interface Section {
  token: bigint;
  from: number;
  to: number;
  /** Redis lost the lock meanwhile; its holder knows nothing of that, and a resource refuses its token afterwards. */
  isOverlapped?: true;
}

describe('fencing tokens', () => {
  it('rise strictly, and sections never overlap by their order, while Redis loses everything in between', async () => {
    const clients = Array.from({ length: CLIENTS }, () => new LocksUnderTest({ redis: redis.url }));
    const sections: Section[] = [];
    let left = ACQUISITIONS;
    const work = async (locks: LocksUnderTest): Promise<void> => {
      while (left > 0) {
        try {
          const lock = await locks.acquire('hot', { ttl: '2s' });
          const section: Section = { token: lock.fencingToken, from: performance.now(), to: Infinity };
          sections.push(section);
          if (--left === ACQUISITIONS / 2) {
            section.isOverlapped = true;
            await redis.restart();
          }
          section.to = performance.now();
          await lock.release();
        } catch (error) {
          if (!(error instanceof LockStoreUnavailableError || error instanceof LockLostError)) throw error;
          await new Promise(setImmediate);
        }
      }
    };
    await Promise.all(clients.map(work));

    expect(sections.filter(({ isOverlapped }) => isOverlapped)).toHaveLength(1);
    expect(sections.length).toBeGreaterThanOrEqual(ACQUISITIONS);
    for (let n = 1; n < sections.length; n++) {
      const [before, after] = [sections[n - 1]!, sections[n]!];
      expect(after.token > before.token).toBe(true);
      if (!before.isOverlapped) expect(after.from).toBeGreaterThanOrEqual(before.to);
    }
    expect(await withoutTtl(redis)).toEqual([]);
    await until(async () => (await ask(redis, (client) => client.keys('*'))).every((key) => key.startsWith('auth:f:')), {
      within: 14_000,
      what: 'no lock is left',
    });
    await Promise.all(clients.map((locks) => locks.close()));
  });

  it('are counted by at most 1,024 keys, whatever the locks are called', async () => {
    await using locks = new LocksUnderTest({ redis: redis.url, commandTimeout: 5_000 });
    for (let n = 0; n < 8_000; n += 200) {
      await Promise.all(Array.from({ length: 200 }, async (_, of) => (await locks.tryAcquire(`job ${n + of}`, { ttl: '5s' }))!.release()));
    }
    const keys = await ask(redis, (client) => client.keys('*'));
    expect(keys.length).toBeGreaterThan(1_000);
    expect(keys.length).toBeLessThanOrEqual(1_024);
    expect(keys.every((key) => /^auth:f:\{\d+\}$/.test(key))).toBe(true);
    expect(await withoutTtl(redis)).toEqual([]);
  });

  it('start at the server time in µs where there is no counter', async () => {
    await using locks = new LocksUnderTest({ redis: redis.url });
    const [seconds] = await ask(redis, (client) => client.time());
    const first = (await locks.tryAcquire('job', { ttl: '5s' }))!;
    await first.release();
    expect(Math.abs(Number(first.fencingToken) / 1e6 - Number(seconds))).toBeLessThan(5);
    await ask(redis, (client) => client.flushall());
    const second = (await locks.tryAcquire('job', { ttl: '5s' }))!;
    expect(second.fencingToken > first.fencingToken).toBe(true);
  });
});

describe('a fenced write', () => {
  it('of a holder that was paused is refused once a later holder has written', async () => {
    await using ours = new LocksUnderTest({ redis: redis.url });
    await using theirs = new LocksUnderTest({ redis: redis.url });
    const paused = (await ours.tryAcquire('account', { ttl: '50 ms' }))!;
    expect(await ours.writeFenced('account:1', { fencingToken: paused.fencingToken, fields: { balance: '1' } })).toBe(true);
    expect(await ours.writeFenced('account:1', { fencingToken: paused.fencingToken, fields: { balance: '2', note: '' } })).toBe(true);
    const next = await theirs.acquire('account', { ttl: '5s' });
    expect(await theirs.writeFenced('account:1', { fencingToken: next.fencingToken, fields: { balance: '3' }, ttl: '1 minute' })).toBe(
      true,
    );
    expect(await ours.writeFenced('account:1', { fencingToken: paused.fencingToken, fields: { balance: '4' } })).toBe(false);
    expect(await ask(redis, (client) => client.hgetall('account:1'))).toEqual({
      fence: String(next.fencingToken),
      balance: '3',
      note: '',
    });
    expect(await ask(redis, (client) => client.ttl('account:1'))).toBeGreaterThan(50);
  });
});
